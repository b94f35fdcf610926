"""The page of a report: whole without a script or a network, safe with any text, and the same in each language."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqmagic.drawing.chart import COLOURS
from seqmagic.drawing.look import look
from seqmagic.insight.labels import LANGUAGES
from seqmagic.report.gather import MEASUREMENTS
from tests.export.test_web import contrast
from tests.helpers import make_run, make_text
from tests.report.pages import Element, as_json, ids, read_page

Call = Callable[..., Result]
HOSTILE = "</script><img src=http://x.example onerror=alert(1)>\u202e<!-- \x07 &amp; 株 {{title}} "
TEXT = "".join(f'{number} {HOSTILE}(green) "bottles", hanging on the wall;\n' for number in range(420))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of all cells on a text that would like to be a page of its own; the last has two layers."""
    folder = tmp_path_factory.mktemp("report")
    source = make_text(folder, TEXT, "a<b>&.txt")
    for name, layers in (("rnn", 1), ("gru", 1), ("lstm", 2)):
        make_run(folder / "models", name, source=source, cell=name, layers=layers)
    return folder / "models"


def make_page(models: Path, *arguments: str, seqmagic: Call) -> tuple[str, Element]:
    path = models.parent / "report.html"
    done = seqmagic("--models", models, "report", *arguments, "-o", path, "--quick")
    assert done.exit_code == 0, done.stderr
    text = path.read_text(encoding="utf-8")
    return text, read_page(text)


@pytest.fixture(params=LANGUAGES)
def made(request: pytest.FixtureRequest, models: Path, seqmagic: Call) -> tuple[str, Element]:
    return make_page(models, "rnn", "gru", "lstm", "--lang", request.param, seqmagic=seqmagic)


def test_the_page_is_small_and_needs_nothing(made: tuple[str, Element]) -> None:
    text, page = made
    assert len(text.encode("utf-8")) < 1_000_000
    assert page.all("link") == page.all("iframe") == page.all("img") == []
    for one in page.every():
        for name in ("href", "src", "xlink:href", "action"):
            assert one.attributes.get(name, "#").startswith("#"), one.attributes
        assert not any(name.startswith("on") or name == "style" for name in one.attributes), one.attributes
    [style] = page.all("style")
    assert "url(" not in style.words and "@import" not in style.words


def test_the_policy_lets_the_page_s_own_script_and_style_work_alone(made: tuple[str, Element]) -> None:
    _, page = made
    [meta] = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(" ", 1) for part in meta.attributes["content"].split("; "))
    assert policy["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]+=*'", policy["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/]+=*'", policy["style-src"])
    assert "unsafe" not in meta.attributes["content"]


def test_ids_are_unique_and_every_link_leads_somewhere(made: tuple[str, Element]) -> None:
    _, page = made
    found = ids(page)
    assert len(found) == len(set(found))
    for link in page.all("a"):
        assert link.attributes["href"].removeprefix("#") in found
    for one in page.every():
        for name in one.attributes.get("aria-labelledby", "").split():
            assert name in found


def test_every_picture_says_what_it_shows_and_has_its_numbers(made: tuple[str, Element]) -> None:
    _, page = made
    pictures = page.all("svg")
    assert len(pictures) == 10
    for picture in pictures:
        assert picture.attributes["role"] == "img"
        [title], [description] = picture.all("title"), picture.all("desc")
        assert title.words and len(description.words) > 20
        figure = picture.parent
        assert figure is not None and figure.tag == "figure"
        numbers = figure.all("table")[0]
        assert len(numbers.all("tr")) > 2
        assert all(cell.attributes["scope"] for cell in numbers.all("th"))


def test_every_panel_says_how_to_read_it_and_what_would_prove_it_wrong(made: tuple[str, Element]) -> None:
    _, page = made
    sections = {one.attributes["id"]: one for one in page.all("section")}
    for ident in ("losses", "surprise", "memory", "gradient", "gates", "trace", "neurons", "errors", "closers"):
        section = sections[ident]
        assert section.all("p", class_="finding")[0].words
        assert [len(one.words) > 20 for one in section.all("dd")] == [True, True]
    assert len(sections["claims"].all("article")) == 5
    verdicts = [one.attributes["class"].split()[1] for one in sections["claims"].all("article")]
    assert set(verdicts) <= {"supported", "refuted", "untold"}


def test_what_the_text_holds_is_shown_and_does_nothing(made: tuple[str, Element]) -> None:
    text, page = made
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    for character in "\u202e\x07":
        assert character not in text
    passage = page.all("div", class_="passage")[0]
    assert "</script><img" in passage.words and "\\u202e" in passage.words and "{{title}}" in passage.words
    [data] = page.all("script", id="data")
    assert "<" not in data.words
    guesses = {guess for model in as_json(page, "data")["surprise"]["top"] for top in model for guess, _ in top}
    assert {"<", "\u202e"} & guesses
    assert "a<b>&.txt" in page.words  # the name of the text


def test_both_languages_say_the_same(models: Path, seqmagic: Call) -> None:
    pages = [make_page(models, "rnn", "gru", "lstm", "--lang", one, seqmagic=seqmagic)[1] for one in LANGUAGES]
    shapes = [[(one.tag, one.attributes.get("id")) for one in page.every() if one.tag != "text"] for page in pages]
    assert shapes[0] == shapes[1]
    cells = [[cell.words for cell in page.all("td") if re.fullmatch(r"[−+\d., %]+", cell.words)] for page in pages]
    assert cells[0] == cells[1] and len(cells[0]) > 100
    [html] = pages[1].all("html")
    assert html.attributes["lang"] == "zh-Hant-TW"
    for word in ("字首字母", "遺忘門", "輸入門", "輸出門", "更新門", "重置門"):
        assert word in pages[1].words


def test_panels_can_be_chosen(models: Path, seqmagic: Call) -> None:
    _, page = make_page(models, "gru", "--panels", "ngram,gates", seqmagic=seqmagic)
    assert [one.attributes["id"] for one in page.all("section")] == ["claims", "losses", "gates", "method"]
    assert page.words.count("can’t be told from these models") == 5


def test_words_stand_out_from_what_they_stand_on() -> None:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", look())
    for scheme in (0, 1):
        shown = {name: colours[scheme] for name, *colours in pairs}
        for ground in ("paper", "field", *(f"bits-{step}" for step in (0, 2, 4, 5, 7, 8))):
            assert contrast(shown["ink"], shown[ground]) >= 4.5
        for words in ("quiet", "accent"):
            assert contrast(shown[words], shown["paper"]) >= 4.5
        for colours in COLOURS:
            assert contrast(colours[scheme], shown["paper"]) >= 4.5


def test_every_measurement_has_a_panel() -> None:
    from seqmagic.report.page import PANELS

    assert {"losses" if kind == "ngram" else kind for kind in MEASUREMENTS} == set(PANELS) - {"recall"}
