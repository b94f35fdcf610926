"""Files of ours that lie: thousands of mutations, and each command right or refused in one line.

Each file is fuzzed in a process of its own, `python -m tests.test_fuzz_files FILE SEED MUTATIONS`, whose memory
may grow by 1 GB and which is ended where one command takes 10 s of the processor, or blocks for minutes: on a machine
that does other things the wall clock says nothing. The seed makes a mutation come again.
"""

from __future__ import annotations

import bz2
import faulthandler
import gzip
import io
import json
import lzma
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import seqmagic
from seqmagic.config import DataConfig
from seqmagic.errors import SeqmagicError
from seqmagic.runs import checkpoints
from seqmagic.runs.folder import Run
from seqmagic.texts import cache, spool
from seqmagic.texts.cache import IdCache
from seqmagic.texts.corpus import read_corpus
from tests.helpers import make_run, make_text

SECONDS = 10  # of the processor that a command may take
BLOCKED = 400  # seconds after which it hangs
MEMORY = 2**30  # bytes that the process may grow by
MUTATIONS = {
    "run.json": 1500,
    "vocabulary.json": 700,
    "history.jsonl": 600,
    "comparison.json": 700,
    "model.keras": 2000,
    "checkpoint/a.json": 700,
    "checkpoint/a.npz": 1000,
    "cache ids": 700,
    "cache note": 500,
    "text": 800,
}
RAW = "\x00raw:"  # a string that stands for what no writer of JSON gives

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2, 1.5, -0.5, 1e15, 1e300, -1e308, 2**31, 2**63, -(2**63), 10**30,
    "", "x", "-", ".", "../..", "/", "\x00", "\x1b[31mred\x1b[0m\x07", "\u202eback", "a\nb", "ü" * 5000, "latest",
    [], {}, [0], [1, 0], [0, 10**12], [0, 1, 2], [[]], {"a": 1}, {"a": {"b": [None]}}, [None, None], ["x", 1],
    f"{RAW}NaN", f"{RAW}Infinity", f"{RAW}[0, Infinity]", f"{RAW}1e999", f"{RAW}{'9' * 5000}", f'{RAW}"\\ud800"',
    f"{RAW}{'[' * 100_000}", f"{RAW}{'[' * 100_000}{']' * 100_000}", RAW + '{"a":' * 50_000, f"{RAW}-", f"{RAW}01",
]  # fmt: skip


