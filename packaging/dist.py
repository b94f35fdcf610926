"""Builds what is published, looks into it and tries it: `make dist`, or `python packaging/dist.py`.

Two distributions are made of the same sources: seqmagic, which is complete, and seqmagic-light, which leaves out
TensorFlow and Keras, and with them 2 GB. Each becomes a source archive and, built from that, a wheel. Needs build
and twine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPLETE, LIGHT = "seqmagic", "seqmagic-light"
LEFT_OUT = ("tensorflow", "keras")  # of the dependencies, by the light distribution
PRETRAINED = ("rnn", "lstm", "gru")
FILES_OF_RUN = {"run.json", "vocabulary.json", "model.keras", "history.jsonl", "samples.txt"}
SUFFIXES = {".py", ".typed", ".toml", ".html", ".css", ".js"}  # of what the package holds beside the runs
AROUND = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", ".gitignore"}  # in a source archive

# Commands that need no TensorFlow, one of a kind, as they are tried in a clean environment and in the tests. {text}
# is a file, {folder} an empty folder.
WITHOUT_TENSORFLOW = (
    "--version",
    "train --help",
    "sample lstm --length 50 --seed 1",
    "sample gru --length 50 --temperature 0 --surprise",
    "evaluate rnn {text}",
    "runs list",
    "runs show lstm",
    "runs diff lstm gru",
    "compare lstm gru",
    "data list",
    "data show markov",
    "data stats {text}",
    "inspect surprise rnn lstm --text number",
    "inspect trace gru --text number",
    "inspect gates lstm --length 500",
    "inspect cell lstm",
    "measure gradient rnn",
    "export gru {folder}/numpy --format numpy",
    "export gru {folder}/web --format web",
)
# Commands that need TensorFlow: without it they end with the code 1 and a line that says what to install.
WITH_TENSORFLOW = (
    "train {text} --epochs 1 --units 8",
    "compare {text} --cells rnn --epochs 1",
    "measure recall --quick",
    "export gru {folder}/savedmodel",
    "export gru {folder}/keras --format keras",
    "export gru {folder}/tflite --format tflite --no-check",  # its self-check needs an extra
)
TEXT = "The quick brown fox jumps over the lazy dog, and the number of dogs is 12.\n" * 200


class Wrong(Exception):  # noqa: N818
    """What keeps an archive from being published, in one line."""


def light_pyproject(complete: str) -> str:
    """The pyproject.toml of seqmagic-light, made of that of seqmagic: another name, and TensorFlow as an extra.

    Raises:
        Wrong: the file is not laid out as it was when this was written.
    """
    wanted = tomllib.loads(complete)["project"]
    heavy = [line for line in wanted["dependencies"] if _package_of(line) in LEFT_OUT]
    light = complete.replace(f'\nname = "{COMPLETE}"\n', f'\nname = "{LIGHT}"\n', 1)
    for line in heavy:
        light = light.replace(f'    "{line}",\n', "", 1)
    light = re.sub(r"^dev = \[\n.*?^\]\n", "", light, count=1, flags=re.MULTILINE | re.DOTALL)
    quoted = ", ".join(f'"{line}"' for line in heavy)
    header = "[project.optional-dependencies]\n"
    light = light.replace(header, f"{header}tensorflow = [{quoted}]\n", 1)

    extras = {name: lines for name, lines in wanted["optional-dependencies"].items() if name != "dev"}
    wanted["name"], wanted["optional-dependencies"] = LIGHT, {"tensorflow": heavy, **extras}
    wanted["dependencies"] = [line for line in wanted["dependencies"] if line not in heavy]
    if len(heavy) != len(LEFT_OUT) or tomllib.loads(light)["project"] != wanted:
        raise Wrong("pyproject.toml is laid out otherwise than light_pyproject in packaging/dist.py expects")
    return light


def _package_of(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def build(out: Path) -> list[Path]:
    """Both distributions as archives in `out`: a source archive and a wheel of each."""
    _build(ROOT, out)
    (source,) = out.glob(f"{COMPLETE}-*.tar.gz")
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(source) as archive:
            archive.extractall(name, filter="data")
        (folder,) = Path(name).iterdir()
        pyproject = folder / "pyproject.toml"
        pyproject.write_text(light_pyproject(pyproject.read_text(encoding="utf-8")), encoding="utf-8")
        _build(folder, out)
    return sorted(out.iterdir())


def _build(project: Path, out: Path) -> None:
    _run([sys.executable, "-m", "build", "--outdir", str(out), str(project)])


def check_contents(archive: Path) -> None:
    """Raise Wrong unless `archive` holds the package and the pretrained runs, whole, and nothing else."""
    names = _names_in(archive)
    is_wheel = archive.suffix == ".whl"
    pretrained = "seqmagic/_pretrained" if is_wheel else "models/pretrained"
    runs = {f"{pretrained}/{run}/{file}" for run in PRETRAINED for file in FILES_OF_RUN}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "seqmagic").rglob("*") if _is_of_package(path)}
    if missing := sorted((runs | package) - names):
        raise Wrong(f"{archive.name} lacks {', '.join(missing[:5])}")
    around = {name for name in names if re.fullmatch(r"seqmagic(_light)?-[^/]+\.dist-info/.+", name)}
    if stray := sorted(names - runs - package - (around if is_wheel else AROUND)):
        raise Wrong(f"{archive.name} holds what does not belong there: {', '.join(stray[:5])}")


def _is_of_package(path: Path) -> bool:
    return path.is_file() and path.suffix in SUFFIXES


def _names_in(archive: Path) -> set[str]:
    """The files in a wheel or source archive; in the latter without the folder that they all lie in."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return {name for name in wheel.namelist() if not name.endswith("/")}
    with tarfile.open(archive) as source:
        return {member.name.partition("/")[2] for member in source if not member.isdir()}


