"""The text that a run was trained on: had again, or a clear word why not, and never a wait."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from seqmagic.config import DataConfig
from seqmagic.errors import RunError
from seqmagic.export.bundle import read_bundle
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnTextError, read_own_text, source_name
from tests.helpers import TEXT, make_run


def with_source(run: Run, source: str) -> Run:
    record = run.read_record()
    run.write_record(dataclasses.replace(record, text=dataclasses.replace(record.text, source=source)))
    return run


def test_the_parts_are_cut_as_they_were(models: Path, text: Path) -> None:
    run = make_run(models, source=text, data=DataConfig(validation=0.2, test=0.1))
    spans = run.read_record().text
    own = read_own_text(run, "test")
    assert run.read_vocabulary().decode(own.ids) == TEXT[slice(*spans.test)]
    assert run.read_vocabulary().decode(own.part("train")) == TEXT[slice(*spans.train)]


def test_a_part_that_is_not_there_is_named(tiny_run: Run) -> None:
    with pytest.raises(RunError, match=r"has no test part; the parts it has: train \(1,854 characters\), validation"):
        read_own_text(tiny_run, "test")


@pytest.mark.parametrize(
    ("change", "message", "brief"),
    [
        ("!", r"the text of run tiny, .*bottles\.txt, has changed since the training \(sha256 ", "has changed since"),
        (None, "the text of run tiny can't be read again: there is no text ", "is not here any more"),
    ],
)
def test_a_text_that_is_gone_or_changed(
    change: str | None, message: str, brief: str, tiny_run: Run, text: Path
) -> None:
    if change is None:
        text.unlink()
    else:
        text.write_text(TEXT + change)
    with pytest.raises(OwnTextError, match=message) as caught:
        read_own_text(tiny_run, "train")
    assert caught.value.brief.startswith("the text bottles.txt " + brief)
    assert str(text.parent) not in caught.value.brief


def test_standard_input_can_not_be_read_again(tiny_run: Run) -> None:
    with pytest.raises(OwnTextError, match="run tiny read its text from standard input"):
        read_own_text(with_source(tiny_run, "-"), "train")
    assert source_name(tiny_run.read_record()) == "standard input"


@pytest.mark.parametrize("kind", ["fifo", "device", "root"])
@pytest.mark.timeout(20)
def test_what_is_neither_a_file_nor_a_folder_is_not_opened(kind: str, tiny_run: Run, tmp_path: Path) -> None:
    source = {"fifo": str(tmp_path / "pipe"), "device": "/dev/zero", "root": "/"}[kind]
    if kind == "fifo":
        os.mkfifo(source)
    run = with_source(tiny_run, source)
    why = {"fifo": "is a pipe", "device": "is a device, not a text", "root": "belongs to the system"}[kind]
    with pytest.raises(OwnTextError, match=f"can't be read again: .* {why}"):
        read_own_text(run, "validation")
    assert read_bundle(run).text_source.startswith("a text made of the run's samples")  # an export need not read it
