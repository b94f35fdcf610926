"""Whether the losses of several runs mean the same, and what else was not held equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from seqmagic.runs.record import RunRecord, measured_on


def incomparable(records: Sequence[tuple[str, RunRecord]]) -> list[str]:
    """Why losses of these named runs can't be compared, a phrase each; empty where they can.

    The rule is that of `runs.record.measured_on`.
    """
    reasons = []
    texts, splits, counts = (
        [(name, measured_on(record)[key]) for name, record in records] for key in ("text", "split", "min_count")
    )
    if _distinct(texts) > 1:
        reasons.append(f"their texts differ ({_groups(texts)})")
    elif _distinct(splits) > 1:
        reasons.append(f"the text was split differently ({_groups(splits)})")
    if _distinct(counts) > 1:
        reasons.append(f"their vocabularies differ, by --min-count ({_groups(counts)})")
    return reasons


def trained_alike(record: RunRecord) -> str:
    """What is the same for two runs that differ in nothing but the seed."""
    return repr((measured_on(record), record.model, dataclasses.replace(record.training, seed=0)))


def _distinct(values: Sequence[tuple[str, Any]]) -> int:
    return len({value for _, value in values})


def _groups(values: Sequence[tuple[str, Any]]) -> str:
    """`a, b | c`: names with the same value together."""
    groups: dict[Any, list[str]] = {}
    for name, value in values:
        groups.setdefault(value, []).append(name)
    return " | ".join(", ".join(names) for names in groups.values())


def machine_of(records: Sequence[RunRecord]) -> str | None:
    """What they were trained on, `a processor, 2 threads`; None where that is not known or not the same for all."""
    found = {(record.environment.get("device"), record.environment.get("threads")) for record in records}
    device, threads = found.pop() if len(found) == 1 else (None, None)
    return f"{device}, {threads} thread{'s' * (threads != 1)}" if device and threads else None


def unequal_settings(records: Sequence[RunRecord]) -> list[str]:
    """What else was not held equal, as `minutes: 1, 3`: the losses are comparable, the contest was not even.

    Learning rate, dropout and weight decay follow the cell in the recipe, and are no part of the contest.
    """
    found = []
    for part, name in (("training", "minutes"), ("training", "epochs"), ("model", "embedding")):
        values = list(dict.fromkeys(getattr(getattr(record, part), name) for record in records))
        if len(values) > 1:
            words = ", ".join("none" if value is None else f"{value:g}" for value in values)
            found.append(f"{name}: {words}")
    devices = list(dict.fromkeys(str(record.environment.get("device")) for record in records))
    if len(devices) > 1:
        found.append(f"device: {', '.join(devices)}")
    return found
