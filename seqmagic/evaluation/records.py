"""What records cost a model, in bits: how many, on an average, and which are the costliest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqmagic.evaluation import units
from seqmagic.evaluation.evaluation import RecordScore
from seqmagic.texts.vocabulary import Vocabulary

COSTLIEST = 5  # records that are named
SHOWN = 200  # characters of each


def record_statistics(found: RecordScore, ids: np.ndarray, vocabulary: Vocabulary) -> dict[str, Any]:
    """What there is to say of records, as one document of plain values. All bits are those of whole records.

    Args:
        found: What they cost.
        ids: (N + 1,) that they were read from.
    """
    bits = units.bits(found.nats)
    order = np.lexsort((np.arange(len(bits)), -bits))[:COSTLIEST]
    spans = [(int(found.places[record]) + 1, int(found.places[record + 1])) for record in order]
    return {
        "count": len(bits),
        "bits_per_record": math.fsum(bits) / len(bits),  # whatever their order
        "median_bits": float(np.median(bits)),
        "least_bits": float(bits.min()),
        "most_bits": float(bits.max()),
        "costliest": [
            {
                "record": vocabulary.decode(ids[start : min(stop, start + SHOWN)]),
                "bits": float(bits[record]),
                "characters": stop - start + 1,
            }
            for record, (start, stop) in zip(order, spans, strict=True)
        ],
    }
