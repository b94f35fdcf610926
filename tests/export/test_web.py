"""The web export: the page by itself, its sampler under node."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.drawing.look import look
from seqmagic.errors import ExportError
from seqmagic.export import web
from seqmagic.export.check import check
from seqmagic.export.formats import FORMATS
from seqmagic.export.web import page as web_page
from seqmagic.network.network import Network
from tests.export.tiny import (
    PROMPTS,
    SHAPES,
    VOCABULARY,
    greedy,
    hostile_bundle,
    lively_network,
    make_bundle,
    random_network,
    rounded_to_float16,
)

node = shutil.which("node")
needs_node = pytest.mark.skipif(node is None, reason="node is not installed")

RUN_SAMPLER = """
const sampler = await import("data:text/javascript;base64," + process.argv[1]);
const { models, prompts, ids, temperature } = JSON.parse(await new Response(process.stdin).text());
console.log(JSON.stringify(models.map((description) => {
  const model = sampler.openModel(description);
  let states = sampler.emptyStates(model);
  const logits = ids.map((id) => {
    const now = sampler.read(model, id, states);
    states = now.states;
    return [...now.logits];
  });
  const texts = prompts.map((prompt) =>
    [...sampler.write(model, { prompt, length: 200, temperature, seed: 1 })]
      .filter((piece) => piece.written).map((piece) => piece.character).join(""));
  return { logits, texts };
})));
"""


def under_node(networks: list[Network], ids: list[int], temperature: float) -> list[dict[str, Any]]:
    """What sampler.js makes of `networks`: the logits after each of `ids`, and a text for each prompt."""
    assert node is not None
    source = web_page.base64.b64encode(web_page.read_asset("sampler.js").encode()).decode()
    models = [web_page.describe_model(network, VOCABULARY) for network in networks]
    question = json.dumps({"models": models, "prompts": PROMPTS, "ids": ids, "temperature": temperature})
    command = [node, "--input-type=module", "--eval", RUN_SAMPLER, "--", source]
    done = subprocess.run(command, input=question, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
def test_the_sampler_by_hand_made_numbers() -> None:
    assert node is not None
    tests = Path(__file__).parent / "web" / "sampler.test.mjs"
    done = subprocess.run([node, "--test", str(tests)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@needs_node
@pytest.mark.parametrize("temperature", [0, 1e-7, 5e-324])
def test_the_sampler_computes_and_writes_what_the_rounded_network_does(temperature: float) -> None:
    """All cells, one and two layers, at temperature 0 and at those that are as good as 0.

    `lively_network` is chosen so that rounding does not change its text.
    """
    networks = [lively_network(cell, layers) for cell, layers in SHAPES]
    ids = np.random.default_rng(0).integers(0, VOCABULARY.size, size=60).tolist()
    for network, answer in zip(networks, under_node(networks, ids, temperature), strict=True):
        rounded = rounded_to_float16(network)
        logits, _ = rounded.forward(np.array([ids]), rounded.initial_states(1))
        np.testing.assert_allclose(answer["logits"], logits[0], atol=1e-3)
        assert answer["texts"] == [greedy(rounded, prompt, 200) for prompt in PROMPTS]
        assert answer["texts"] == [greedy(network, prompt, 200) for prompt in PROMPTS]


@needs_node
def test_every_float16_is_read_as_numpy_reads_it() -> None:
    """All 65,536 of them, through the embedding; infinity and NaN included, as the sampler must not guess."""
    assert node is not None
    halves = np.arange(2**16, dtype=np.uint16)
    run = (
        "const s = await import('data:text/javascript;base64,' + process.argv[1]);"
        "console.log(Buffer.from(s.decodeHalves(process.argv[2]).buffer).toString('base64'))"
    )
    source = web_page.base64.b64encode(web_page.read_asset("sampler.js").encode()).decode()
    for part in np.split(halves, 4):  # an argument may be 128 KiB
        encoded = web_page.base64.b64encode(part.tobytes()).decode()
        done = subprocess.run(
            [node, "--input-type=module", "--eval", run, "--", source, encoded],
            capture_output=True,
            check=True,
        )
        found = np.frombuffer(web_page.base64.b64decode(done.stdout), np.float32)
        np.testing.assert_array_equal(found, part.view(np.float16).astype(np.float32))


@needs_node
def test_the_self_check_passes_and_reports(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    bundle = make_bundle(lively_network("lstm", 2), tmp_path)
    web.write(bundle, folder, quantize="float16")
    report = check(bundle, folder, FORMATS["web"], "float16")
    assert report.max_difference < report.tolerance == 2e-2
    assert report.loss_after == pytest.approx(report.loss_before, abs=0.01)
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "index.html"]


@needs_node
def test_the_self_check_notices_a_wrong_weight(tmp_path: Path) -> None:
    network = lively_network("gru", 1)
    web.write(make_bundle(network, tmp_path), tmp_path, quantize="float16")
    bias = network.dense_bias.copy()
    bias[3] += 1.0
    with pytest.raises(ExportError, match="does not agree"):
        check(make_bundle(replace(network, dense_bias=bias), tmp_path), tmp_path, FORMATS["web"], "float16")


class Elements(html.parser.HTMLParser):
    """The tags of a page with their attributes, and the content of each script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.contents: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style", "title", "textarea"):
            self.contents.append((self.tags[-1][0], data))


