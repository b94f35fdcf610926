"""The documentation as a site: it builds without a warning, and every link and anchor in it leads somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """`mkdocs build`; strict, so that a warning is a failure."""
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(target)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stderr[-3000:]
    for page in ("index.html", "api/index.html", "results/index.html", "changelog/index.html", "cli/index.html"):
        assert (tmp_path / "site" / page).is_file()
    api = (tmp_path / "site" / "api" / "index.html").read_text(encoding="utf-8")
    assert "n-grams of growing order" in api and "on_event" in api  # from docstrings


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "index.md").write_text("[there](nowhere.md) and [here](index.md#nothing)\n", encoding="utf-8")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings = settings[: settings.index("theme:")] + settings[settings.index("validation:") : settings.index("nav:\n")]
    (tmp_path / "mkdocs.yml").write_text(settings, encoding="utf-8")
    assert build(tmp_path, tmp_path / "site").returncode != 0
