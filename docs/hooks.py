"""What the site has beyond docs/: the pages that stand elsewhere in the repository, and links to them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"results.md": "bench/RESULTS.md", "changelog.md": "CHANGELOG.md"}  # page of the site: file
_LINK = re.compile(r"\]\(\.\./([^)#]+)")


def on_files(files: Files, config: Any) -> Files:
    """Add them."""
    for page, path in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/ lead to their pages."""
    pages = {path: page for page, path in ELSEWHERE.items()}
    return _LINK.sub(lambda found: f"]({pages.get(found[1], f'../{found[1]}')}", markdown)