def test_nothing_of_the_run_becomes_markup(tmp_path: Path) -> None:
    plain = Elements(web_page.build_page(make_bundle(lively_network("gru", 1), tmp_path)))
    attacked = Elements(web_page.build_page(hostile_bundle(tmp_path)))
    assert [tag for tag, _ in attacked.tags] == [tag for tag, _ in plain.tags]
    model = next(data for tag, data in attacked.contents if tag == "script")
    assert json.loads(model)["characters"] == list(VOCABULARY.characters)
    assert "<" not in model


def test_nothing_is_fetched_and_the_policy_forbids_it(tmp_path: Path) -> None:
    page = web_page.build_page(make_bundle(lively_network("gru", 1), tmp_path))
    elements = Elements(page)
    links = [value for _, given in elements.tags for name, value in given.items() if name in ("src", "href")]
    assert len(links) == 1 and str(links[0]).startswith("data:image/svg+xml")
    assert re.findall(r"https?://\S+?['\"]", page) == ["http://www.w3.org/2000/svg'"]  # a name, not an address
    policy = next(given["content"] for tag, given in elements.tags if given.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", "")  # WebAssembly may be compiled, text never run


def test_a_model_too_large_for_a_page_is_refused_in_one_line(tmp_path: Path) -> None:
    network = random_network("lstm", 1)
    large = replace(network, embedding=np.zeros((8_000_000, 1), np.float32))
    with pytest.raises(ExportError, match=r"would take 21\.\d MB of the page, 20 MB are the most; export a smaller"):
        web_page.describe_model(large, VOCABULARY)


def test_the_bins_are_those_of_the_sampler() -> None:
    assert f"export const BINS = {web_page.BINS};" in web_page.read_asset("sampler.js")
    assert web_page.legend().count("<li") == web_page.BINS


def colours(scheme: int) -> dict[str, str]:
    """The colours of look.css by name; scheme 0 is light, 1 is dark."""
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", look())
    return {name: both[scheme] for name, *both in pairs}


def contrast(one: str, other: str) -> float:
    """Contrast of two colours after WCAG 2.2: 1 to 21."""

    def luminance(colour: str) -> float:
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_every_colour(scheme: int) -> None:
    shown = colours(scheme)
    bins = [shown[f"bits-{number}"] for number in range(web_page.BINS)]
    for background in (*bins, shown["paper"], shown["field"]):
        assert contrast(shown["ink"], background) >= 4.5
    for text, background in (("quiet", "paper"), ("on-accent", "accent")):
        assert contrast(shown[text], shown[background]) >= 4.5
    for mark in ("edge", "accent"):  # borders of fields, the ring of the focus
        assert contrast(shown[mark], shown["paper"]) >= 3
    steps = [contrast(bins[0], background) for background in bins]
    assert steps == sorted(steps)  # more surprise, further from the paper
