"""A trained model is read whole, and its files must be of one training."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from seqmagic.errors import RunError
from seqmagic.network.trained import read_trained
from seqmagic.runs.folder import Run
from tests.helpers import make_run


def test_it_has_what_the_run_has(tiny_run: Run) -> None:
    model = read_trained(tiny_run)
    assert (model.run, model.record, model.vocabulary) == (
        tiny_run,
        tiny_run.read_record(),
        tiny_run.read_vocabulary(),
    )
    assert model.network.vocabulary_size == model.vocabulary.size


@pytest.mark.parametrize("change", [{"cell": "gru"}, {"layers": 2}, {"units": 7}, {"embedding": 5}])
def test_a_record_of_another_network_is_refused(change: dict[str, Any], tiny_run: Run) -> None:
    record = tiny_run.read_record()
    tiny_run.write_record(dataclasses.replace(record, model=dataclasses.replace(record.model, **change)))
    with pytest.raises(RunError, match=r"model\.keras .*(corrupt|they are not of one training)"):
        read_trained(tiny_run)


def test_a_vocabulary_of_another_size_is_refused(tiny_run: Run, models: Path, text: Path) -> None:
    text.write_text("another text, shorter in its characters " * 40)
    other = make_run(models, "other", source=text)
    tiny_run.write_vocabulary(other.read_vocabulary())
    with pytest.raises(RunError, match="not of one training"):
        read_trained(tiny_run)
