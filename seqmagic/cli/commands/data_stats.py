"""`seqmagic data stats`: what is in a text, before anything is trained on it."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

import click

from seqmagic.cli.console import draw, json_document, result
from seqmagic.cli.downloads import bring
from seqmagic.cli.options import Settings, TextName, collect, command, config_options
from seqmagic.config import DEFAULT_MINUTES, DataConfig, ModelConfig, minutes_words

_SHOWN_CHARACTERS = 8
_TAKES_A_WHILE = 2_000_000  # characters


@command(
    name="stats",
    short_help="Look into a text before training on it.",
    example="seqmagic data stats python-docs\nseqmagic data stats my.txt --json",
)
@click.argument("text", type=TextName())
@config_options(DataConfig, exclude=("min_count", "records", "column", "split_seed"))
@click.pass_obj
def stats(settings: Settings, text: str, **values: Any) -> None:
    """Measure TEXT: its size and characters, how well counting and compressing predict it, what it repeats, and
    what train would choose for it.

    The longest repeat is the longest stretch of characters that stands in the text twice; the two may overlap.
    "Word for word" is the share of the validation part's characters that lie in a stretch of 30 or more which the
    training part has as well: what a model could learn by heart. Of a text of more than 10 million characters the
    first 10 million are compressed and searched for repeats, and the last 10 million of the training part are
    compared with the validation part.
    """
    from seqmagic.evaluation.text_statistics import text_statistics
    from seqmagic.texts.sources import STANDARD_INPUT
    from seqmagic.texts.whole import read_whole

    bring(settings, text)
    whole = read_whole(text, collect(DataConfig, values))
    for line in whole.notices:
        settings.notice(line)
    if len(whole.ids) > _TAKES_A_WHILE:
        settings.notice(f"looking into {len(whole.ids):,} characters; this takes a while")
    document = text_statistics(whole)
    document["train_would_choose"] = _choice(document["parts"])
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.tables import facts_table

    draw(lambda width: facts_table(_sections(document), width=width))
    if document["train_would_choose"] and text != STANDARD_INPUT:
        result(f"\ntrain on it: seqmagic train {shlex.quote(text)}")


def _choice(parts: dict[str, Sequence[int]]) -> dict[str, Any] | None:
    """What the recipe makes of a text of this length; None where it is too short to train on.

    How many units a machine can train in the time given is measured when a training starts, so here stands how
    many the fastest would get.
    """
    from seqmagic.texts.corpus import MINIMUM_CHARACTERS, MINIMUM_PART
    from seqmagic.training.recipe import BATCH_SIZES, SEQUENCE_LENGTH, chosen_units, fit_batch

    lengths = {name: stop - start for name, (start, stop) in parts.items()}
    if sum(lengths.values()) < MINIMUM_CHARACTERS or min(lengths["train"], lengths["validation"]) < MINIMUM_PART:
        return None
    batch_size, sequence_length = fit_batch(lengths["train"], BATCH_SIZES["cpu"], SEQUENCE_LENGTH)
    return {
        "cell": ModelConfig().cell,
        "layers": 1,
        "most_units": chosen_units(lambda units: math.inf, lengths["train"]),
        "batch_size": batch_size,
        "sequence_length": sequence_length,
        "minutes": DEFAULT_MINUTES,
    }


def _sections(document: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any]]]]:
    characters, vocabulary = document["characters"], document["vocabulary"]
    parts = [f"{name} {stop - start:,}" for name, (start, stop) in document["parts"].items() if stop > start]
    most, least = vocabulary[:_SHOWN_CHARACTERS], vocabulary[::-1][:_SHOWN_CHARACTERS]
    size = [
        ("source", document["text"]),
        ("bytes", document["bytes"]),
        ("characters", characters),
        ("parts", ", ".join(parts)),
        ("sha256", document["sha256"]),
        ("vocabulary", f"{len(vocabulary):,} characters"),
        ("most frequent", ", ".join(f"{_sign(one)} {one['count'] / characters:.1%}" for one in most)),
        ("least frequent", ", ".join(f"{_sign(one)} {one['count']:,}" for one in least)),
    ]
    part = f" (first {document['looked_at']:,} characters)" if document["looked_at"] < characters else ""
    return [
        ("text", size),
        ("bits per character", [*_baselines(document), *_compressors(document, part)]),
        ("repeats", _repeats(document, part)),
        ("train would choose", _chosen(document["train_would_choose"])),
    ]


def _sign(entry: dict[str, Any]) -> str:
    """A character that can be seen; `facts_table` shows a line break as ⏎ and a tab as →."""
    return "␣" if entry["character"] == " " else entry["character"]


def _baselines(document: dict[str, Any]) -> list[tuple[str, Any]]:
    baselines = document["baselines"]
    grams = [one for one in baselines if one["order"] > 1]
    best = min(grams, key=lambda one: one["bits_per_character"], default=None)
    shown = [one for one in baselines if one["order"] <= 1] + ([best] if best else [])
    rows = [(one["name"], f"{one['bits_per_character']:.3f}") for one in shown]
    return rows or [("n-grams", "the validation part is too short for them")]


def _compressors(document: dict[str, Any], part: str) -> list[tuple[str, Any]]:
    missing = "this Python was built without it"
    figures = document["compression"].items()
    return [(name, missing if bits is None else f"{bits:.3f}{part}") for name, bits in figures]


def _repeats(document: dict[str, Any], part: str) -> list[tuple[str, Any]]:
    repeat, same = document["longest_repeat"], document["word_for_word"]
    if repeat["length"]:
        places = f"{repeat['times']:,} times, at {', '.join(f'{place:,}' for place in repeat['places'][:3])}"
        longest = f"{repeat['length']:,} characters, {places}{' ...' if repeat['times'] > 3 else ''}{part}"
    else:
        longest = "none"
    rows = [("longest", longest)]
    if repeat["length"]:
        rows.append(("it begins", repeat["begins"]))
    if same["share"] is not None:
        start, stop = document["parts"]["validation"]
        scored = "" if same["characters"] == stop - start else f" (its first {same['characters']:,} characters)"
        words = (
            f"{same['share']:.1%} of the validation part{scored}, in stretches of {same['length']} characters or more, "
            f"stands in the {same['compared_with']:,} characters before it"
        )
        rows.append(("word for word", words))
    return rows


def _chosen(choice: dict[str, Any] | None) -> list[tuple[str, Any]]:
    if choice is None:
        return [("", "the text is too short to train on")]
    units = f"{choice['most_units']} at most: as many as this machine can train in {minutes_words(choice['minutes'])}"
    rows = [("cell", choice["cell"]), ("layers", choice["layers"]), ("units", units)]
    return rows + [(name.replace("_", " "), choice[name]) for name in ("batch_size", "sequence_length")]
