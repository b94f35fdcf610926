"""Event files are read back by TensorFlow's own reader: curves, texts, settings; trouble ends no training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started
from seqmagic.training.tensorboard import SETTINGS_TAG, EventFiles, settings_message
from tests.helpers import make_text

pytestmark = pytest.mark.tf


def events_of(run: Run) -> list[Event]:
    from seqmagic.config import DataConfig
    from seqmagic.texts.corpus import read_corpus

    corpus = read_corpus(str(make_text(run.path.parent)), DataConfig())
    row = HistoryRow(step=9, train_loss=2.5, validation_loss=2.0, bits_per_character=2.9)
    settings = {"units": 6, "cell": "lstm", "prompt": None, "learning_rate": 0.01, "glob": "a|b"}
    progress: dict[str, Any] = {"fraction": 0.5, "characters_per_second": 1000.0, "seconds_left": 3.0, "epoch": 1.0}
    return [
        Started(run=run, corpus=corpus, lines=(), settings=settings),
        Progress(**progress, train_loss=3.0, step=4, learning_rate=0.004, gradient_norm=1.5),
        Progress(**progress, train_loss=2.9, step=5, learning_rate=0.005, gradient_norm=1.6),
        Evaluated(row=row, sample="one\ntwo", best=True),
        Finished(run=run, status="complete", results=Results()),
    ]


def written(folder: Path) -> Iterator[tuple[str, int, Any, Any]]:
    """Each value in the event files of a folder: its tag, its step, what it is, and for which part of TensorBoard."""
    import tensorflow as tf

    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found = tf.make_ndarray(value.tensor)
                yield value.tag, event.step, found.item() if found.size == 1 else found, value.metadata.plugin_data


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    run = Run(tmp_path / "mine")
    now = iter([0.0, 10.0, 10.5])  # the second progress comes too soon after the first
    board = EventFiles(clock=lambda: next(now))
    for event in events_of(run):
        board.show(event)
        if isinstance(event, Progress):
            assert not run.path.exists()  # a run is not to be seen before its weights
    board.close()
    assert board.problem is None
    found = {(tag, step): (value, data) for tag, step, value, data in written(run.tensorboard_path)}
    scalars = {key: value for key, (value, data) in found.items() if data.plugin_name == "scalars"}
    assert scalars == {
        ("loss/training", 4): 3.0,
        ("learning_rate", 4): pytest.approx(0.004),
        ("gradient_length", 4): 1.5,
        ("characters_per_second", 4): 1000.0,
        ("loss/validation", 9): 2.0,
        ("loss/training_between_evaluations", 9): 2.5,
        ("bits_per_character", 9): pytest.approx(2.9),
    }
    assert found["sample", 9][0] == b"    one\n    two"
    assert b"| units | 6 |" in found["settings", 0][0] and rb"| glob | a\|b |" in found["settings", 0][0]
    assert found[SETTINGS_TAG, 0][1].plugin_name == "hparams"
    assert b"learning_rate" in found[SETTINGS_TAG, 0][1].content and b"prompt" not in found[SETTINGS_TAG, 0][1].content


def test_in_a_folder_of_ones_own_each_run_has_one(tmp_path: Path) -> None:
    board = EventFiles(tmp_path / "logs")
    for event in events_of(Run(tmp_path / "mine")):
        board.show(event)
    board.close()
    assert len(list((tmp_path / "logs" / "mine").iterdir())) == 1 and not (tmp_path / "mine").exists()


def test_a_folder_that_takes_nothing_ends_no_training(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    board = EventFiles(tmp_path / "logs")
    for event in events_of(Run(tmp_path / "mine")):
        board.show(event)
    board.close()
    assert board.problem is not None and "\n" not in board.problem


def test_the_message_of_settings_is_a_protocol_buffer() -> None:
    """Read by hand: field 3 holds entries (field 1) of a name and a google.protobuf.Value, and a time (field 5)."""
    from google.protobuf.struct_pb2 import Value

    message = settings_message({"name": "x" * 300, "units": 6, "quiet": True, "open": None}, seconds=1.0)
    number, inner, rest = field(message)
    assert (number, rest) == (3, b"")
    entries = {}
    while inner[0] >> 3 == 1:
        _, entry, inner = field(inner)
        _, name, entry = field(entry)
        _, value, nothing = field(entry)
        assert nothing == b""
        entries[name] = Value.FromString(value)
    assert sorted(entries) == [b"name", b"quiet", b"units"]
    assert entries[b"name"].string_value == "x" * 300 and entries[b"units"].number_value == 6.0
    assert entries[b"quiet"].bool_value is True
    assert inner == bytes([0x29, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F])


def field(message: bytes) -> tuple[int, bytes, bytes]:
    """The number and the bytes of the first field, and what follows it."""
    length, shift, at = 0, 0, 1
    while True:
        length |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 128:
            break
    return message[0] >> 3, message[at : at + length], message[at + length :]
