"""The self-check: a right export passes, a wrong one is caught, and each failure is told in one line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seqmagic.errors import ExportError
from seqmagic.export import check as module
from seqmagic.export.bundle import Bundle
from seqmagic.export.check import check, reference_loss, reference_probabilities
from seqmagic.export.formats import FORMATS, Format
from seqmagic.network.cells import CELLS
from tests.export.tiny import VOCABULARY, lively_network, make_bundle, random_network

ANSWER = 'print("noise"); import json; print(json.dumps({"probabilities": %s, "nats": None, "versions": {}}))'


@dataclasses.dataclass(frozen=True)
class Scripted(Format):
    """A format whose self-check is a script given here."""

    script: str = ""

    def load(self) -> SimpleNamespace:  # type: ignore[override]
        return SimpleNamespace(CHECK=self.script)


def scripted(script: str, *programs: str) -> Format:
    return Scripted("scripted", "", "", programs=programs, script=script)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(lively_network("gru", 1), tmp_path)


@pytest.fixture
def exported(bundle: Bundle, tmp_path: Path) -> Path:
    """An export that needs NumPy alone."""
    folder = tmp_path / "export"
    folder.mkdir()
    FORMATS["numpy"].load().write(bundle, folder, quantize="none")
    return folder


def test_a_right_export_passes(bundle: Bundle, exported: Path) -> None:
    report = check(bundle, exported, FORMATS["numpy"], "none")
    assert report.max_difference <= report.tolerance == 1e-4
    assert (report.characters, report.loss_characters) == (200, 399)
    assert report.loss_after == pytest.approx(report.loss_before, rel=1e-5)
    assert report.versions == {"numpy": np.__version__}
    assert report.text_source == "random characters"


def test_a_wrong_weight_is_caught(bundle: Bundle, exported: Path) -> None:
    with np.load(exported / "model.npz") as loaded:
        arrays = dict(loaded)
    arrays["recurrent_kernel_1"][3, 5] += 0.1
    np.savez(exported / "model.npz", **arrays)
    with pytest.raises(ExportError, match=r"^the export does not agree with the model: a probability differs"):
        check(bundle, exported, FORMATS["numpy"], "none")


def test_a_broken_export_is_told_in_one_line(bundle: Bundle, exported: Path) -> None:
    (exported / "model.npz").unlink()
    with pytest.raises(ExportError, match=r"^the export does not run in its own runtime: .*model\.npz") as caught:
        check(bundle, exported, FORMATS["numpy"], "none")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import seqmagic", "does not run in its own runtime: .*seqmagic"),
        ("raise SystemExit(3)", "exit code 3"),
        ("print('hello')", "printed no JSON"),
        ("pass", "printed no JSON"),
        ("print([1])", "gave no usable answer"),
        (ANSWER % "[[0.5, 0.5]]", r"gave probabilities \(1, 2\) where \(200, 49\) are due"),
        (ANSWER % "[[float('nan')] * 49] * 200", "differs by nan"),
        (ANSWER % "'some'", "gave no usable answer"),
    ],
)
def test_bad_answers(bundle: Bundle, tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(ExportError, match=words) as caught:
        check(bundle, tmp_path, scripted(script), "none")
    assert "\n" not in str(caught.value)


def test_a_missing_program_is_named(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="needs no-such-program; install it or add --no-check"):
        check(bundle, tmp_path, scripted("", "no-such-program"), "none")


def test_it_ends_when_it_takes_too_long(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS", 0.1)
    with pytest.raises(ExportError, match="took over"):
        check(bundle, tmp_path, scripted("import time; time.sleep(60)"), "none")


@pytest.mark.parametrize("cell", list(CELLS))
def test_the_reference_reads_one_character_after_the_other(cell: str) -> None:
    """Against the cells, a character at a time, in float64."""
    network = random_network(cell, 1)
    layer = network.layers[0]
    weights = type(layer.weights)(*(array.astype(np.float64) for array in layer.weights))
    state, ids, expected = CELLS[cell].initial_state(1, 24, np.float64), np.arange(1, 9), []
    for one in ids:
        state = CELLS[cell].step(network.embedding[[one]].astype(np.float64), state, weights)
        odds = np.exp(state.h[0] @ network.dense_kernel.astype(np.float64) + network.dense_bias)
        expected.append(odds / odds.sum())
    np.testing.assert_allclose(reference_probabilities(network, ids), expected, atol=1e-6)
    nats = -np.log([expected[place][ids[place + 1]] for place in range(len(ids) - 1)])
    assert reference_loss(network, ids) == pytest.approx(nats.mean(), rel=1e-5)


def test_the_loss_of_a_long_text_is_taken_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    network, ids = random_network("lstm", 2), np.random.default_rng(0).integers(0, VOCABULARY.size, size=100)
    whole = reference_loss(network, ids)
    monkeypatch.setattr(module, "_SCORING", 7)
    assert reference_loss(network, ids) == pytest.approx(whole, rel=1e-6)
