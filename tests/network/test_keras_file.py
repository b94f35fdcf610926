"""A model.keras that lies: what it declares is held against the run before a number is read."""

from __future__ import annotations

import dataclasses
import io
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import Result

import seqmagic
from seqmagic.config import ModelConfig
from seqmagic.errors import RunError
from seqmagic.network.keras_file import load_network
from seqmagic.runs.folder import Run
from seqmagic.runs.record import vocabulary_sum
from seqmagic.texts.vocabulary import Vocabulary
from tests.helpers import make_run

Call = Callable[..., Result]
PLACE = "layers/lstm/cell/vars/0"
SHAPE = (4, 24)  # the kernel of `tiny_run`


def refused(run: Run) -> str:
    with pytest.raises(RunError) as caught:
        load_network(run)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def members(run: Run) -> dict[str, bytes]:
    with zipfile.ZipFile(run.model_path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(run: Run, content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(run.model_path, "w", compression) as archive:
        for name, member in content.items():
            archive.writestr(name, member)


def with_weights(run: Run, change: Callable[[h5py.File], None]) -> Run:
    """`run` with its model.weights.h5 changed, checksums and all."""
    content = members(run)
    file = io.BytesIO(content["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        change(weights)
    pack(run, {**content, "model.weights.h5": file.getvalue()})
    return run


def replaced(run: Run, make: Callable[[h5py.File], Any]) -> Run:
    """`run` with another data set in the place of a kernel."""

    def change(weights: h5py.File) -> None:
        del weights[PLACE]
        make(weights)

    return with_weights(run, change)


# ---------------------------------------------------------------- numbers that lie elsewhere


def test_external_storage_is_refused_and_not_read(tiny_run: Run, tmp_path: Path, seqmagic: Call) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(np.full(SHAPE, 0.25, "f4").tobytes())
    external = [(str(secret), 0, secret.stat().st_size)]
    line = refused(replaced(tiny_run, lambda file: file.create_dataset(PLACE, SHAPE, "f4", external=external)))
    assert f"{PLACE} does not hold its numbers itself" in line
    result = seqmagic("export", "tiny", tmp_path / "out", "--format", "numpy")
    assert (result.exit_code, (tmp_path / "out").exists()) == (1, False)


def test_external_storage_in_a_fifo_does_not_hang(tiny_run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    external = [(str(tmp_path / "fifo"), 0, 384)]
    replaced(tiny_run, lambda file: file.create_dataset(PLACE, SHAPE, "f4", external=external))
    command_line(tiny_run, "sample", "tiny", words="does not hold its numbers itself")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", SHAPE)
    file.create_virtual_dataset(PLACE, layout)


def soft(file: h5py.File) -> None:
    file["numbers"] = np.zeros(SHAPE, "f4")
    file[PLACE] = h5py.SoftLink("/numbers")


def external_group(file: h5py.File) -> None:
    del file["layers/lstm"]
    file["layers/lstm"] = h5py.ExternalLink("other.h5", "/lstm")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (virtual, "does not hold its numbers itself"),
        (soft, "is a link to another place"),
        (external_group, "is a link to another place"),
        (lambda file: file.create_dataset(PLACE, SHAPE, "f4", chunks=True), "does not hold its numbers itself"),
        (lambda file: file.create_dataset(PLACE, SHAPE, "f4", compression="gzip"), "does not hold its numbers itself"),
        (lambda file: file.create_dataset(PLACE, data=np.zeros(SHAPE, "i4")), "no array of floats but int32"),
        (lambda file: file.create_dataset(PLACE, SHAPE, h5py.string_dtype()), "no array of floats but object"),
        (lambda file: file.create_dataset(PLACE, data=h5py.Empty("f4")), f"{PLACE}"),
        (lambda file: file.create_dataset(PLACE, SHAPE, "f4"), "declares 384 bytes and does not have them"),
        (lambda file: file.create_dataset(PLACE, (4, 2**34), "f4"), "declares 274,877,906,944 bytes and does not have"),
        (lambda file: file.create_group(PLACE), f"has no {PLACE}"),
        (lambda file: file.create_dataset(PLACE, data=np.zeros((4, 48), "f4")), "has shape (4, 48) where (4, 24)"),
    ],
)
def test_what_keras_does_not_write_is_refused(make: Callable[[h5py.File], Any], words: str, tiny_run: Run) -> None:
    line = refused(replaced(tiny_run, make))
    assert words in line
    assert "model.keras is corrupt" in line
    assert "--units" not in line


def test_half_and_double_precision_are_read(tiny_run: Run) -> None:
    before = load_network(tiny_run).layers[0].weights.kernel
    replaced(tiny_run, lambda file: file.create_dataset(PLACE, data=before.astype(">f8")))
    np.testing.assert_array_equal(load_network(tiny_run).layers[0].weights.kernel, before)


# ---------------------------------------------------------------- archives


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_an_archive_that_unpacks_to_more_is_refused_by_what_it_declares(
    member: str, compression: int, tiny_run: Run
) -> None:
    content = members(tiny_run)
    pack(tiny_run, {**content, member: content[member] + bytes(50_000_000)}, compression)
    tracemalloc.start()
    try:
        line = refused(tiny_run)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert f"{member} unpacks to " in line or f"{member} is compressed" in line
    assert peak < 5_000_000


@pytest.mark.parametrize("declared", [0, 100, 2**31 - 1])
def test_sizes_that_lie_are_refused(declared: int, tiny_run: Run) -> None:
    content = bytearray(tiny_run.model_path.read_bytes())
    place = content.rfind(b"PK\x01\x02")  # of model.weights.h5 in the directory; its two sizes stand 20 bytes on
    content[place + 20 : place + 28] = declared.to_bytes(4, "little") * 2
    tiny_run.model_path.write_bytes(content)
    assert "model.keras is corrupt" in refused(tiny_run)


def test_a_file_larger_than_its_model_is_refused_unread(tiny_run: Run) -> None:
    with open(tiny_run.model_path, "r+b") as file:
        end = tiny_run.model_path.read_bytes()[-22:]
        file.truncate(2**32)  # sparse
        file.seek(0, os.SEEK_END)
        file.write(end)
    assert "4,294,967,318 bytes, where its run can need" in refused(tiny_run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("name", ["model.keras", "run.json", "vocabulary.json"])
@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_what_is_no_ordinary_file_neither_hangs_nor_is_read(kind: str, name: str, tiny_run: Run) -> None:
    path = tiny_run.path / name
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    command_line(tiny_run, "evaluate", "tiny", words="no ordinary file")


def command_line(run: Run, *arguments: str, words: str) -> None:
    """The command in a process of its own ends, with one line that holds `words`."""
    program = [sys.executable, "-m", "seqmagic", "--models", str(run.path.parent), *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


# ---------------------------------------------------------------- the record and the vocabulary


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"units": 7}, "has units 6, "),
        ({"layers": 2}, "has layers 1, "),
        ({"embedding": 5}, "has embedding 4, "),
        ({"cell": "gru"}, "has cells lstm, "),
    ],
)
def test_weights_of_another_size_than_the_record_says_are_refused(
    changes: dict[str, Any], words: str, tiny_run: Run
) -> None:
    record = tiny_run.read_record()
    tiny_run.write_record(dataclasses.replace(record, model=dataclasses.replace(record.model, **changes)))
    line = refused(tiny_run)
    assert words in line
    assert str(tiny_run.model_path) in line and str(tiny_run.record_path) in line


def test_a_record_that_does_not_say_the_sizes_is_enough(tiny_run: Run) -> None:
    tiny_run.write_record(dataclasses.replace(tiny_run.read_record(), model=ModelConfig(cell="lstm", embedding=4)))
    assert load_network(tiny_run).units == 6


def test_the_vocabulary_of_another_run_of_the_same_size_is_refused(tiny_run: Run, seqmagic: Call) -> None:
    characters = tiny_run.read_vocabulary().characters
    tiny_run.write_vocabulary(Vocabulary(characters[::-1]))
    line = refused(tiny_run)
    assert str(tiny_run.vocabulary_path) in line and str(tiny_run.record_path) in line
    assert line in seqmagic("sample", "tiny").stderr
    tiny_run.write_record(dataclasses.replace(tiny_run.read_record(), vocabulary_sha256=None))
    load_network(tiny_run)  # trained before sums were kept


def test_the_sum_of_a_vocabulary_by_hand() -> None:
    # printf 'a\n字' | sha256sum
    assert vocabulary_sum(Vocabulary("a\n字")) == "a6e048736ae4f5ec265db210ba771153340df8341087ece7894c6b5b81058acd"


# ---------------------------------------------------------------- numbers that are none


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e20, -3e38])
def test_numbers_that_no_training_leaves_are_named_and_counted(
    value: float, tiny_run: Run, tmp_path: Path, seqmagic: Call
) -> None:
    def change(weights: h5py.File) -> None:
        weights[PLACE][1, 3:5] = value

    line = refused(with_weights(tiny_run, change))
    assert f"2 of the 96 numbers in {PLACE} are not finite" in line
    for arguments in (["sample", "tiny"], ["evaluate", "tiny"], ["export", "tiny", tmp_path / "out"]):
        result = seqmagic(*arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert line in result.stderr


def test_the_largest_numbers_allowed_give_a_finite_loss(models: Path, text: Path) -> None:
    run = make_run(models, "huge", source=text, layers=2)

    def fill(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset):
            one[...] = 1e15

    with_weights(run, lambda weights: weights.visititems(fill))
    model = seqmagic.load(run.path)
    assert np.isfinite(model.score("3 green bottles")).all()
