"""Charts: every line can be found, nothing is wider than the terminal, and each format holds the same."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from rich.cells import cell_len

from seqmagic.drawing.chart import COLOURS, Chart, Line, axis_ticks
from seqmagic.drawing.figure import chart_image
from seqmagic.drawing.svg import chart_svg
from seqmagic.drawing.terminal import chart_lines

CHART = Chart(
    title="A <title> & more",
    finding="一 falls",
    x_label="characters back",
    y_label="log10 of what is left",
    lines=[
        Line("落ちる花" * 6, [(0, 0), (50, -6), (100, -12)], band=([(0, -1), (100, -13)], [(0, 1), (100, -11)])),
        Line("flat", [(0, -1), (100, -1)]),
        Line("untrained", [(0, 0), (20, -12)], faint=True, kin=0),
    ],
)


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("colour", [True, False])
def test_nothing_is_wider_than_the_terminal(width: int, colour: bool) -> None:
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in chart_lines(CHART, width=width, colour=colour)]
    assert max(map(cell_len, rows)) <= width
    assert not any("\n" in row for row in rows)


def test_a_falling_line_falls_and_a_flat_one_stays() -> None:
    rows = chart_lines(CHART, width=60, height=13, colour=False, braille=False)
    area = [row.partition("|")[2] for row in rows[1:14]]
    assert "x" in area[1] and not any("x" in row for row in area[2:])
    falling = [(row.index("o"), number) for number, row in enumerate(area) if "o" in row]
    assert falling == sorted(falling)
    assert (falling[0][1], falling[-1][1]) == (0, 12)
    assert "".join(area).count(".") > 5
    assert rows[1].startswith("     0 |") and rows[13].startswith("   -12 |")


def test_without_colour_there_are_no_codes_and_marks_tell_lines_apart() -> None:
    text = "\n".join(chart_lines(CHART, width=80, colour=False))
    assert "\x1b" not in text
    assert "o 落ちる花" in text and "x flat" in text and "untrained" in text
    assert "\x1b[36m" in "\n".join(chart_lines(CHART, width=80, colour=True))


def test_one_point_and_no_points_can_be_drawn() -> None:
    for lines in ([Line("one", [(1, 2)])], [Line("none", [])], []):
        chart = Chart("t", "f", "x", "y", lines, log_x=True)
        assert chart_lines(chart, width=60, colour=False)
        ET.fromstring(chart_svg(chart))


def test_svg_holds_the_finding_and_escapes_what_it_is_given() -> None:
    svg = chart_svg(CHART)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert (names.count("polyline"), names.count("polygon")) == (3, 1)
    assert "<title>" not in svg.replace('<title id="chart-t">', "")
    assert [element.text for element in root.iter() if element.tag.endswith("desc")] == ["一 falls"]
    assert "prefers-color-scheme:dark" in svg


SCATTER = Chart(
    "gates", "f", "share above 0.9", "share below 0.1",
    [Line("first", [(0.1, 0.2), (0.9, 0.05)], joined=False), Line("second", [(2.0, 0.5)], joined=False)],
    x_range=(0, 1), y_range=(0, 1), rules=[(0.5, "half <way>")],
)  # fmt: skip


def test_dots_and_rules_are_drawn_and_stay_within_the_axes() -> None:
    rows = chart_lines(SCATTER, width=60, height=11, colour=False)
    area = [row.partition("┤")[2] for row in rows[1:12]]
    assert sum(row.count("o") for row in area) == 2
    assert sum(row.count("x") for row in area) == 1
    assert area[5].endswith("x")  # beyond the axis: at its end
    assert sum(row.count("╎") for row in area) == 11
    assert "╎ half <way>" in "\n".join(rows)
    root = ET.fromstring(chart_svg(SCATTER))
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert (names.count("circle"), names.count("polyline")) == (3, 0)  # one of them in the legend
    for place in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(place.get("cx", "")) <= 560


def test_words_wrap_and_nothing_leaves_the_picture() -> None:
    long = Chart("一二三" * 40, "f", "x " * 60, "y " * 60, [Line("name " * 30, [(0, 0), (1, 1)]), Line("b", [])])
    root = ET.fromstring(chart_svg(long))
    width, height = map(float, root.get("viewBox", "").split()[2:])
    texts = [element for element in root.iter() if element.tag.endswith("}text")]
    assert len(texts) > 12
    for element in texts:
        assert 0 < float(element.get("y", "")) < height
        shown = element.text or ""
        if element.get("text-anchor") is None:
            assert float(element.get("x", "")) + 0.55 * 17 * cell_len(shown) <= width + 1


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (-12.3, 0, False, [-10, -5, 0]),
        (1.61, 1.68, False, [1.62, 1.64, 1.66, 1.68]),
        (0, math.log10(256), True, [1, 3, 10, 30, 100]),
        (0.3, 0.31, True, None),
    ],
)
def test_axes_have_round_values(low: float, high: float, log: bool, ticks: list[float] | None) -> None:
    found = axis_ticks(low, high, log=log)
    assert 2 <= len(found) <= 6
    assert ticks is None or found == pytest.approx(ticks)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("number", "ground"), [(0, "#ffffff"), (1, "#161616")])
def test_lines_stand_out_from_their_ground(number: int, ground: str) -> None:
    for pair in COLOURS:
        light, dark = sorted((luminance(pair[number]), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-")])
def test_matplotlib_draws_the_same_chart(form: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    for chart in (CHART, SCATTER, Chart("$\\bad$", "f", "$x", "y_$^", [Line("$a$", [(1, 1), (10, 2)])], log_x=True)):
        assert chart_image(chart, form).startswith(start)