def try_out(wheel: Path, folder: Path, *, with_tensorflow: bool) -> int:
    """Install `wheel` into a new environment in `folder` and run commands there; the bytes that it takes.

    Raises:
        Wrong: a command does not end as it must.
    """
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python, before = str(programs / "python"), size_of(folder)
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)])
    size = size_of(folder) - before
    text, empty = folder / "text.txt", folder / "exports"
    text.write_text(TEXT, encoding="utf-8")
    works = WITHOUT_TENSORFLOW + (WITH_TENSORFLOW if with_tensorflow else ())
    fails = () if with_tensorflow else WITH_TENSORFLOW
    for command in works + fails:
        words = command.format(text=text, folder=empty).split()
        found = run_seqmagic([str(programs / "seqmagic")], words, folder)
        if problem := how_it_differs(found, works=command in works):
            raise Wrong(f"{wheel.name}: seqmagic {command}: {problem}")
    return size


def run_seqmagic(program: Sequence[str], words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, free of what the environment says of runs and modules."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SEQMAGIC_MODELS")}
    return subprocess.run(
        [*program, *words], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=900
    )


def how_it_differs(done: subprocess.CompletedProcess[str], *, works: bool) -> str:
    """What is wrong with how a command ended; "" where nothing is."""
    last = done.stderr.strip().splitlines()[-1:] or [""]
    if works:
        return "" if done.returncode == 0 else f"ended with {done.returncode}: {last[0]}"
    told = re.fullmatch(r"seqmagic: .* needs .*tensorflow.*: pip install \S.*", last[0], re.IGNORECASE)
    is_one_line = done.stderr.count("seqmagic: ") == 1 and "Traceback" not in done.stderr
    return "" if done.returncode == 1 and told and is_one_line else f"does not say what to install: {done.stderr!r}"


def size_of(folder: Path) -> int:
    """The bytes of all files below `folder`, as they are long."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise Wrong(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="an empty or missing folder")
    parser.add_argument("--try", choices=("light", "both", "none"), default="both", dest="tried")
    asked = parser.parse_args()
    if asked.out.exists() and any(asked.out.iterdir()):
        print(f"{asked.out} is not empty; remove what is in it", file=sys.stderr)
        return 2
    try:
        archives = build(asked.out)
        _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, archives)])
        for archive in archives:
            check_contents(archive)
            print(f"{archive.name}: {archive.stat().st_size:,} bytes, metadata and contents as they must be")
        for wheel in (archive for archive in archives if archive.suffix == ".whl"):
            is_light = wheel.name.startswith(f"{LIGHT.replace('-', '_')}-")
            if asked.tried == "both" or (asked.tried == "light" and is_light):
                with tempfile.TemporaryDirectory() as folder:
                    size = try_out(wheel, Path(folder), with_tensorflow=not is_light)
                print(f"{wheel.name}: installed with what it needs {size / 1e6:,.0f} MB; every command tried works")
    except Wrong as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
