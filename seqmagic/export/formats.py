"""The formats that a model can leave in: what each is called, needs and allows. Imports none of them."""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from seqmagic.errors import ConfigError, ExportError
from seqmagic.machine import TENSORFLOW, has_package, install_command
from seqmagic.training.interrupt import postponed_signals

if TYPE_CHECKING:
    from seqmagic.export.bundle import Bundle

QUANTIZATIONS = ("none", "float16", "int8")


class Writer(Protocol):
    """The face of a format's module.

    CHECK is the source of a small Python script that runs the target's own runtime in a fresh process;
    `seqmagic.export.check` says what it is given and what it prints.
    """

    CHECK: str

    def write(self, bundle: Bundle, folder: Path, *, quantize: str) -> None:
        """Fill the empty, existing `folder`."""


@dataclass(frozen=True)
class Format:
    """One format of `seqmagic export`.

    Attributes:
        name: As after --format.
        summary: One line for a reader who chooses.
        module: Where its `Writer` is.
        quantizations: Number formats of the weights that it has, the default first.
        extra: The extra of seqmagic that brings `packages` and `check_packages`, but for TensorFlow and Keras.
        packages: Top-level modules that writing needs beyond what the light seqmagic has.
        check_packages: Top-level modules that the self-check needs.
        programs: Programs of which the self-check needs one, in order of preference; none: Python alone.
    """

    name: str
    summary: str
    module: str
    quantizations: tuple[str, ...] = ("none",)
    extra: str | None = None
    packages: tuple[str, ...] = ()
    check_packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def load(self) -> Writer:
        """Import the module that writes this format, and with it perhaps TensorFlow; Ctrl-C is heeded after that."""
        with postponed_signals():
            return cast(Writer, importlib.import_module(self.module))


FORMATS = {
    target.name: target
    for target in (
        Format(
            "savedmodel",
            "TensorFlow Serving and TensorFlow: text in, text out, the whole loop in the graph",
            "seqmagic.export.savedmodel",
            packages=TENSORFLOW,
        ),
        Format(
            "tflite",
            "phones and small devices (LiteRT): a step, and a loop that writes a fixed length",
            "seqmagic.export.tflite",
            quantizations=("none", "float16", "int8"),
            extra="tflite",
            packages=TENSORFLOW,
            check_packages=("ai_edge_litert",),
        ),
        Format(
            "onnx",
            "any ONNX runtime: ids and states in, logits and states out",
            "seqmagic.export.onnx",
            quantizations=("none", "float16"),
            extra="onnx",
            packages=("onnx",),
            check_packages=("onnxruntime",),
        ),
        Format(
            "keras",
            "model.keras for plain Keras, with a script that samples",
            "seqmagic.export.keras",
            packages=TENSORFLOW,
        ),
        Format(
            "numpy",
            "an .npz and a one-file sampler that needs NumPy alone",
            "seqmagic.export.numpy_format",
            quantizations=("none", "float16"),
        ),
        Format(
            "safetensors",
            "every weight by name in one .safetensors file",
            "seqmagic.export.safetensors",
            quantizations=("none", "float16"),
            extra="safetensors",
            packages=("safetensors",),
        ),
        Format(
            "web",
            "one HTML file that writes in the browser, without a network",
            "seqmagic.export.web",
            quantizations=("float16",),
            programs=("node", "chromium", "chromium-browser", "google-chrome"),
        ),
    )
}


def find_format(name: str, quantize: str | None) -> tuple[Format, str]:
    """The format called `name` and the quantization to use: `quantize`, or the format's default.

    Raises:
        ConfigError: there is no such format, or it has no such quantization.
    """
    if name not in FORMATS:
        raise ConfigError(f"--format must be one of {', '.join(FORMATS)}; received {name!r}")
    target = FORMATS[name]
    chosen = quantize or target.quantizations[0]
    if chosen not in target.quantizations:
        raise ConfigError(
            f"--quantize {chosen} is not there for --format {name}, which has {' and '.join(target.quantizations)}"
        )
    return target, chosen


def require_packages(format: Format, *, check: bool) -> None:
    """Raise ExportError, naming the extra to install, unless `format` can be written (and checked)."""
    for package in (*format.packages, *(format.check_packages if check else ())):
        if not has_package(package):
            checking = package not in format.packages
            extra = format.extra if format.extra and package not in TENSORFLOW else "tensorflow"
            raise ExportError(
                f"{'the self-check of ' if checking else ''}--format {format.name} needs the package "
                f"{package.replace('_', '-')}; install it with: {install_command(extra)}"
                + (", or add --no-check" if checking else "")
            )


def find_program(format: Format) -> str | None:
    """The path of the first of `format.programs` that is installed; None where none is, or none is needed."""
    return next((path for path in map(shutil.which, format.programs) if path), None)
