"""Charts: every line can be found, nothing is wider than the terminal, and SVG is well formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from rich.cells import cell_len

from seqmagic.cli.show.plots import Chart, Line, chart_lines, chart_svg

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
    assert "<title>" not in svg.replace('<title id="t">', "")
    assert [element.text for element in root.iter() if element.tag.endswith("desc")] == ["一 falls"]
    assert "prefers-color-scheme:dark" in svg


def test_points_that_stand_alone_are_marks_and_not_joined() -> None:
    lines = [
        Line("a", [(0.0, 0.0), (1.0, 1.0)], joined=False),
        Line("b", [(0.0, 1.0)], joined=False),
        Line("edge", [(0.0, 1.0), (1.0, 0.0)], faint=True),
    ]
    chart = Chart(title="t", finding="f", x_label="x", y_label="y", lines=lines)
    for braille in (True, False):
        drawn = "\n".join(chart_lines(chart, width=40, colour=False, braille=braille)[1:-4])
        assert (drawn.count("o"), drawn.count("x")) == (2, 1)
    svg = chart_svg(chart)
    assert svg.count('<path class="l"') == 3 + 2  # points, and two in the legend
    assert svg.count("<polyline") == 1
