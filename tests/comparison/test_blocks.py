"""Two blocks of one table: how they are linked on disk, and what is said of the order of their rows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from seqmagic.comparison.blocks import Both, data_name_of, find_data, order_in_both, read_kept
from seqmagic.comparison.chance import Chance, Distance
from seqmagic.comparison.record import Comparison, follow_renamed, read_comparison, write_comparison
from seqmagic.comparison.rows import Row
from seqmagic.errors import RunError
from tests.helpers import make_results

TEXT: Any = {"source": "x.txt", "sha256": "0" * 64, "train": (0, 6), "validation": (6, 9)}
EQUAL: Any = {"match": "units", "minutes": 2.0, "epochs": None, "seeds": (1,)}
SAME = "The order of the rows is the same in both blocks."


def block(losses: dict[str, float], margins: dict[str, float] | None = None, **more: Any) -> Comparison:
    """A comparison of one row for each cell, the margins those of the distances to the best row."""
    rows = tuple(
        Row(cell=cell, layers=1, units=8, seed=1, run=f"{cell}-1", results=make_results(loss))
        for cell, loss in losses.items()
    )
    best = min(losses.values())
    places = {cell: place for place, cell in enumerate(losses)}
    distances = tuple(
        Distance(row=places[cell], difference=losses[cell] - best, margin=margin)
        for cell, margin in (margins or {}).items()
    )
    place = list(losses.values()).index(best)
    chance = Chance(part="validation", characters=99, best=place, seeds=0, distances=distances) if margins else None
    given = {"text": TEXT, "held_equal": EQUAL, "created": "2026-01-02", **more}
    return Comparison(rows=rows, chance=chance, **given)


TIME = block({"rnn": 1.9, "lstm": 1.5, "gru": 1.6}, name="mine", beside="mine-data")
DATA = block(
    {"rnn": 1.8, "lstm": 1.3, "gru": 1.4},
    name="mine-data",
    beside_of="mine",
    created="2026-01-03",
    held_equal={**EQUAL, "minutes": None, "epochs": 2.5},
)


def keep(models: Path, *comparisons: Comparison) -> None:
    for one in comparisons:
        (models / str(one.name)).mkdir(exist_ok=True)
        write_comparison(models / str(one.name), one)


def test_both_come_back(models: Path) -> None:
    keep(models, TIME, DATA)
    both = read_kept(models / "mine")
    assert both == Both(time=TIME, data=DATA)
    assert isinstance(both, Both) and both.is_whole and both.status == "complete"
    assert [block.heading for block in both.blocks] == [
        "equal time: each row 2 minutes",
        "equal data: each row 2.5 epochs",
    ]
    assert read_kept(models / "mine-data") == DATA and data_name_of(models / "mine") == "mine-data"
    document = json.loads(json.dumps(both.to_json()))
    assert [one["block"] for one in document["blocks"]] == ["time", "data"]
    assert (document["sentence"], document["notes"]) == (SAME, [])
    assert {"block": "data", **json.loads(json.dumps(DATA.to_json()))} == document["blocks"][1]


def test_one_that_is_gone_or_corrupt_or_anothers_is_said_in_a_line(models: Path) -> None:
    keep(models, TIME)
    both = read_kept(models / "mine")
    assert isinstance(both, Both) and both.data is None and not both.is_whole and both.status == "interrupted"
    assert both.trouble == (
        "Its block of equal data, mine-data, is not there; train it: seqmagic compare --resume mine"
    )
    assert data_name_of(models / "mine") is None
    for other in (
        dataclasses.replace(DATA, beside_of="theirs"),
        dataclasses.replace(DATA, beside_of=None),
        dataclasses.replace(DATA, created="2025-01-01"),  # of a comparison that this one has replaced
    ):
        keep(models, other)
        assert find_data(TIME, models) is None and read_kept(models / "mine") == both
    (models / "mine-data" / "comparison.json").write_text("{")
    found = read_kept(models / "mine")
    assert isinstance(found, Both) and "is corrupt" in str(found.trouble) and "\n" not in str(found.trouble)
    assert data_name_of(models / "mine") is None


@pytest.mark.parametrize("change", [{"beside": "../up"}, {"beside": 3}, {"held_equal": {}}, {"text": {}}])
def test_a_damaged_link_is_named(change: dict[str, Any], models: Path) -> None:
    keep(models, TIME)
    (models / "mine" / "comparison.json").write_text(json.dumps({**TIME.to_json(), **change}))
    with pytest.raises(RunError, match=r"comparison\.json is corrupt"):
        read_kept(models / "mine")


def test_the_links_follow_a_name(models: Path) -> None:
    keep(models, TIME, DATA)
    assert follow_renamed(models, "mine-data", "other") == ["mine"]
    assert follow_renamed(models, "mine", "ours") == ["mine-data"]
    assert read_comparison(models / "mine").beside == "other"
    assert read_comparison(models / "mine-data").beside_of == "ours"


LEVEL = "The order of the rows is the same in both blocks but for rows that are level in one of them."
CLEAR = (
    "The order of the rows is not the same: from the best gru 1×8 and lstm 1×8 by time, lstm 1×8 and gru 1×8 by data."
)


@pytest.mark.parametrize(
    ("time", "data", "said"),
    [
        (block({"lstm": 1.5, "gru": 1.6}), block({"lstm": 1.3, "gru": 1.35}), SAME),
        (block({"lstm": 1.5, "gru": 1.4}), block({"lstm": 1.3, "gru": 1.4}), CLEAR),
        (block({"lstm": 1.5, "gru": 1.497}), block({"lstm": 1.3, "gru": 1.4}), LEVEL),
        (block({"lstm": 1.5, "gru": 1.4}, {"lstm": 0.2}), block({"lstm": 1.3, "gru": 1.4}), LEVEL),
        (block({"lstm": 1.5, "gru": 1.4}, {"lstm": 0.05}), block({"lstm": 1.3, "gru": 1.4}, {"gru": 0.05}), CLEAR),
        (block({"lstm": 1.5}), block({"lstm": 1.3}), None),
        (block({"lstm": 1.5, "gru": 1.6}), block({"lstm": 1.3, "rnn": 1.4}), None),
    ],
)
def test_the_order_in_both(time: Comparison, data: Comparison, said: str | None) -> None:
    assert order_in_both(time, data) == said


def test_the_margins_of_two_rows_behind_the_best_are_added() -> None:
    best = {"rnn": 1.0}
    time = {**best, "lstm": 1.5, "gru": 1.4}
    data = {**best, "lstm": 1.4, "gru": 1.5}
    for margin, said in ((0.04, "is not the same"), (0.06, "level in one of them")):
        margins = {"lstm": margin, "gru": margin}
        assert said in str(order_in_both(block(time, margins), block(data, margins)))


def test_it_shows_itself() -> None:
    both = Both(time=TIME, data=DATA)
    assert repr(both) == (
        "Both(equal time Comparison(mine, complete, rnn 1×8 1.9000, lstm 1×8 1.5000, gru 1×8 1.6000), "
        "equal data Comparison(mine-data, complete, rnn 1×8 1.8000, lstm 1×8 1.3000, gru 1×8 1.4000))"
    )
    shown = both._repr_html_()
    places = [
        shown.index(words) for words in ("equal time: each row 2 minutes", "1.5000", "equal data: each row", "1.3000")
    ]
    assert places == sorted(places) and SAME in shown
