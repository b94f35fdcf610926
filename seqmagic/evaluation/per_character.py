"""What every character of a text cost a model, as a file: CSV or JSON lines, one line a character."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic.files import atomic_path
from seqmagic.texts.vocabulary import UNKNOWN, Vocabulary

COLUMNS = ("run", "text", "position", "character", "known", "bits", "probability")
SUFFIXES = (".csv", ".jsonl")


@dataclass(frozen=True, kw_only=True, eq=False)
class Costs:
    """The characters of one text under one model.

    Attributes:
        run, text: Their names.
        start: Position in the whole text of the first of `ids`.
        ids: (n,) in `vocabulary`; the first is not predicted.
        nats: (n - 1,) of the characters but the first.
    """

    run: str
    text: str
    start: int
    vocabulary: Vocabulary
    ids: np.ndarray
    nats: np.ndarray


def write_costs(path: Path, tables: Iterable[Costs]) -> None:
    """Write `tables` below each other into one file, whose name ends with one of `SUFFIXES`; whole or not at all.

    A character that the model does not know has `known` 0 (false) and stands as the symbol that was scored.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = (row for table in tables for row in _rows(table))
        if path.suffix.lower() == ".csv":
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({**row, "known": int(row["known"])} for row in rows)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _rows(table: Costs) -> Iterator[dict[str, Any]]:
    pairs = zip(table.ids[1:].tolist(), table.nats.tolist(), strict=True)
    for position, (number, nats) in enumerate(pairs, start=table.start + 1):
        yield {
            "run": table.run,
            "text": table.text,
            "position": position,
            "character": table.vocabulary.decode([number]),
            "known": number != UNKNOWN,
            "bits": round(nats / math.log(2), 6),
            "probability": float(f"{math.exp(-nats):.6g}"),
        }
