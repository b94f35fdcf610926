"""The report in headless Chromium: no complaint, by mouse and keyboard, with and without its script, on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.export.browser import Page, browser_page, find_browser
from tests.export.test_web_browser import complaints
from tests.helpers import make_run, make_text

pytestmark = pytest.mark.skipif(find_browser() is None, reason="neither Chromium nor Chrome is installed")
TEXT = "".join(f'{number} </script>(green) "bottles" \u202e hanging\n' for number in range(700))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    program = find_browser()
    assert program is not None
    with browser_page(program) as page:
        yield page


@pytest.fixture
def page(tmp_path: Path, models: Path, chromium: Page, seqmagic: Callable[..., Result]) -> Page:
    source = make_text(tmp_path, TEXT)
    for cell in ("rnn", "lstm"):
        make_run(models, cell, source=source, cell=cell)
    path = tmp_path / "report.html"
    panels = "ngram,surprise,memory,gates,trace,errors"
    done = seqmagic("report", "rnn", "lstm", "-o", path, "--quick", "--panels", panels)
    assert done.exit_code == 0, done.stderr
    chromium.events.clear()
    chromium.open(path)
    return chromium


def test_nothing_is_refused_or_asked_for(page: Page) -> None:
    assert complaints(page) == []
    assert page.evaluate("document.querySelectorAll('section').length") == 8
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"


def test_a_character_says_what_was_expected_by_keyboard(page: Page) -> None:
    page.evaluate("document.querySelector('.passage').focus()")
    page.evaluate("document.querySelector('.passage').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}))")
    said = page.evaluate("document.querySelector('.said').textContent")
    assert " bits · " in said and said.count("%") == 5
    assert page.evaluate("document.querySelectorAll('.here').length") == 1


def test_the_theme_is_switched_and_named(page: Page) -> None:
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    name = page.evaluate("document.getElementById('theme').textContent")
    page.evaluate("document.getElementById('theme').click()")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert {name, page.evaluate("document.getElementById('theme').textContent")} == {"Dark", "Light"}


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_the_screen_and_words_can_be_read(width: int, page: Page) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        smallest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('svg')].map(one => one.getBoundingClientRect().width / 560 * "
            "parseFloat(getComputedStyle(one.querySelector('text')).fontSize)))"
        )
        assert smallest >= 8
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")


def test_readers_of_the_screen_get_names_for_everything(page: Page) -> None:
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    parts = [(one["role"]["value"], (one.get("name") or {}).get("value")) for one in tree if "role" in one]
    pictures = [name for role, name in parts if role in ("image", "img")]
    assert len(pictures) >= 5 and all(pictures)
    assert all(name for role, name in parts if role in ("region", "button", "link", "navigation"))
