"""The texts that every installation has: the documentation and source of Python, and generated ones."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqmagic.errors import CorpusError
from seqmagic.texts import generated
from seqmagic.texts.decoding import Pieces, Tally
from seqmagic.texts.folders import joined_pieces

# not the library itself: what was installed into it, its tests, and a program that many Pythons lack
_LEFT_OUT = frozenset(("site-packages", "dist-packages", "test", "tests", "idlelib", "__pycache__"))
_PYTHON_LICENCE = "PSF licence"
_FREE = "free to use"


@dataclass(frozen=True, kw_only=True)
class BuiltinText:
    """A text that needs no file.

    Attributes:
        description: One line for a list.
        licence: Under which one has it.
        pieces: Gives the characters.
        entropy_bits: Gives the best bits per character that a model can reach; `None` where nobody knows.
        surprise: Gives the bits that each of its characters costs who knows its rule, (n,) float64.
        sha256: Of its characters, where its rule is known.
    """

    description: str
    licence: str
    pieces: Callable[[], Pieces]
    entropy_bits: Callable[[], float] | None = None
    surprise: Callable[[], np.ndarray] | None = None
    sha256: str | None = None


def builtin_names() -> tuple[str, ...]:
    """The names of the built-in texts."""
    return tuple(BUILTIN_TEXTS)


def builtin_pieces(name: str) -> Pieces:
    """The characters of the built-in text `name`.

    Raises:
        CorpusError: this Python was installed without it.
    """
    return BUILTIN_TEXTS[name].pieces()


def known_surprise(sha256: str) -> np.ndarray | None:
    """The surprise of each character of the text with this hash, (n,) float64 bits; `None` where nobody knows it."""
    for text in BUILTIN_TEXTS.values():
        if text.surprise is not None and text.sha256 == sha256:
            return text.surprise()
    return None


def _python_docs() -> Pieces:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise CorpusError(
            "there is no python-docs: this Python was installed without pydoc_data.topics; try python-source"
        ) from None
    text = "\n\n".join(topics[name].strip("\n") for name in sorted(topics)) + "\n"
    return (yield from _whole(text))


def _python_source() -> Pieces:
    folder = Path(sysconfig.get_path("stdlib"))
    files = sorted(_source_files(folder), key=lambda path: path.relative_to(folder).parts)
    if not files:
        raise CorpusError(
            "there is no python-source: this Python was installed without the source of its library; try python-docs"
        )
    return (yield from joined_pieces(files, "utf-8", name="the standard library"))


def _source_files(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]  # os.walk goes into those that remain
        yield from (Path(path, name) for name in names if name.endswith(".py"))


def _generated(make: Callable[[], str]) -> Callable[[], Pieces]:
    def pieces() -> Pieces:
        return (yield from _whole(make()))

    return pieces


def _whole(text: str) -> Pieces:
    yield text
    return Tally(len(text.encode("utf-8")))


BUILTIN_TEXTS = {
    "python-docs": BuiltinText(
        description="the Python language reference that pydoc carries, English prose and code, 0.5 MB",
        licence=_PYTHON_LICENCE,
        pieces=_python_docs,
    ),
    "python-source": BuiltinText(
        description="the source of Python's standard library, 11 MB",
        licence=_PYTHON_LICENCE,
        pieces=_python_source,
    ),
    "recall": BuiltinText(
        description="remember one letter over 1 to 32 others, generated, 1 MB, best loss known",
        licence=_FREE,
        pieces=_generated(generated.recall),
        entropy_bits=generated.recall_entropy_bits,
        surprise=generated.recall_surprise,
        sha256="76df4cefe0b541da29e628cb721e3af9679b7c5ee95a9baa4c7511dc5ce1111b",
    ),
    "brackets": BuiltinText(
        description="close the brackets that were opened, up to 8 deep, generated, 1 MB, best loss known",
        licence=_FREE,
        pieces=_generated(generated.brackets),
        entropy_bits=generated.brackets_entropy_bits,
        surprise=generated.brackets_surprise,
        sha256="22964cdf3e477ab15d24b69392c8a8805c420ce89b77a576353ac3475c65bbd9",
    ),
    "markov": BuiltinText(
        description="a chain in which the last two characters decide, generated, 1 MB, best loss known",
        licence=_FREE,
        pieces=_generated(generated.markov),
        entropy_bits=generated.markov_entropy_bits,
        surprise=generated.markov_surprise,
        sha256="6e79ef287e2a2a31c2e99200284bce40c8b9d70bce70ae0c954697961c92bd61",
    ),
}
