"""The loop around a session: a training that is cut in two goes on as the one that wasn't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.config import DataConfig, DecidedModel, DecidedTraining
from seqmagic.runs.making import create_run
from seqmagic.runs.record import RunRecord, TextRecord, now
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.device import Device
from seqmagic.training.events import Evaluated, Finished
from seqmagic.training.recipe import Plan
from seqmagic.training.trainer import Trainer
from tests.helpers import make_text

pytestmark = pytest.mark.tf

OF_THE_CLOCK = ("seconds", "characters_per_second")


def trainer(tmp_path: Path, name: str) -> Trainer:
    corpus = read_corpus(str(make_text(tmp_path)), DataConfig())
    plan = Plan(
        model=DecidedModel(cell="gru", units=6, layers=1, embedding=3, dropout=0.2),
        training=DecidedTraining(
            epochs=1, batch_size=4, sequence_length=8, learning_rate=0.01, weight_decay=0.1, reset_probability=0.1
        ),
        notes=(),
    )
    new = create_run(tmp_path / "models", name=name, default=name, overwrite=False)
    record = RunRecord(
        name=name,
        created=now(),
        argv=(),
        seed=plan.training.seed,
        text=TextRecord.of(corpus),
        data=corpus.config,
        model=plan.model,
        training=plan.training,
        environment={},
    )
    return Trainer(new, record, corpus, plan, Device(kind="cpu", name="a processor", threads=1), callbacks=())


def figures(events: list[Any]) -> list[dict[str, Any]]:
    """What was found by whom no clock is asked."""
    found: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Evaluated | Finished):
            row = dict(event.row if isinstance(event, Evaluated) else event.results)
            found.append({key: value for key, value in row.items() if key not in OF_THE_CLOCK})
    return found


@pytest.mark.parametrize("cut_at", [1, 20, 24])
def test_a_training_cut_in_two_is_the_whole_one(cut_at: int, tmp_path: Path) -> None:
    whole, first, second = (trainer(tmp_path, name) for name in ("whole", "first", "second"))
    expected = figures(list(whole.events(lambda: False)))
    kept: dict[str, np.ndarray] = {}
    take_steps = first.session.take_steps

    def stop_after(learning_rates: Sequence[float]) -> tuple[list[float], list[float]]:
        if first.session.state.step == cut_at:
            kept.update(first.session.state.to_arrays())
            raise InterruptedError
        return take_steps(learning_rates[: cut_at - first.session.state.step])

    first.session.take_steps = stop_after  # type: ignore[method-assign]
    before: list[Any] = []
    with pytest.raises(InterruptedError):
        for event in first.events(lambda: False):
            before.append(event)
    second.session.state.restore(kept)
    after = figures(list(second.events(lambda: False)))
    assert figures(before) + after == expected
    assert len(expected) > 10 and (cut_at == 1 or figures(before))
    for one, other in zip(whole.session.state.weights, second.session.state.weights, strict=True):
        np.testing.assert_array_equal(one, other)
