"""What every export is made from, and the text with which it is checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqmagic.config import DataConfig
from seqmagic.errors import RunError
from seqmagic.export.bundle import CHECK_CHARACTERS, LOSS_CHARACTERS, read_bundle, source_name
from seqmagic.runs.folder import Run
from tests.helpers import TEXT, make_run, make_text

LONG = TEXT * 30
HALF = DataConfig(validation=0.5)


@pytest.fixture
def run(models: Path, tmp_path: Path) -> Run:
    return make_run(models, source=make_text(tmp_path / "texts", LONG), data=HALF)


def test_text_is_the_start_of_the_validation_part(run: Run) -> None:
    bundle = read_bundle(run)
    start, _ = bundle.record.text.validation
    assert bundle.loss_text == LONG[start : start + LOSS_CHARACTERS]
    assert bundle.check_text == LONG[start : start + CHECK_CHARACTERS]
    assert bundle.text_source == "the validation text of bottles.txt"
    assert bundle.network.vocabulary_size == bundle.vocabulary.size


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("gone", "the text bottles.txt is not here any more"),
        ("changed", "the text bottles.txt has changed since the training"),
    ],
)
def test_without_the_text_samples_are_used(run: Run, what: str, why: str) -> None:
    source = Path(run.read_record().text.source)
    if what == "gone":
        source.unlink()
    else:
        source.write_text(LONG + "!")
    run.append_sample("step 1", "green bottles\u00ff")
    run.append_sample("step 2", "hanging")
    bundle = read_bundle(run)
    assert bundle.text_source == f"a text made of the run's samples, as {why}"
    assert bundle.loss_text.startswith("green bottles\n\nhanging\n\n")
    assert len(bundle.loss_text) == CHECK_CHARACTERS  # filled up with the vocabulary
    assert not bundle.vocabulary.outside(bundle.loss_text)
    assert read_bundle(run).loss_text == bundle.loss_text


def test_many_samples_are_cut(run: Run) -> None:
    Path(run.read_record().text.source).unlink()
    run.append_sample("step 1", "green bottles " * 1000)
    assert read_bundle(run).loss_text == ("green bottles " * 1000)[:LOSS_CHARACTERS]


def test_no_samples_and_a_short_validation_part(models: Path, tmp_path: Path) -> None:
    run = make_run(models, source=make_text(tmp_path / "texts", "ab\n" * 200))
    bundle = read_bundle(run)
    assert bundle.text_source.endswith("as the validation text has fewer than 200 characters")
    assert bundle.loss_text == ("\nab" * 200)[:CHECK_CHARACTERS]


def test_a_source_is_named_without_its_folders(run: Run) -> None:
    assert source_name(run.read_record()) == "bottles.txt"


def test_a_corrupt_run_is_refused(run: Run) -> None:
    run.model_path.write_bytes(b"no archive")
    with pytest.raises(RunError, match="corrupt"):
        read_bundle(run)
