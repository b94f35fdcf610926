"""Where a text goes that was asked into a file: devices, FIFOs, links, modes, through the real command."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seqmagic.runs.folder import Run

UMASK = 0o022


def sample(run: Run, output: str | Path, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """`sample RUN --output OUTPUT` in `folder`."""
    command = [sys.executable, "-m", "seqmagic", "sample", str(run.path), "--length", "20", "--seed", "1"]
    return subprocess.run(
        [*command, "--output", str(output)], cwd=folder, capture_output=True, timeout=60, umask=UMASK
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


@pytest.fixture
def written(tiny_run: Run, folder: Path) -> bytes:
    """What the command writes into an ordinary file."""
    assert sample(tiny_run, "plain.txt", folder).returncode == 0
    return (folder / "plain.txt").read_bytes()


def device(folder: Path, minor: int) -> Path:
    """A character device of the system's memory family, of our own: 3 is null, 7 is full."""
    path = folder / f"device-{minor}"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        path.open("wb").close()
    except OSError:
        pytest.skip("no device can be made here")
    return path


def test_a_device_is_written_through_and_stays(tiny_run: Run, folder: Path) -> None:
    null = device(folder, 3)
    assert sample(tiny_run, null, folder).returncode == 0
    assert stat.S_ISCHR(null.lstat().st_mode)


def test_a_full_device_is_one_line_and_stays(tiny_run: Run, folder: Path) -> None:
    full = device(folder, 7)
    done = sample(tiny_run, full, folder)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"seqmagic: {full}: No space left on device")
    assert done.stderr.count(b"\n") == 1
    assert stat.S_ISCHR(full.lstat().st_mode)


def test_standard_output_by_its_name(tiny_run: Run, folder: Path, written: bytes) -> None:
    done = sample(tiny_run, "/dev/stdout", folder)
    assert (done.returncode, done.stdout) == (0, written)


def test_a_fifo_is_written_through_and_stays(tiny_run: Run, folder: Path, written: bytes) -> None:
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    assert sample(tiny_run, fifo, folder).returncode == 0
    reader.join(timeout=30)
    assert read == [written]
    assert stat.S_ISFIFO(fifo.lstat().st_mode)


def test_a_link_is_followed_and_the_mode_stays(tiny_run: Run, folder: Path, written: bytes) -> None:
    secret, link = folder / "secret.txt", folder / "link"
    secret.write_text("before")
    secret.chmod(0o600)
    link.symlink_to("secret.txt")
    assert sample(tiny_run, link, folder).returncode == 0
    assert link.is_symlink()
    assert secret.read_bytes() == written
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_link_to_nothing_makes_its_target(tiny_run: Run, folder: Path, written: bytes) -> None:
    (folder / "link").symlink_to("target.txt")
    assert sample(tiny_run, "link", folder).returncode == 0
    assert (folder / "link").is_symlink()
    assert (folder / "target.txt").read_bytes() == written


def test_a_new_file_gets_the_permissions_of_the_umask(tiny_run: Run, folder: Path, written: bytes) -> None:
    assert stat.S_IMODE((folder / "plain.txt").stat().st_mode) == 0o666 & ~UMASK


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("", 2, "received ''"),
        ("missing/x.txt", 1, "missing/x.txt: there is no folder missing"),
        (".", 2, "'.' is a directory"),
        ("loop", 1, "loop: "),
        ("x" * 300, 1, "x" * 300 + ": File name too long"),
    ],
)
def test_what_cannot_be_written_is_named_as_it_was_asked_for(
    output: str, code: int, words: str, tiny_run: Run, folder: Path
) -> None:
    (folder / "loop").symlink_to("loop")
    done = sample(tiny_run, output, folder)
    assert done.returncode == code
    assert words in done.stderr.decode()
    assert [entry.name for entry in folder.iterdir()] == ["loop"], "nothing is left behind"


def test_the_longest_name_can_be_written(tiny_run: Run, folder: Path, written: bytes) -> None:
    name = "é" * 125 + ".txt"  # 254 of the 255 bytes that a name may have
    assert sample(tiny_run, name, folder).returncode == 0
    assert (folder / name).read_bytes() == written
