"""seqmagic-light, and what is published: without TensorFlow most commands work and the others say what to install."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
ABSENT = """
import sys
from importlib.machinery import PathFinder

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        missing = name.partition(".")[0] in ("tensorflow", "keras")
        return None if missing else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
sys.path.insert(0, ROOT)
"""
MAIN = "from seqmagic.cli.main import main\nmain(prog_name='seqmagic')"


def load_dist() -> ModuleType:
    """packaging/dist.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("seqmagic_dist", ROOT / "packaging" / "dist.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dist = load_dist()


def without_tensorflow(code: str) -> list[str]:
    """A program in which TensorFlow and Keras are not there, and then `code`."""
    return [sys.executable, "-c", ABSENT.replace("ROOT", repr(str(ROOT))) + code]


@pytest.mark.parametrize("command", dist.WITHOUT_TENSORFLOW + dist.WITH_TENSORFLOW)
def test_without_tensorflow_a_command_works_or_says_what_to_install(command: str, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(dist.TEXT, encoding="utf-8")
    words = command.format(text=text, folder=tmp_path / "exports").split()
    found = dist.run_seqmagic(without_tensorflow(MAIN), words, tmp_path)
    assert dist.how_it_differs(found, works=command in dist.WITHOUT_TENSORFLOW) == ""


@pytest.mark.parametrize("call", ["train('text.txt', epochs=1)", "compare('text.txt', cells=('rnn',), epochs=1)"])
def test_the_library_raises_an_error_of_its_own(call: str, tmp_path: Path) -> None:
    """Before the text is read: it is not even there."""
    code = f"import seqmagic\ntry:\n    seqmagic.{call}\nexcept seqmagic.SeqmagicError as problem:\n    print(problem)"
    done = subprocess.run(without_tensorflow(code), cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout == (
        "training needs TensorFlow, which is not installed here; get it with: pip install seqmagic\n"
    ), done.stderr


def test_a_package_that_is_missing_is_never_unexpected() -> None:
    from seqmagic.cli.main import explain

    code, line = explain(ModuleNotFoundError("No module named 'keras.src'", name="keras.src"))
    assert (code, line) == (
        1,
        "this needs the package keras, which is not installed; get it with: pip install seqmagic",
    )
    code, line = explain(ModuleNotFoundError("No module named 'h5py'", name="h5py"))
    assert line.endswith("get it with: pip install h5py")
    assert explain(ModuleNotFoundError("...", name="seqmagic.nowhere"))[1].startswith("unexpected")


def test_what_to_install_is_told_for_the_edition_that_is_there(tmp_path: Path) -> None:
    """In seqmagic-light the extras are its own: those of seqmagic would bring TensorFlow."""
    metadata = tmp_path / "seqmagic_light-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: seqmagic-light\nVersion: 1.0\n", encoding="utf-8")
    code = "from seqmagic.machine import install_command as command\nprint(command(), command('onnx'), sep='; ')"
    for place, expected in (
        (str(tmp_path), "pip install 'seqmagic-light[tensorflow]'; pip install 'seqmagic-light[onnx]'"),
        ("", "pip install seqmagic; pip install 'seqmagic[onnx]'"),
    ):
        program = [sys.executable, "-c", f"import sys\nsys.path[:0] = {[str(ROOT), place]!r}\n{code}"]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, cwd=ROOT / "docs")
        assert done.stdout.strip() == expected, done.stderr


def test_the_light_distribution_differs_by_tensorflow_alone() -> None:
    import tomllib

    complete = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    before, after = tomllib.loads(complete), tomllib.loads(dist.light_pyproject(complete))
    left_out = [line for line in before["project"]["dependencies"] if line not in after["project"]["dependencies"]]
    assert [line.partition(">")[0] for line in left_out] == ["tensorflow", "keras"]
    assert after["project"]["optional-dependencies"]["tensorflow"] == left_out
    assert after["project"]["name"] == "seqmagic-light"
    assert {key for key in before if before[key] != after[key]} == {"project"}
    with pytest.raises(dist.Wrong, match="laid out otherwise"):
        dist.light_pyproject(complete.replace('    "keras>=', '    "kera>='))


def test_an_archive_with_stray_or_missing_files_is_refused(tmp_path: Path) -> None:
    package = [path for path in (ROOT / "seqmagic").rglob("*") if dist._is_of_package(path)]
    names = {path.relative_to(ROOT).as_posix() for path in package}
    names |= {f"seqmagic/_pretrained/{run}/{file}" for run in dist.PRETRAINED for file in dist.FILES_OF_RUN}
    names.add("seqmagic-1.dist-info/METADATA")

    def archive(of: set[str]) -> Path:
        path = tmp_path / "seqmagic-1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            for name in of:
                wheel.writestr(name, "")
        return path

    dist.check_contents(archive(names))
    with pytest.raises(dist.Wrong, match=r"does not belong there: tests/test_light\.py"):
        dist.check_contents(archive(names | {"tests/test_light.py"}))
    with pytest.raises(dist.Wrong, match=r"lacks seqmagic/_pretrained/gru/model\.keras"):
        dist.check_contents(archive(names - {"seqmagic/_pretrained/gru/model.keras"}))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_light_distribution_works_in_a_clean_environment(tmp_path: Path) -> None:
    venv.create(tmp_path / "build", with_pip=True)
    python = str(tmp_path / "build" / "bin" / "python")
    got = subprocess.run([python, "-m", "pip", "install", "--quiet", "build", "twine"], capture_output=True, text=True)
    if got.returncode:
        pytest.skip("no package index can be reached from here")
    command = [python, str(ROOT / "packaging" / "dist.py"), "--out", str(tmp_path / "dist"), "--try", "light"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "every command tried works" in done.stdout
