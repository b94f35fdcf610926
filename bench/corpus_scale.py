"""Reading a text against its size: speed and peak memory of the encoding, time of a training window.

    python bench/corpus_scale.py [--sizes 1,10,100,1000] [--kinds ascii,mixed] [--train] [--json FILE]

Each text is made, then read in a process of its own, so that the peak is that of one reading; it was just
written, so its bytes come from the page cache and not from the disk. The window (B 32, T 64) is timed in
turns with one of a copy of the same corpus cut to its first million characters. "again" is the second reading, in
another process: ids of a large text come from the cache then. With --train two short trainings follow on the largest
text of each kind and one on a megabyte: seconds from the start of the process, and memory with TensorFlow in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH_SIZE, SEQUENCE_LENGTH = 32, 64
WINDOWS = 4000
SMALL = 1_000_000
MB = 1_000_000
# letters become others of the same text's shape: two bytes each (Cyrillic), and three (Chinese)
CYRILLIC = {ord("a") + i: 0x430 + i for i in range(26)}
CHINESE = {ord("a") + i: 0x4E00 + 37 * i for i in range(26)}


def make_text(path: Path, kind: str, size: int) -> None:
    """Write about `size` bytes: lines of python-docs, shuffled; `mixed` spells them in three scripts."""
    from seqmagic.texts.builtin import builtin_pieces

    lines = [line + "\n" for line in "".join(builtin_pieces("python-docs")).split("\n")]
    if kind == "ascii":
        lines = [line for line in lines if line.isascii()]
    else:
        lines = [line.translate((CYRILLIC, CHINESE, {})[place % 3]) for place, line in enumerate(lines)]
    draw = random.Random(1)
    written = 0
    with path.open("wb") as file:
        while written < size:
            draw.shuffle(lines)
            written += file.write("".join(lines).encode()[: size - written + 4].decode(errors="ignore").encode())


def peak_megabytes() -> float:
    """Largest resident memory of this process so far. (ru_maxrss would include that of its parent.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


def anonymous_megabytes() -> float:
    """Resident memory of this process that is its own: without pages of files, which the system takes back."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024 / MB


def measure_training(path: Path, models: Path) -> dict[str, float]:
    """Train on the text at `path` for a few seconds: when it began, and what memory it took."""
    began = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + started_at()
    from seqmagic.config import DataConfig, ModelConfig, TrainConfig
    from seqmagic.texts.cache import IdCache
    from seqmagic.texts.corpus import read_trainable
    from seqmagic.training.events import Progress
    from seqmagic.training.train import train

    before = time.time()
    corpus = read_trainable(str(path), DataConfig(), cache=IdCache(models))
    figures = {"reading_seconds": time.time() - before, "anonymous_megabytes": 0.0}
    model, training = ModelConfig(cell="gru", units=64, layers=1), TrainConfig(minutes=0.15)
    for event in train(corpus, model=model, training=training, models=models):
        if isinstance(event, Progress):
            figures.setdefault("first_steps_seconds", time.time() - began)
            figures["anonymous_megabytes"] = max(figures["anonymous_megabytes"], anonymous_megabytes())
    return {**figures, "peak_megabytes": peak_megabytes()}


def started_at() -> float:
    """When this process was started, in seconds since the machine was."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def show_trainings(text: Path, models: Path) -> list[dict[str, Any]]:
    """Two trainings on `text`, one on its first megabyte; a line for each."""
    short = text.with_name("short")
    with text.open("rb") as content:
        short.write_bytes(content.read(MB).rpartition(b"\n")[0])
    rows = []
    for words, path in (("first", text), ("second", text), ("on 1 MB", short)):
        arguments = [sys.executable, __file__, "--measure-training", str(path), str(models)]
        done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
        row = {"training": words, **json.loads(done.stdout.splitlines()[-1])}
        rows.append(row)
        print(
            f"training {words:>8}: text read in {row['reading_seconds']:5.2f} s, first steps after "
            f"{row['first_steps_seconds']:5.1f} s, own memory {row['anonymous_megabytes']:4.0f} MB, "
            f"with mapped files {row['peak_megabytes']:5.0f} MB",
            flush=True,
        )
    return rows


def measure(path: Path, models: Path) -> dict[str, Any]:
    """Read the text at `path`, with the ids of `models` where it is there, and time windows of its training part."""
    import numpy as np

    from seqmagic.config import DataConfig
    from seqmagic.texts.cache import IdCache
    from seqmagic.texts.corpus import read_corpus
    from seqmagic.texts.streams import Streams

    before = peak_megabytes()
    start, processor_start = time.perf_counter(), time.process_time()
    corpus = read_corpus(str(path), DataConfig(), cache=IdCache(models))
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    peak = peak_megabytes()

    part = corpus.part("train")
    readers = {
        "window": Streams(part, BATCH_SIZE, SEQUENCE_LENGTH),
        "small": Streams(np.array(part[:SMALL]), BATCH_SIZE, SEQUENCE_LENGTH),
    }
    times: dict[str, list[float]] = {name: [] for name in readers}
    for step in range(WINDOWS):
        for name, streams in readers.items():
            start = time.perf_counter()
            streams.window(step)
            times[name].append(time.perf_counter() - start)
    window, small = (statistics.median(times[name][WINDOWS // 10 :]) for name in ("window", "small"))
    return {
        "bytes": corpus.bytes,
        "characters": len(corpus.ids),
        "distinct": corpus.vocabulary.size - 1,
        "id_bytes": corpus.ids.dtype.itemsize,
        "in_file": isinstance(corpus.ids, np.memmap),
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "megabytes_per_second": corpus.bytes / MB / seconds,
        "megabytes_per_processor_second": corpus.bytes / MB / processor_seconds,
        "imports_megabytes": before,
        "peak_megabytes": peak,
        "window_microseconds": window * 1e6,
        "window_against_small": window / small,
    }


def measure_in_a_process(path: Path, models: Path) -> dict[str, Any]:
    arguments = [sys.executable, __file__, "--measure", str(path), str(models)]
    return json.loads(subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,10,100,1000", help="megabytes, by commas (default: %(default)s)")
    parser.add_argument("--kinds", default="ascii,mixed", help="ascii, mixed or both (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--train", action="store_true", help="train on the largest texts too")
    for name in ("--measure", "--measure-training"):
        parser.add_argument(name, type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    if options.measure_training:
        print(json.dumps(measure_training(*options.measure_training)))
        return

    from seqmagic.texts.cache import SETTLED_SECONDS

    sizes = sorted(int(float(size) * MB) for size in options.sizes.split(","))
    needed, free = 5 * sizes[-1], shutil.disk_usage(tempfile.gettempdir()).free
    if needed > free:
        sys.exit(f"{tempfile.gettempdir()} has {free / MB:,.0f} MB free; this needs {needed / MB:,.0f} MB")

    rows = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(" text     MB distinct       ids   MB/s  MB/CPU s  peak MB  again s  peak MB  window µs  ratio")
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kinds.split(","):
            for size in sizes:
                path = Path(folder) / "text"
                make_text(path, kind, size)
                time.sleep(SETTLED_SECONDS + 0.1)  # else the cache does not trust that it stays as it is
                models = Path(folder) / "models"
                row = {"kind": kind, **measure_in_a_process(path, models)}
                again = measure_in_a_process(path, models)
                row |= {"again_seconds": again["seconds"], "again_peak_megabytes": again["peak_megabytes"]}
                rows.append(row)
                place = "file" if row["in_file"] else "memory"
                print(
                    f"{kind:>5} {row['bytes'] / MB:>6.0f} {row['distinct']:>8} {row['id_bytes']}B {place:>6} "
                    f"{row['megabytes_per_second']:>6.0f} {row['megabytes_per_processor_second']:>9.0f} "
                    f"{row['peak_megabytes']:>8.0f} {row['again_seconds']:>8.2f} {row['again_peak_megabytes']:>8.0f} "
                    f"{row['window_microseconds']:>10.1f} "
                    f"{row['window_against_small']:>6.3f}",
                    flush=True,
                )
                if options.train and size == sizes[-1]:
                    row["trainings"] = show_trainings(path, Path(folder) / "trained")
                shutil.rmtree(models, ignore_errors=True)
    print("MB/CPU s: per second of processor time, which other programs disturb less than the wall clock")
    print("ratio: time of a window against that of the first million characters of the same text")
    if options.json:
        settings = {"batch_size": BATCH_SIZE, "sequence_length": SEQUENCE_LENGTH, "cores": os.cpu_count()}
        options.json.write_text(json.dumps({**settings, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
