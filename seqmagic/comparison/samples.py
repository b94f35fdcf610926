"""What the runs of a comparison write after the same prompt, with the same random numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from seqmagic.comparison.record import Comparison
from seqmagic.config import SampleConfig
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.texts.records import record_end

LENGTH = 240  # characters that each run writes


def with_samples(comparison: Comparison, models: Path, *, seed: int, prompt: str | None = None) -> Comparison:
    """`comparison` with what the best run of each row writes; a note for each that can't write."""
    samples, notes = {}, list(comparison.notes)
    for summary in comparison.summaries:
        rows = [row for row in summary.rows if row.run and row.loss is not None]
        if not rows:
            continue
        name = min(rows, key=lambda row: row.loss or 0.0).run or ""
        try:
            samples[name] = write_sample(open_run(models, name), prompt=prompt, seed=seed)
        except Exception as problem:  # a table without a sample is still the table
            notes.append(f"No sample of {name}: {problem}")
    return dataclasses.replace(comparison, samples=samples, notes=tuple(notes), prompt=prompt)


def write_sample(run: Run, *, prompt: str | None, seed: int) -> str:
    """What `run` writes after `prompt` (the default one where there is none), the prompt included."""
    from seqmagic.network.trained import read_trained
    from seqmagic.sampling.stepper import FoldedNetwork
    from seqmagic.sampling.writer import write

    model = read_trained(run)
    pieces = write(
        FoldedNetwork.of(model.network),
        model.vocabulary,
        SampleConfig(length=LENGTH, seed=seed),
        [] if prompt is None else [prompt],
        record_end=record_end(model.record.data),
    )
    return (prompt or "") + "".join(piece.characters for piece in pieces)
