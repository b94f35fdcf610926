"""Packed runs: whole on the way there and back, without text or places, and refused where anything was changed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqmagic.errors import ConfigError, RunError
from seqmagic.network.trained import read_trained
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.pack import MANIFEST, open_pack, pack_run, unpack_run
from seqmagic.runs.record import FineTuned
from tests.helpers import TEXT, make_run, make_text


@pytest.fixture
def packed(tiny_run: Run, tmp_path: Path) -> Path:
    """A packed run with a history and samples."""
    tiny_run.append_history({"step": 1, "validation_loss": 2.5})
    tiny_run.append_sample("temperature 0.7", "green")
    file = tmp_path / "tiny.run"
    pack_run(tiny_run, file, overwrite=False)
    return file


def contents(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(file: Path, change: Callable[[dict[str, bytes]], None], *, resum: bool = True, **entry: Any) -> None:
    """Write the pack again with other contents, by default with checksums that fit them."""
    found = contents(file)
    change(found)
    manifest = json.loads(found.pop(MANIFEST))
    if resum:
        manifest["files"] = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in found.items()
        }
    with zipfile.ZipFile(file, "w", entry.get("compress_type", zipfile.ZIP_STORED)) as archive:
        for name, content in found.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = entry.get("mode", stat.S_IFREG | 0o644) << 16
            info.compress_type = entry.get("compress_type", zipfile.ZIP_STORED)
            archive.writestr(info, content)
        archive.writestr(MANIFEST, json.dumps(manifest))


def test_a_run_comes_back_as_it_was(packed: Path, tiny_run: Run, tmp_path: Path) -> None:
    run = unpack_run(packed, tmp_path / "theirs", name=None, overwrite=False)
    assert run.path == tmp_path / "theirs" / "tiny"
    assert os.listdir(tmp_path / "theirs") == ["tiny"]
    for name in ("vocabulary.json", "model.keras", "history.jsonl", "samples.txt"):
        assert (run.path / name).read_bytes() == (tiny_run.path / name).read_bytes()
    before, after = tiny_run.read_record(), run.read_record()
    assert (after.name, after.model, after.results) == ("tiny", before.model, before.results)
    assert after.text.sha256 == before.text.sha256
    read_trained(run)


def test_neither_the_text_nor_its_place_is_in_the_file(models: Path, tmp_path: Path) -> None:
    text = make_text(tmp_path / "private")
    run = make_run(models, source=text)
    pack_run(run, tmp_path / "a.run", overwrite=False)
    content = (tmp_path / "a.run").read_bytes()
    assert b"private" not in content and TEXT[:40].encode() not in content
    record = open_pack(tmp_path / "a.run").read_record()
    assert (record.text.source, record.argv) == ("bottles.txt", ("train", "bottles.txt"))


def test_the_same_run_gives_the_same_bytes_and_their_sum(packed: Path, tiny_run: Run, tmp_path: Path) -> None:
    again = pack_run(tiny_run, tmp_path / "again.run", overwrite=False)
    assert again.file.read_bytes() == packed.read_bytes()
    assert (again.bytes, again.sha256) == (packed.stat().st_size, hashlib.sha256(packed.read_bytes()).hexdigest())


def test_names_that_are_taken_and_files_that_are_there_stay(packed: Path, tiny_run: Run, models: Path) -> None:
    with pytest.raises(RunError, match="exists already; name another file or add --overwrite"):
        pack_run(tiny_run, packed, overwrite=False)
    with pytest.raises(RunError, match="run tiny exists already; choose another --name or add --overwrite"):
        unpack_run(packed, models, name=None, overwrite=False)
    with pytest.raises(ConfigError, match="--name must"):
        unpack_run(packed, models, name="../x", overwrite=False)
    assert unpack_run(packed, models, name="other", overwrite=False).read_record().name == "other"
    pack_run(tiny_run, packed, overwrite=True)
    assert unpack_run(packed, models, name=None, overwrite=True) == tiny_run
    assert sorted(os.listdir(models)) == ["other", "tiny"]


def test_a_file_is_a_run_wherever_one_is_asked_for(packed: Path, models: Path) -> None:
    run = open_run(models, str(packed))
    assert run.name == "tiny" and models not in run.path.parents
    assert open_run(models, str(packed)) is run
    (models / "tiny.run").mkdir()  # what is no run of that name does not stand before it
    assert read_trained(run).network.vocabulary_size > 10


def put(name: str, content: bytes = b"x") -> Callable[[dict[str, bytes]], None]:
    return lambda found: found.update({name: content})


def rename_run(found: dict[str, bytes]) -> None:
    found[MANIFEST] = json.dumps({**json.loads(found[MANIFEST]), "name": "../../tiny"}).encode()


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], Any], dict[str, Any], str]] = {
    "an absolute path": (put("/tmp/seqmagic-evil"), {}, "no file of a run"),
    "a way up": (put("../evil"), {}, "no file of a run"),
    "a file of no run": (put("evil.py"), {}, "no file of a run"),
    "a folder": (put("checkpoint/"), {}, "no file of a run"),
    "a name that leads out": (rename_run, {}, "no run can be called"),
    "links": (put("samples.txt"), {"mode": stat.S_IFLNK | 0o777}, "a link or a folder"),
    "a bomb": (put("samples.txt", b"0" * 10**7), {"compress_type": zipfile.ZIP_DEFLATED}, "compressed"),
    "a file that is missing": (lambda found: found.pop("model.keras"), {}, "has no model.keras"),
    "another content": (put("run.json", b"{}"), {"resum": False}, "not as long"),
    "a changed byte": (
        lambda found: found.update({"samples.txt": found["samples.txt"].replace(b"green", b"brown")}),
        {"resum": False},
        "checksum of samples.txt",
    ),
    "no record": (put("run.json", b"[]"), {}, "run.json is corrupt"),
    "no model": (put("model.keras", b"weights"), {}, "model.keras is corrupt: not a Keras archive"),
    "no vocabulary": (put("vocabulary.json", b"{}"), {}, "vocabulary.json is corrupt"),
    "another format": (put(MANIFEST, b'{"format": 2, "name": "a", "files": {}}'), {"resum": False}, "format"),
    "a manifest that is none": (put(MANIFEST, b'{"format": 1}'), {"resum": False}, "name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_was_changed_is_refused_and_leaves_nothing(case: str, packed: Path, tmp_path: Path) -> None:
    change, how, words = HOSTILE[case]
    forge(packed, change, **how)
    theirs = tmp_path / "theirs"
    for read in (open_pack, lambda file: unpack_run(file, theirs, name=None, overwrite=False)):
        with pytest.raises(RunError, match=words) as problem:
            read(packed)
        assert str(problem.value).startswith(f"{packed} was changed or damaged: ")
        assert "\n" not in str(problem.value) and "seqmagic-run-" not in str(problem.value)
    assert not theirs.exists() or os.listdir(theirs) == []


def test_a_name_twice_is_refused(packed: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("run.json", "{}")
    with pytest.raises(RunError, match="was changed or damaged"):
        open_pack(packed)


def test_any_byte_that_is_changed_or_cut_off_is_noticed_or_changes_nothing(packed: Path, tmp_path: Path) -> None:
    whole, before = packed.read_bytes(), contents(packed)
    before.pop(MANIFEST)
    dice = random.Random(1)
    refused = 0
    for number in range(150):
        changed = bytearray(whole)
        place = dice.randrange(len(whole))
        changed[place] ^= 1 << dice.randrange(8)
        file = tmp_path / f"{number}.run"
        file.write_bytes(changed if number % 3 else whole[:place])
        try:
            run = open_pack(file)
        except RunError:
            refused += 1
            continue
        assert {name: (run.path / name).read_bytes() for name in before} == before
    assert refused > 100


def test_what_is_no_pack_is_said_so(packed: Path, tiny_run: Run, tmp_path: Path) -> None:
    text = tmp_path / "bottles.txt"
    with pytest.raises(RunError, match=r"bottles\.txt is no packed run; name a run, or a file that"):
        open_pack(text)
    with pytest.raises(RunError, match=r"no packed run: it has no pack\.json"):
        open_pack(tiny_run.model_path)
    with pytest.raises(RunError, match="can't be read"):
        open_pack(tmp_path / "nothing")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(RunError, match="no ordinary file"):
        unpack_run(tmp_path / "fifo", tmp_path, name=None, overwrite=False)


def test_a_run_without_a_model_is_not_packed(tiny_run: Run, tmp_path: Path) -> None:
    tiny_run.model_path.unlink()
    with pytest.raises(RunError, match=r"has no model\.keras"):
        pack_run(tiny_run, tmp_path / "a.run", overwrite=False)
    assert not (tmp_path / "a.run").exists()


def test_a_process_leaves_no_unpacked_run_behind(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    command = [sys.executable, "-m", "seqmagic", "sample", str(packed), "--length", "5"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, len(done.stdout.rstrip("\n")) > 0) == (0, True), done.stderr
    assert os.listdir(tmp_path / "temporary") == []


def test_neither_the_log_nor_the_place_of_the_run_it_began_with_is_in_the_file(tiny_run: Run, tmp_path: Path) -> None:
    record = tiny_run.read_record()
    place = tmp_path / "secret" / "old"
    began = FineTuned(run="secret/old", created=record.created, new_characters=1)
    argv = ("train", "x", "--fine-tune", "secret/old")
    tiny_run.write_record(dataclasses.replace(record, fine_tuned=began, argv=argv))
    tiny_run.append_log([f"begins with the weights of {place}"])
    file = pack_run(tiny_run, tmp_path / "it.run", overwrite=False).file
    assert b"secret" not in file.read_bytes() and "train.log" not in zipfile.ZipFile(file).namelist()
    found = open_pack(file).read_record().fine_tuned
    assert found is not None and found.run == "old"
