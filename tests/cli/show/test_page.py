"""Where a text goes that was asked into a file: devices, FIFOs, links, modes, through the real command."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqmagic.runs.folder import Run

UMASK = 0o022


def sample(
    run: Run, output: str | Path, folder: Path, *, length: int = 20, stdout: Any = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """`sample RUN --output OUTPUT` in `folder`."""
    command = [sys.executable, "-m", "seqmagic", "sample", str(run.path), "--length", str(length), "--seed", "1"]
    return subprocess.run(
        [*command, "--output", str(output)],
        cwd=folder,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        umask=UMASK,
    )


def mounted(*arguments: str | Path, at: Path) -> Iterator[Path]:
    """`at` with something mounted on it, where that is permitted."""
    done = subprocess.run(["mount", *arguments, at], capture_output=True) if shutil.which("mount") else None
    if done is None or done.returncode:
        pytest.skip("nothing can be mounted here")
    yield at
    subprocess.run(["umount", at], check=True)


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
    assert done.stderr.decode() == f"seqmagic: {full}: No space left on device; name a file elsewhere with --output\n"
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
        ("missing/x.txt", 1, "missing/x.txt: No such file or directory; make the folder missing first"),
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


def test_standard_output_by_its_name_goes_on_where_it_stands(tiny_run: Run, folder: Path, written: bytes) -> None:
    with open(folder / "log", "wb", buffering=0) as log:
        log.write(b"before\n")
        assert sample(tiny_run, "/dev/stdout", folder, stdout=log).returncode == 0
        log.write(b"after\n")
    assert (folder / "log").read_bytes() == b"before\n" + written + b"after\n"


def test_another_hard_link_keeps_what_it_had(tiny_run: Run, folder: Path, written: bytes) -> None:
    (folder / "backup").write_text("before")
    (folder / "text").hardlink_to(folder / "backup")
    assert sample(tiny_run, "text", folder).returncode == 0
    assert (folder / "text").read_bytes() == written
    assert (folder / "backup").read_text() == "before"


def test_a_socket_is_refused_and_stays(tiny_run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        done = sample(tiny_run, "socket", folder)
    assert (done.returncode, done.stderr) == (1, b"seqmagic: socket: No such device or address\n")
    assert stat.S_ISSOCK((folder / "socket").lstat().st_mode)


@pytest.mark.parametrize("output", ["missing/x.txt", "plain.txt/x.txt"])
def test_what_can_not_be_written_is_refused_before_anything_is_read(output: str, folder: Path) -> None:
    """Not only before the text is there, which may take an hour: the run is not even looked for."""
    (folder / "plain.txt").write_text("before")
    done = sample(Run(folder / "no-run"), output, folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"seqmagic: {output}: No".encode())


def test_ctrl_c_leaves_the_text_so_far(tiny_run: Run, folder: Path) -> None:
    command = [sys.executable, "-m", "seqmagic", "sample", tiny_run.path, "--length", "0", "--output", "text"]
    fifo = folder / "prompt"
    os.mkfifo(fifo)
    process = subprocess.Popen([*command, "--prompt-file", fifo], cwd=folder, stderr=subprocess.PIPE)
    fifo.write_bytes(b"1 green")  # goes through once the command reads it: Python is up by then
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=3)
    assert not (folder / "text").exists()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (folder / "text").read_bytes().startswith(b"1 green")
    assert b"Traceback" not in errors


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    at = folder / "disk"
    at.mkdir()
    yield from mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", at=at)


def test_a_full_disk_leaves_the_old_file_and_names_it(tiny_run: Run, folder: Path, small_disk: Path) -> None:
    (small_disk / "text").write_text("before")
    done = sample(tiny_run, "disk/text", folder, length=100_000)
    expected = "seqmagic: disk/text: No space left on device; name a file elsewhere with --output\n"
    assert (done.returncode, done.stderr.decode()) == (1, expected)
    assert (small_disk / "text").read_text() == "before"
    assert [entry.name for entry in small_disk.iterdir()] == ["text"]


@pytest.fixture
def mounted_file(folder: Path) -> Iterator[Path]:
    (folder / "outside").write_text("before, and longer than what comes: " * 10)
    (folder / "inside").touch()
    yield from mounted("--bind", folder / "outside", at=folder / "inside")


def test_a_file_that_is_mounted_by_itself_is_written(
    tiny_run: Run, folder: Path, written: bytes, mounted_file: Path
) -> None:
    """As `docker run -v $PWD/text:/text` makes it: it can't be replaced."""
    assert sample(tiny_run, mounted_file, folder).returncode == 0
    assert (folder / "outside").read_bytes() == written