class Fuzzed:
    """A folder of runs, one file of which is mutated, and the commands that read it."""

    def __init__(self, root: Path, name: str) -> None:
        from seqmagic.comparison.record import Comparison, write_comparison
        from seqmagic.comparison.rows import row_of
        from seqmagic.evaluation.baselines import Baseline

        self.root, self.models = root, root / "models"
        self.text = make_text(root)
        make_text(root / "sentinel", "not to be touched")
        self.other = make_text(root, "3 green bottles\n" * 20, "other.txt")
        has_checkpoints = name.startswith("checkpoint/")
        runs = [
            make_run(
                self.models, run, source=self.text, seed=seed, created=f"2026-01-0{seed}T00:00:00+00:00",
                status="interrupted" if has_checkpoints else "complete",
            )
            for seed, run in enumerate(("good", "tiny"), 1)
        ]  # fmt: skip
        for run in runs:
            for step in range(3):
                run.append_history({"step": step, "epoch": step / 2, "seconds": 1.5, "validation_loss": 3.0 - step})
        row, *_ = rows = [row_of(run.name, run.read_record()) for run in runs]
        (self.models / "series").mkdir()
        comparison = Comparison(
            name="series",
            created="2026-01-03T00:00:00+00:00",
            argv=("compare", str(self.text)),
            text={
                "source": "x",
                "sha256": "0" * 64,
                "characters": 2060,
                "train": [0, 1854],
                "validation": [1854, 2060],
            },
            held_equal={"match": "units", "minutes": 1.0, "epochs": None, "seeds": [1]},
            rows=tuple(rows),
            baselines=(Baseline(name="uniform", order=0, loss=3.0), Baseline(name="3-gram", order=3, loss=1.5)),
            notes=("a note",),
            samples={row.run or "": "some text"},
        )
        write_comparison(self.models / "series", comparison)
        self.name = name
        if has_checkpoints:
            self._write_checkpoints(runs[1])
        if name.startswith("cache"):
            self.read_with_cache()
        found = {
            "comparison.json": "models/series/comparison.json", "text": self.other.name,
            "cache ids": "models/.cache/*.ids", "cache note": "models/.cache/sources/*.json",
        }.get(name, f"models/tiny/{name}")  # fmt: skip
        (self.path,) = root.glob(found)
        self.original = self.path.read_bytes()

    def _write_checkpoints(self, run: Run) -> None:
        """Two, as there are while a training runs."""
        for step in (1, 2):
            facts = checkpoints.Facts(
                created=run.read_record().created, step=step, seconds=1.0, minutes=1.0, epochs=None, samples_bytes=0
            )
            arrays = {"weights/0": np.ones((3, 4), np.float32), "step": np.int64(step), "history": np.zeros(9, "u1")}
            checkpoints.write(run, {key: np.asarray(value) for key, value in arrays.items()}, facts)

    def read_with_cache(self) -> None:
        """Read the text as a training does."""
        right = read_corpus(str(self.text), DataConfig())
        found = read_corpus(str(self.text), DataConfig(), cache=IdCache(self.models))
        if found.sha256 != right.sha256 or not np.array_equal(found.ids, right.ids):
            raise ValueError("the ids are not those of the text")

    def read(self, rng: random.Random) -> None:
        """Read the file as a program does, beside what the commands do; any error but one line is wrong."""
        if self.name.startswith("cache"):
            self.read_with_cache()
        elif self.name.startswith("checkpoint/"):
            run = Run(self.models / "tiny")
            for sealed in checkpoints.newest_first(run, created=run.read_record().created)[0]:
                checkpoints.read(run, sealed)
        elif self.name == "text":
            read_corpus(str(self.other), DataConfig(encoding=rng.choice([None, "cp1252", "utf-16", "gb18030"])))
        elif self.name != "comparison.json" and rng.random() < 0.2:
            seqmagic.load("tiny", models=self.models)

    def put(self, content: bytes | Callable[[Path], None]) -> None:
        """Make the file what the mutation says."""
        if self.path.is_dir() and not self.path.is_symlink():
            self.path.rmdir()
        else:
            self.path.unlink(missing_ok=True)
        if callable(content):
            content(self.path)
        else:
            self.path.write_bytes(content)

    def commands(self, rng: random.Random) -> Iterator[list[str]]:
        if self.path.name == "comparison.json":
            yield ["compare", "series"]
            yield rng.choice([["runs", "list"], ["sample", "series"], ["compare", "series", "good", "--json"]])
            return
        if self.name == "text":
            yield rng.choice([["data", "stats", str(self.other)], ["evaluate", "tiny", str(self.other)]])
            return
        if self.name.startswith("cache"):
            yield rng.choice([["data", "cache"], ["data", "cache", "--json"], ["evaluate", "tiny"], ["runs", "list"]])
            return
        if self.name.startswith("checkpoint/"):
            yield rng.choice([["runs", "list"], ["runs", "show", "tiny"], ["runs", "show", "tiny", "--json"]])
            return
        by_chance = {
            "run.json": [["sample", "tiny", "--length", "5"], ["runs", "diff", "tiny", "good"], ["compare", "tiny"]],
            "history.jsonl": [["runs", "show", "tiny", "--json"]],
        }
        yield ["runs", "list"]
        yield ["runs", "show", "tiny"]
        yield rng.choice(
            by_chance.get(self.path.name, [["sample", "tiny", "--length", "5"], ["evaluate", "tiny", str(self.other)]])
        )
        yield rng.choice(
            [
                ["runs", "list", "--json"],
                ["runs", "list", "--sort", "loss"],
                ["runs", "show", "tiny", "--json"],
                ["runs", "show", "best"],
                ["evaluate", "tiny"],
                ["evaluate", "tiny", str(self.other), "--json"],
                ["sample", "none"],
                ["sample", "best", "--length", "5"],
                ["sample", "tiny", "good", "--length", "5"],
                ["sample", "tiny", "--length", "5", "--json"],
                ["compare", "tiny", "good"],
            ]
        )

    def tree(self) -> list[tuple[str, int, int]]:
        """All below the folder, with size and time of the last change."""
        found = []
        for folder, folders, names in os.walk(self.root):
            if self.name.startswith("cache") and ".cache" in folders:
                folders.remove(".cache")  # what is damaged there is made anew
            for name in (*folders, *names):
                state = os.lstat(os.path.join(folder, name))
                found.append((os.path.join(folder, name), state.st_size, state.st_mtime_ns))
        return sorted(found)


