"""What all exported samplers promise: temperatures too small to divide by are 0."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seqmagic.export.formats import FORMATS
from seqmagic.export.weights import named_arrays
from tests.export.tiny import lively_network, make_bundle
from tests.helpers import write_archive

PACKAGES = {"numpy": "numpy", "onnx": "onnxruntime", "keras": "keras", "tflite": "ai_edge_litert"}


@pytest.mark.tf
@pytest.mark.parametrize("name", list(PACKAGES))
def test_the_smallest_temperatures_write_what_0_writes(name: str, tmp_path: Path) -> None:
    pytest.importorskip(PACKAGES[name])
    if name == "onnx":
        pytest.importorskip("onnx")
    bundle = make_bundle(lively_network("lstm", 1), tmp_path)
    if name == "keras":  # that one is copied
        bundle.run.path.mkdir()
        write_archive(bundle.run.model_path, "lstm", list(named_arrays(bundle.network).values()))
    FORMATS[name].load().write(bundle, tmp_path, quantize="none")

    def write(temperature: str) -> tuple[str, str]:
        command = [sys.executable, str(tmp_path / "sample.py"), "--length", "40", "--temperature", temperature]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    coldest = write("0")[0]
    for temperature in ("1e-7", "1e-308", "5e-324"):
        text, errors = write(temperature)
        assert text == coldest
        assert "RuntimeWarning" not in errors
