"""The catalogue of well-known texts: what they are, where they lie on this machine, and how they get there."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqmagic import files
from seqmagic.errors import CorpusError

if TYPE_CHECKING:
    from seqmagic.texts.download import Progress

CATALOG = Path(__file__).with_name("catalog.toml")
DEFAULT_FOLDER = "data"
TIMEOUT = 30.0  # seconds in which a server must say something


@dataclass(frozen=True, kw_only=True)
class CatalogText:
    """A text that can be downloaded.

    Attributes:
        name: What it is called on the command line.
        description: One line for a list.
        address: Where it lies, http or https.
        bytes: Of the text as it is kept; exact where its sum is known.
        licence: Under which one may have it.
        sha256: Of what lies at the address; `None` where nobody could confirm one.
        member: The file within a zip archive that is the text; `None` where it is none.
        member_sha256: Of that file.
    """

    name: str
    description: str
    address: str
    bytes: int
    licence: str
    sha256: str | None = None
    member: str | None = None
    member_sha256: str | None = None

    @property
    def text_sha256(self) -> str | None:
        """Of the text as it is kept, where the catalogue has it."""
        return self.member_sha256 if self.member else self.sha256

    def path(self, folder: Path) -> Path:
        """Where the text is kept below `folder`."""
        return folder / f"{self.name}.txt"

    def sum_path(self, folder: Path) -> Path:
        """Where the sum of a text that the catalogue has none for is kept."""
        return folder / f".{self.name}.txt.sha256"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A text of the catalogue on this machine.

    Attributes:
        path: The file.
        sha256: Of what the file holds now.
        trusted: Whether the sum was taken from the first download, as the catalogue has none.
        fresh: Whether it was downloaded just now.
    """

    path: Path
    sha256: str
    trusted: bool
    fresh: bool = False


def data_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """The folder of downloaded texts: what was given, else SEQMAGIC_DATA, else data/."""
    return Path(given or os.environ.get("SEQMAGIC_DATA") or DEFAULT_FOLDER)


@functools.cache
def catalog() -> dict[str, CatalogText]:
    """The texts of the catalogue by name, in its order."""
    entries = tomllib.loads(CATALOG.read_text(encoding="utf-8"))
    return {name: CatalogText(name=name, **entry) for name, entry in entries.items()}


def expected_sum(text: CatalogText, folder: Path) -> str | None:
    """The sha256 that the text must have: that of the catalogue, else of its first download; `None` before that.

    Raises:
        CorpusError: the file that keeps the sum of the first download is corrupt.
    """
    return text.text_sha256 or _read_sum(text, folder)


def find(text: CatalogText, folder: Path) -> Kept | None:
    """The text where it lies below `folder`; `None` where it does not.

    Put there by hand, a text without a sum in the catalogue is trusted as if it had been downloaded.

    Raises:
        CorpusError: the file can't be read, or is not what the catalogue, or the first download, says.
    """
    path = text.path(folder)
    if not path.exists():
        return None
    found = _sum_of(path)
    expected = expected_sum(text, folder)
    if expected is None:
        _keep_sum(text, folder, found)
    elif found != expected:
        whose = "the catalogue has" if text.text_sha256 else f"{text.sum_path(folder)} has from the first download"
        raise CorpusError(
            f"{path} is not the text {text.name}: its sha256 begins {found[:12]}, and {whose} {expected[:12]}; "
            f"remove the file to download it again, or train on a copy under another name"
        )
    return Kept(path=path, sha256=found, trusted=text.text_sha256 is None)


def obtain(
    text: CatalogText,
    folder: Path,
    *,
    progress: Progress | None = None,
    waiting: Callable[[], object] | None = None,
    timeout: float = TIMEOUT,
) -> Kept:
    """The text below `folder`, downloaded where it is not there yet. Whoever comes second waits for the first.

    Args:
        text: What is wanted.
        folder: Made where it is missing.
        progress: Called with the bytes so far and how many there will be.
        waiting: Called once where somebody else downloads the same text now.
        timeout: Seconds in which a server must say something.

    Raises:
        CorpusError: one line on why the text can't be had, and where to put it by hand.
        OSError: the folder can't be written.
    """
    kept = find(text, folder)
    if kept is not None:
        return kept
    from seqmagic.texts.download import Download, downloaded, held_alone  # the network's modules take 50 ms

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CorpusError(
            f"{folder} can't be made a folder for texts: {problem.strerror or problem}; "
            "name another with --data or SEQMAGIC_DATA"
        ) from problem
    with held_alone(folder / f".{text.name}.lock", waiting):
        kept = find(text, folder)
        if kept is not None:  # the one who was first has it
            return kept
        job = Download(
            address=text.address,
            target=text.path(folder),
            part=folder / f".{text.name}.part",
            most_bytes=text.bytes if text.sha256 else 2 * text.bytes,
            bytes=text.bytes if text.sha256 and not text.member else None,
            sha256=text.sha256,
            member=text.member,
            text_sha256=expected_sum(text, folder),
        )
        found = downloaded(job, progress=progress, timeout=timeout)
        if text.text_sha256 is None:
            _keep_sum(text, folder, found)
    return Kept(path=job.target, sha256=found, trusted=text.text_sha256 is None, fresh=True)


def _sum_of(path: Path) -> str:
    if not path.is_file():
        raise CorpusError(f"{path} is no ordinary file; move it away to have the text of that name there")
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise CorpusError(f"{path} can't be read: {problem.strerror or problem}") from problem


def _keep_sum(text: CatalogText, folder: Path, found: str) -> None:
    """Keep the sum as `sha256sum --check` reads it. A folder that can't be written leaves it unkept."""
    try:
        files.write_text(text.sum_path(folder), f"{found}  {text.path(folder).name}\n")
    except OSError:
        return


def _read_sum(text: CatalogText, folder: Path) -> str | None:
    path = text.sum_path(folder)
    if not os.path.lexists(path):
        return None
    content = files.read_bounded(path, limit=4096, error=CorpusError)
    found = re.match(rb"[0-9a-f]{64}(?=  )", content)
    if found is None:
        raise CorpusError(f"{path} is corrupt: it does not begin with a sha256; remove it to trust the text anew")
    return found[0].decode("ascii")