# ---------------------------------------------------------------- mutations


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a JSON document, the whole included."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value[:40]):
            yield from places(inner, (*path, number))


def swapped(document: Any, rng: random.Random) -> bytes:
    """A JSON document with another value somewhere, or without one."""
    copy = json.loads(json.dumps(document))
    way = rng.choice(list(places(copy)))
    if not way:
        copy = rng.choice(ODD)
    else:
        parent = copy
        for step in way[:-1]:
            parent = parent[step]
        action = rng.randrange(8)
        if action == 0:
            del parent[way[-1]]
        elif action == 1 and isinstance(parent, list):
            parent.append(parent[way[-1]])
        else:
            parent[way[-1]] = rng.choice(ODD)
    return to_bytes(copy)


def to_bytes(document: Any) -> bytes:
    written = json.dumps(document)
    while (start := written.find('"\\u0000raw:')) >= 0:
        value, length = json.JSONDecoder().raw_decode(written[start:])
        written = written[:start] + value.removeprefix(RAW) + written[start + length :]
    return written.encode()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Bytes flipped, cut, doubled or put in."""
    changed = bytearray(content)
    place = rng.randrange(len(changed) or 1)
    match rng.randrange(5):
        case 0:
            del changed[place:]
        case 1:
            changed[place:place] = rng.randbytes(rng.randrange(1, 9))
        case 2:
            changed += changed[place:]
        case _:
            for _ in range(rng.choice([1, 1, 2, 8])):
                place = rng.randrange(len(changed) or 1)
                changed[place : place + 1] = bytes([rng.randrange(256)])
    return bytes(changed)


def no_file(rng: random.Random) -> Callable[[Path], None]:
    """Something else in the place of a file."""

    def sparse(path: Path) -> None:
        with open(path, "wb") as file:
            file.truncate(2**40)

    return rng.choice(
        [
            os.mkfifo, os.mkdir, lambda path: None, lambda path: path.symlink_to("/dev/zero"),
            lambda path: path.symlink_to(path), lambda path: path.symlink_to("/proc/self/mem"), sparse,
            lambda path: path.write_bytes(b"\xef\xbb\xbf{}"), lambda path: path.write_bytes("{}".encode("utf-16")),
        ]
    )  # fmt: skip


def of_json(original: bytes, rng: random.Random) -> Any:
    chance = rng.random()
    if chance < 0.02:
        return no_file(rng)
    return swapped(json.loads(original), rng) if chance < 0.75 else damaged(original, rng)


def of_lines(original: bytes, rng: random.Random) -> Any:
    chance = rng.random()
    if chance < 0.03:
        return no_file(rng)
    if chance > 0.7:
        return damaged(original, rng)
    lines = original.splitlines()
    number = rng.randrange(len(lines))
    lines[number] = swapped(json.loads(lines[number]), rng)
    return b"\n".join(lines) + rng.choice([b"\n", b""])


def of_archive(original: bytes, rng: random.Random) -> Any:
    """The archive or a member of it changed; a member comes back with its right checksum."""
    chance = rng.random()
    if chance < 0.02:
        return no_file(rng)
    if chance < 0.2:
        return damaged(original, rng)
    with zipfile.ZipFile(io.BytesIO(original)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    compression = zipfile.ZIP_STORED
    if chance < 0.35:
        members["config.json"] = swapped(json.loads(members["config.json"]), rng)
    elif chance < 0.4:
        members["config.json"] = damaged(members["config.json"], rng)
    elif chance < 0.45:
        compression = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        members["model.weights.h5"] += bytes(rng.choice([0, 10**6, 10**8]))
    elif chance < 0.5:
        del members[rng.choice(list(members))]
    elif chance < 0.75:
        members["model.weights.h5"] = damaged(members["model.weights.h5"], rng)
    else:
        members["model.weights.h5"] = rebuilt(members["model.weights.h5"], rng)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression, compresslevel=1) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    changed = bytearray(content.getvalue())
    if rng.random() < 0.1:  # sizes that lie, in the directory of the archive or before a member
        place = rng.choice([changed.rfind(b"PK\x01\x02") + 20, changed.rfind(b"PK\x03\x04") + 18])
        changed[place : place + 8] = rng.choice([b"\xff\xff\xff\x7f" * 2, bytes(8), rng.randbytes(8)])
    return bytes(changed)


def rebuilt(content: bytes, rng: random.Random) -> bytes:
    """The weights with one array stored otherwise, of another kind or shape, or elsewhere."""
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        places: list[str] = []
        weights.visititems(lambda name, one: places.append(name) if isinstance(one, h5py.Dataset) else None)
        place = rng.choice(places)
        values = weights[place][...]
        folder = rng.choice([place, place.rpartition("/")[0], "layers"]) if rng.random() < 0.1 else place
        del weights[folder]
        shape, kind = values.shape, rng.randrange(14)
        if kind == 0:
            size = values.nbytes
            weights.create_dataset(place, shape, "f4", external=[("/etc/passwd", 0, size)])
        elif kind == 1:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
            weights.create_virtual_dataset(place, layout)
        elif kind == 2:
            weights[place] = rng.choice([h5py.SoftLink("/layers"), h5py.ExternalLink("/etc/passwd", "/x")])
        elif kind == 3:
            weights.create_dataset(place, data=values, chunks=True, compression=rng.choice([None, "gzip"]))
        elif kind == 4:
            shape = (2**36,) if rng.random() < 0.5 else (values.shape[0], 2**36)
            weights.create_dataset(place, shape, "f4")
        elif kind == 5:
            values = values.astype(rng.choice(["i4", "f2", "f8", "c8", "u1", "bool", ">f4"]))
            weights[place] = values
        elif kind == 6:
            odd = [np.bytes_(b"text"), h5py.Empty("f4"), 1.0, np.zeros(3, "i4,f4"), np.zeros(shape, "V4")]
            weights[place] = rng.choice(odd)
        elif kind == 7:
            weights[place] = rng.choice([values[:-1], values[None], values.T, values[..., None], values.ravel()])
        elif kind == 8:
            weights.create_group(f"{place}/x")
        elif kind == 9:
            weights.create_dataset(place, shape, h5py.string_dtype())
        elif kind < 13:
            flat = values.ravel()
            flat[rng.randrange(flat.size)] = rng.choice([np.nan, np.inf, -np.inf, 3e38, -1e20, 1e15, 1e-45])
            weights[place] = flat.reshape(shape)
    return file.getvalue()


def of_bytes(original: bytes, rng: random.Random) -> Any:
    return no_file(rng) if rng.random() < 0.05 else damaged(original, rng)


def of_ids(original: bytes, rng: random.Random) -> Any:
    """Damaged, or with two places exchanged, so that every id is still one of the vocabulary."""
    if rng.random() < 0.6:
        return of_bytes(original, rng)
    changed = bytearray(original)
    one, other = rng.sample(range(len(changed)), 2)
    changed[one], changed[other] = changed[other], changed[one]
    return bytes(changed)


def of_text(original: bytes, rng: random.Random) -> Any:
    """A text in another encoding, packed, of odd characters, cut and damaged."""
    chance = rng.random()
    if chance < 0.05:
        return no_file(rng)
    characters = original.decode()
    if chance < 0.4:
        odd = "\ufeff\x00\x1b\u2028\u0301\r\U0010ffff\uffff\x85"
        for _ in range(rng.randrange(1, 9)):
            place = rng.randrange(len(characters))
            characters = characters[:place] + rng.choice(odd) * rng.choice([1, 1, 3000]) + characters[place:]
    content = characters.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-7"]))
    content = rng.choice([bytes, gzip.compress, bz2.compress, lzma.compress])(content)
    return content if chance > 0.9 else damaged(content, rng)


MUTATE = {
    "model.keras": of_archive,
    "history.jsonl": of_lines,
    "checkpoint/a.npz": of_bytes,
    "cache ids": of_ids,
    "text": of_text,
}


# ---------------------------------------------------------------- what each command must do


def complaint(fuzzed: Fuzzed, arguments: list[str], result: Any) -> str | None:
    """What is wrong with how a command ended; None where it is right."""
    lines = result.stderr.splitlines()
    last = [line for line in lines if line.startswith("seqmagic: ")]
    everything = result.stdout + result.stderr
    if re.search(r"unexpected \w*(Error|Exception|Warning)|Traceback", everything):
        return "it was not expected"
    if result.exit_code == 0:
        if last:
            return "an error and exit 0"
        if any("nan" in line.split() for line in result.stdout.splitlines()) and arguments[0] == "evaluate":
            return "a loss that is no number"
    elif result.exit_code != 1 or len(last) != 1 or lines[-1] != last[0] or len(last[0]) > 3000:
        return f"exit {result.exit_code} is not exit 1 with one line"
    if arguments[:2] == ["runs", "list"] and (result.exit_code != 0 or "good" not in result.stdout):
        return "the list is spoilt"
    if any(sign in everything for sign in "\x1b\x07\u202e\x00"):
        return "control characters"
    return None


def fuzz(name: str, seed: int, mutations: int) -> int:
    """Mutate and call; print what went wrong. Returns how many did."""
    from click.testing import CliRunner

    from seqmagic.cli.main import main

    warnings.simplefilter("error")
    faulthandler.register(signal.SIGPROF, chain=True)  # and then the process ends, as is the default
    spool.SPOOL_BYTES, cache.SETTLED_SECONDS = 100, -1e9  # so that the small text is kept
    wrong, slowest, calls, started = 0, 0.0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fuzzed = Fuzzed(Path(folder), name)
        runner = CliRunner(env={"SEQMAGIC_MODELS": str(fuzzed.models), "COLUMNS": "100"})
        for arguments in (["runs", "list"], ["compare", "tiny", "good"], ["evaluate", "tiny"], ["compare", "series"]):
            result = runner.invoke(main, arguments)  # everything is imported, and right, before memory is bounded
            assert result.exit_code == 0, result.stderr
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        for number in range(mutations):
            rng = random.Random(f"{name} {seed} {number}")
            fuzzed.put(MUTATE.get(name, of_json)(fuzzed.original, rng))
            before = fuzzed.tree()
            for arguments in fuzzed.commands(rng):
                faulthandler.dump_traceback_later(BLOCKED, exit=True)
                signal.setitimer(signal.ITIMER_PROF, SECONDS)
                began = time.process_time()
                result = runner.invoke(main, arguments)
                slowest = max(slowest, time.process_time() - began)
                calls += 1
                if trouble := complaint(fuzzed, arguments, result):
                    wrong += 1
                    print(f"{name} {seed} {number} {' '.join(arguments)}: {trouble}: {result.stderr[-400:]!r}")
            try:
                fuzzed.read(rng)
            except SeqmagicError as problem:
                if "\n" in str(problem):
                    print(f"{name} {seed} {number} read: two lines: {problem}")
                    wrong += 1
            except Exception as problem:
                print(f"{name} {seed} {number} read: {problem!r}")
                wrong += 1
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_PROF, 0)
            if fuzzed.tree() != before:
                wrong += 1
                print(f"{name} {seed} {number}: something was written: {set(fuzzed.tree()) ^ set(before)}")
        fuzzed.put(fuzzed.original)
    seconds = time.monotonic() - started
    print(
        f"{name}: {mutations:,} mutations, {calls:,} commands, {seconds:.0f} s, "
        f"the slowest {slowest:.2f} s; {wrong} wrong"
    )
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bounds memory as Linux does")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_file_that_lies_is_refused_in_one_line(name: str) -> None:
    program = [sys.executable, "-m", "tests.test_fuzz_files", name, "1", str(MUTATIONS[name])]
    done = subprocess.run(program, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-3000:]}"


if __name__ == "__main__":
    sys.exit(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) > 0)
