"""What can be said of a text before anything is trained on it: counts, what compresses it, what it repeats."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.evaluation import baselines
from seqmagic.evaluation.baselines import Baseline, measure_baselines
from seqmagic.texts.repeats import longest_repeat, share_found
from seqmagic.texts.vocabulary import UNKNOWN
from seqmagic.texts.whole import WholeText

# So many characters are compressed and searched for repeats, from the start of the text; of the training part
# those before the validation part are compared with it. The work on ten million takes half a minute and 0.7 GB.
MOST_CHARACTERS = 10_000_000
WORD_FOR_WORD = 30  # characters from which on a stretch that stands elsewhere as well is no chance
SHOWN_OF_A_REPEAT = 60  # characters
PLACES_OF_A_REPEAT = 10
_COMPRESSORS = {"xz": ("lzma", {"preset": 6}), "bzip2": ("bz2", {"compresslevel": 9})}


def text_statistics(text: WholeText, *, limit: int = MOST_CHARACTERS) -> dict[str, Any]:
    """The statistics of a text, as one document of plain values.

    Losses are in bits per character. Those of the n-grams are of the validation part, counted on the training
    part, the same that `compare` sets beside its table. A figure that can't be had is None.
    """
    looked_at = text.ids[:limit]
    train, validation = text.part(text.train)[-limit:], text.part(text.validation)[:limit]
    characters = text.vocabulary.characters
    by_count = np.argsort(-text.counts[1:], kind="stable")
    return {
        "text": text.source,
        "sha256": text.sha256,
        "bytes": text.bytes,
        "characters": len(text.ids),
        "parts": {"train": list(text.train), "validation": list(text.validation), "test": list(text.test)},
        "vocabulary": [{"character": characters[place], "count": int(text.counts[place + 1])} for place in by_count],
        "looked_at": len(looked_at),
        "baselines": [
            {"name": one.name, "order": one.order, "bits_per_character": one.bits_per_character}
            for one in _baselines(text, baselines.MOST_CHARACTERS)
        ],
        "compression": _compression(text.vocabulary.decode(looked_at)),
        "longest_repeat": _repeat(text, looked_at),
        "word_for_word": {
            "length": WORD_FOR_WORD,
            "characters": len(validation),
            "compared_with": len(train),
            "share": share_found(train, validation, WORD_FOR_WORD) if len(validation) else None,
        },
    }


def _baselines(text: WholeText, limit: int) -> list[Baseline]:
    """As `compare` measures them: what the training part lacks is one unknown character."""
    seen = text.train_counts > 0
    new_ids = np.where(seen, np.cumsum(seen), UNKNOWN).astype(text.ids.dtype)
    counted, scored = text.part(text.train)[-limit:], text.part(text.validation)[:limit]
    try:
        return measure_baselines(new_ids[counted], new_ids[scored], int(seen.sum()) + 1, limit=limit)
    except CorpusError:
        return []  # a validation part of one character


def _compression(content: str) -> dict[str, float | None]:
    """Bits per character of general compressors; None for one that this Python was built without."""
    encoded = content.encode("utf-8")
    figures: dict[str, float | None] = {}
    for name, (module, settings) in _COMPRESSORS.items():
        try:
            figures[name] = 8 * len(importlib.import_module(module).compress(encoded, **settings)) / len(content)
        except ImportError:
            figures[name] = None
    return figures


def _repeat(text: WholeText, ids: np.ndarray) -> dict[str, Any]:
    length, places = longest_repeat(ids)
    start = places[0] if places else 0
    shown = text.vocabulary.decode(ids[start : start + min(length, SHOWN_OF_A_REPEAT)])
    return {"length": length, "times": len(places), "places": list(places[:PLACES_OF_A_REPEAT]), "begins": shown}
