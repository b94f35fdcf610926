"""Measurements that were made before: kept in the folder of the first run that was measured.

A name has a sum of all that the figures come from: what was measured and how, the weights, the text and the
version of this tool. A file that is not what it should be is measured again; where the folder can't be
written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqmagic import __version__, files
from seqmagic.config import Config
from seqmagic.errors import RunError
from seqmagic.insight.subjects import SCHEMA, Subject


def kept_path(kind: str, subjects: Sequence[Subject], config: Config) -> Path:
    """Where the measurement of these runs, made in this way, is kept."""
    asked = {
        "schema": SCHEMA,
        "seqmagic": __version__,
        "kind": kind,
        "config": config.to_json(),
        "runs": [
            {
                "name": one.run.name,
                "model": files.sha256_of(one.run.model_path),
                "text": one.record.text.sha256,
                "read": hashlib.sha256(one.passage.ids.astype("<i8").tobytes()).hexdigest(),
            }
            for one in subjects
        ],
    }
    digest = hashlib.sha256(files.to_json(asked).encode("utf-8")).hexdigest()
    return subjects[0].run.insight_path / f"{kind}-{digest[:20]}.json"


def read_kept(path: Path, kind: str, subjects: Sequence[Subject]) -> dict[str, Any] | None:
    """The document in `path`; None where there is none, or something else, or one that was changed."""
    try:
        found = files.read_json(path, error=RunError)
    except RunError:
        return None
    document = found.get("document") if isinstance(found, dict) else None
    if not isinstance(document, dict) or found.get("sha256") != _sum(document):
        return None
    names = [one.get("run") for one in document.get("models", ())]
    return document if (document.get("kind"), names) == (kind, [one.run.name for one in subjects]) else None


def keep(path: Path, document: dict[str, Any]) -> None:
    """Write `document` to `path`, whole or not at all; where that can't be done, it is not kept."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        files.write_json(path, {"sha256": _sum(document), "document": document})


def _sum(document: dict[str, Any]) -> str:
    return hashlib.sha256(files.to_json(document).encode("utf-8")).hexdigest()
