"""Tiny trainings: they learn near distances, the same each time, and stop when they are asked to."""

from __future__ import annotations

import json

import pytest

from seqmagic.probes import settings
from seqmagic.probes.measure_recall import Answered, Recall, Training
from seqmagic.probes.settings import RecallConfig
from seqmagic.probes.shapes import shapes_of
from seqmagic.probes.tasks import TASKS

pytestmark = pytest.mark.tf


@pytest.fixture(autouse=True)
def _near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short sequences: what is compiled stays small."""
    monkeypatch.setattr(settings, "FARTHEST_TRAINED", 4)
    monkeypatch.setattr(settings, "TEST_DISTANCES", (1, 2, 4))


def recall(*cells: str, **values: object) -> Recall:
    config = RecallConfig(**{"params": 2_000, "seeds": 1, **values})
    return Recall(config, shapes_of(cells, config.params, vocabulary_size=len(TASKS[config.task].alphabet)))


def test_a_gru_learns_distances_of_one_and_two() -> None:
    measurement = recall("gru", updates=300)
    events = list(measurement.run(lambda: False))
    assert isinstance(events[0], Training) and (events[0].fraction, events[0].accuracy) == (0.0, None)
    assert isinstance(events[-2], Training) and events[-2].fraction == 1.0
    assert isinstance(events[-1], Answered)
    document = json.loads(json.dumps(measurement.document()))
    assert (document["schema"], document["kind"], document["status"]) == ("seqmagic.insight/1", "recall", "complete")
    assert [row["distance"] for row in document["rows"]] == [1, 2, 4]
    for row in document["rows"]:
        low, high = row["interval"]
        assert low <= row["accuracy"] <= high
        assert (row["cell"], row["seed"], row["cases"]) == ("gru", 0, settings.TEST_CASES)
        assert abs(row["parameters"] / 2_000 - 1) <= 0.02
        assert row["steps_to_90"] % document["checked_every"] == 0 or row["steps_to_90"] == 300
    for row in document["rows"][:2]:
        assert row["accuracy"] > 0.9 and row["interval"][0] > document["task"]["chance"]
    assert (document["rows"][0]["d50"], document["rows"][0]["d50_reason"]) == (None, "above half way at every distance")


def test_the_same_seed_gives_the_same_rows() -> None:
    rows = []
    for seed in (0, 0, 1):
        measurement = recall("attention", task="dyck2", updates=20, seed=seed)
        list(measurement.run(lambda: False))
        rows.append(measurement.document()["rows"])
    assert rows[0] == rows[1]
    assert [row["accuracy"] for row in rows[0]] != [row["accuracy"] for row in rows[2]]
    assert [one["depth"] for one in rows[0][0]["depths"]] == [1, 2, 3]
    assert sum(one["cases"] for one in rows[0][0]["depths"]) == settings.TEST_CASES


def test_models_that_are_done_stay_when_it_is_stopped() -> None:
    measurement = recall("attention", task="copy", updates=20, seeds=2)
    events = list(measurement.run(lambda: bool(measurement.rows)))
    assert sum(isinstance(event, Answered) for event in events) == 1
    document = measurement.document()
    assert document["status"] == "interrupted"
    assert {row["seed"] for row in document["rows"]} == {0}
