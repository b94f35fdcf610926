"""The web export in headless Chromium: what it writes, paints, says and forbids; by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.export import web
from seqmagic.export.bundle import Bundle
from seqmagic.export.check import check
from seqmagic.export.formats import FORMATS
from seqmagic.export.web import page as web_page
from tests.export.browser import NAMES, Page, browser_page, find_browser
from tests.export.tiny import (
    PROMPTS,
    SHAPES,
    VOCABULARY,
    greedy,
    hostile_bundle,
    lively_network,
    make_bundle,
    rounded_to_float16,
)

pytestmark = pytest.mark.skipif(find_browser() is None, reason="neither Chromium nor Chrome is installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    program = find_browser()
    assert program is not None
    with browser_page(program) as page:
        yield page


def open_page(page: Page, bundle: Bundle, folder: Path) -> None:
    web.write(bundle, folder, quantize="float16")
    page.events.clear()
    page.open(folder / "index.html")
    page.wait("document.getElementById('status').textContent === 'Ready.'")


def fill(page: Page, **fields: object) -> None:
    for name, value in fields.items():
        field = f"document.getElementById({json.dumps(name)})"
        page.evaluate(f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input'))")


def text_of(page: Page, name: str) -> str:
    return page.evaluate(f"document.getElementById({json.dumps(name)}).textContent")


def write_to_the_end(page: Page) -> str:
    page.evaluate("document.getElementById('start').click()")
    page.wait("document.getElementById('start').textContent === 'Write'")
    return text_of(page, "text")


def complaints(page: Page) -> list[dict[str, Any]]:
    """Exceptions, console and policy messages, and requests for anything but the file itself."""
    found = [event for event in page.events if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
    requests = [event for event in page.events if event["method"] == "Network.requestWillBeSent"]
    urls = [event["params"]["request"]["url"] for event in requests]
    return found + [{"request": url} for url in urls if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize(("cell", "layers"), SHAPES)
def test_the_page_writes_what_the_network_writes(cell: str, layers: int, chromium: Page, tmp_path: Path) -> None:
    network = lively_network(cell, layers)
    open_page(chromium, make_bundle(network, tmp_path), tmp_path)
    for prompt in PROMPTS:
        fill(chromium, prompt=prompt, length=200, temperature=0)
        assert write_to_the_end(chromium) == prompt + greedy(network, prompt, 200)
    assert complaints(chromium) == []


def test_the_self_check_runs_in_the_browser_where_node_is_missing(tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 2), tmp_path)
    web.write(bundle, tmp_path, quantize="float16")
    report = check(bundle, tmp_path, replace(FORMATS["web"], programs=NAMES), "float16")
    assert report.max_difference < report.tolerance
    assert list(report.versions) == ["chromium"]


def test_a_hostile_run_is_shown_and_runs_nothing(chromium: Page, tmp_path: Path) -> None:
    bundle = hostile_bundle(tmp_path)
    open_page(chromium, bundle, tmp_path)
    assert chromium.evaluate("document.querySelector('h1').textContent") == bundle.record.name
    assert chromium.evaluate("document.getElementById('prompt').value") == bundle.record.training.prompt
    assert len(write_to_the_end(chromium)) == len(str(bundle.record.training.prompt)) + 500
    assert chromium.evaluate("document.querySelectorAll('script').length") == 2
    assert complaints(chromium) == []


def test_the_policy_stops_other_scripts_and_requests(chromium: Page, tmp_path: Path) -> None:
    open_page(chromium, make_bundle(lively_network("gru", 1), tmp_path), tmp_path)
    chromium.evaluate(
        "window.broken = false; const other = document.createElement('script');"
        "other.textContent = 'window.broken = true'; document.body.append(other)"
    )
    assert chromium.evaluate("window.broken") is False
    assert chromium.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == "refused"
    assert any("Content Security Policy" in json.dumps(event) for event in chromium.events)


def test_a_seed_repeats_the_text_and_another_changes_it(chromium: Page, tmp_path: Path) -> None:
    open_page(chromium, make_bundle(lively_network("gru", 1), tmp_path), tmp_path)
    fill(chromium, prompt="the ", length=100, temperature=1.5, seed=1)
    first = write_to_the_end(chromium)
    assert write_to_the_end(chromium) == first
    fill(chromium, seed=2)
    assert write_to_the_end(chromium) != first


def test_the_keyboard_alone_starts_and_stops(chromium: Page, tmp_path: Path) -> None:
    open_page(chromium, make_bundle(lively_network("lstm", 2), tmp_path), tmp_path)
    fill(chromium, length=20000)
    chromium.evaluate("document.getElementById('prompt').focus()")
    chromium.press("Enter", control=True)
    chromium.wait("document.getElementById('text').textContent.length > 50")
    assert text_of(chromium, "start") == "Stop"
    chromium.press("Escape")
    chromium.wait("document.getElementById('start').textContent === 'Write'")
    assert text_of(chromium, "status").startswith("Stopped after")
    order = []
    for _ in range(12):
        order.append(chromium.evaluate("document.activeElement.id || document.activeElement.tagName"))
        ring = chromium.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring not in ("none", ""), f"{order[-1]} shows no focus"
        chromium.press("Tab")
    controls = ["prompt", "temperature", "top-k", "top-p", "length", "seed", "surprise", "start", "reseed"]
    controls += ["copy", "text", "SUMMARY"]
    assert order == controls


def test_surprise_is_painted_on_request_and_read_from_the_prompt_as_well(chromium: Page, tmp_path: Path) -> None:
    network = lively_network("lstm", 1)
    open_page(chromium, make_bundle(network, tmp_path), tmp_path)
    fill(chromium, prompt="the é😀", length=50, temperature=0)
    text = write_to_the_end(chromium)
    assert chromium.evaluate("document.getElementById('legend').hidden") is True
    chromium.evaluate("document.getElementById('surprise').click()")
    assert chromium.evaluate("document.getElementById('legend').hidden") is False
    assert text_of(chromium, "text") == text  # painted, not written anew
    looks = chromium.evaluate(
        "[...document.querySelectorAll('#text span')].flatMap(piece => "
        "[...piece.textContent].map(() => piece.className.match(/bits-(\\d)/)?.[1] ?? null))"
    )
    rounded = rounded_to_float16(network)
    ids = VOCABULARY.encode(text).astype(int)
    logits = rounded.forward(ids[np.newaxis], rounded.initial_states(1))[0][0].astype(float)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    bits = -logits[np.arange(len(ids) - 1), ids[1:]] / np.log(2)
    assert looks == [None, *(str(min(8, int(value))) for value in bits)]


def test_it_opens_with_an_example_that_can_be_painted_and_copied(chromium: Page, tmp_path: Path) -> None:
    bundle = make_bundle(lively_network("gru", 1), tmp_path)
    training = replace(bundle.record.training, prompt="the Æ")  # of which the model knows all but the last
    bundle = replace(bundle, record=replace(bundle.record, training=training))
    open_page(chromium, bundle, tmp_path)
    prompt, example = web_page.write_example(bundle)
    assert (prompt, len(example)) == ("the ", web_page.EXAMPLE_CHARACTERS)
    assert text_of(chromium, "text") == prompt + example
    assert chromium.evaluate("document.getElementById('example').hidden") is False
    chromium.evaluate("document.getElementById('surprise').click()")
    assert text_of(chromium, "text") == prompt + example
    assert chromium.evaluate("document.querySelectorAll('#text .prompt').length > 0")
    assert chromium.evaluate("document.querySelectorAll('#text [class*=bits-]').length > 50")
    chromium.evaluate(
        "navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); };"
        "document.getElementById('copy').click()"
    )
    chromium.wait("document.getElementById('status').textContent === 'Copied 504 characters.'")
    assert chromium.evaluate("window.copied") == prompt + example
    fill(chromium, prompt="the ", length=20, temperature=0)
    write_to_the_end(chromium)
    assert chromium.evaluate("document.getElementById('example').hidden") is True
    assert complaints(chromium) == []  # neither of the policy, nor of WebAssembly, which it allows


def test_top_k_and_top_p_narrow_what_is_written(chromium: Page, tmp_path: Path) -> None:
    network = lively_network("gru", 1)
    open_page(chromium, make_bundle(network, tmp_path), tmp_path)
    likeliest = "the " + greedy(network, "the ", 60)
    for name, value in (("top-k", 1), ("top-p", 0.01)):
        fill(chromium, prompt="the ", length=60, temperature=1.5)
        assert write_to_the_end(chromium) != likeliest
        fill(chromium, **{name: value})
        assert write_to_the_end(chromium) == likeliest
        fill(chromium, **{"top-k": 0, "top-p": 1})


def test_what_the_model_does_not_know_is_said(chromium: Page, tmp_path: Path) -> None:
    open_page(chromium, make_bundle(lively_network("gru", 1), tmp_path), tmp_path)
    fill(chromium, prompt="the Æ漢")
    assert text_of(chromium, "unknown") == "Not among its characters, read as unknown: Æ 漢"
    fill(chromium, prompt="the ")
    assert text_of(chromium, "unknown") == ""


def test_every_control_has_a_name_and_the_page_fits_a_phone(chromium: Page, tmp_path: Path) -> None:
    open_page(chromium, make_bundle(lively_network("gru", 1), tmp_path), tmp_path)
    tree = chromium.call("Accessibility.getFullAXTree")["nodes"]
    named = ("textbox", "slider", "spinbutton", "checkbox", "button", "region", "form")
    parts = [(one["role"]["value"], one.get("name", {}).get("value")) for one in tree if "role" in one]
    assert sorted({(role, name) for role, name in parts if role in named}) == [
        ("button", "Copy"), ("button", "Dark"), ("button", "New seed"), ("button", "Write"),
        ("checkbox", "Colour by surprise"),
        ("form", "Settings"), ("region", "Text"), ("slider", "Temperature"), ("spinbutton", "Length"),
        ("spinbutton", "Seed"), ("spinbutton", "Top-k"), ("spinbutton", "Top-p"), ("textbox", "Prompt"),
    ]  # fmt: skip
    assert ("status", "") in [(role, name or "") for role, name in parts]
    fill(chromium, prompt="a" * 60, length=300)
    for width in (320, 1200):
        chromium.call("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=1, mobile=True)
        write_to_the_end(chromium)
        assert chromium.evaluate("document.documentElement.scrollWidth") == width
    chromium.call("Emulation.clearDeviceMetricsOverride")
