"""What all pages look like, and the policy that lets their own script and style work and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def look() -> str:
    """The CSS that pages share: colours by name for light and dark."""
    return Path(__file__).with_name("look.css").read_text(encoding="utf-8")


def embed_json(value: Any) -> str:
    """`value` as JSON for a script element: ASCII, and without the `<` that could end the element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def content_policy(*, script: str, style: str, webassembly: bool = False) -> str:
    """A Content-Security-Policy that lets this script and this style work and forbids everything else.

    `webassembly` lets the script compile some, which the standard calls 'wasm-unsafe-eval'; text is never evaluated.
    """
    compiled = " 'wasm-unsafe-eval'" if webassembly else ""
    return (
        f"default-src 'none'; script-src {_hash(script)}{compiled}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put `values` into the template in one pass, so that a value that looks like a placeholder stays."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
