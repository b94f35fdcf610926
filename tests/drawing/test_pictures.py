"""Bars and fields of colour: everything within the picture, text escaped, and each value where it belongs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from seqmagic.drawing.bars import Bars, bars_element
from seqmagic.drawing.heat import Heat, heat_element

SVG = "{http://www.w3.org/2000/svg}"


def test_a_bar_is_as_long_as_its_value() -> None:
    bars = Bars("a <b>", "f & g", "share", ["one <", "two"], [("x", [0.1, 0.4]), ("y", [0.2, None])])
    root = ET.fromstring(bars_element(bars, ident="b"))
    assert [root.find(f"{SVG}{name}").text for name in ("title", "desc")] == ["a <b>", "f & g"]  # type: ignore[union-attr]
    drawn = [element for element in root.iter(f"{SVG}rect") if element.get("width") != "20"]
    lengths = [float(element.get("width", "")) for element in drawn]
    assert [round(length / max(lengths), 3) for length in lengths] == [0.25, 0.5, 1.0]
    assert len({element.get("class") for element in drawn}) == 2
    height = float(root.get("viewBox", "").split()[3])
    assert all(0 < float(element.get("y", "")) < height for element in root.iter(f"{SVG}text"))
    assert "one <" in [element.text for element in root.iter(f"{SVG}text")]


def test_bars_of_nothing_can_be_drawn() -> None:
    for series in ([], [("x", [0.0])], [("x", [None])]):
        ET.fromstring(bars_element(Bars("t", "f", "x", ["g"], series), ident="b"))


def test_each_field_stands_below_its_character() -> None:
    characters = list("ab<\n") * 20
    heat = Heat("t", "f", "s", characters, [("row", [1.0] + [0.0] * 78 + [-0.5]), ("other", [None] * 80)])
    root = ET.fromstring(heat_element(heat, ident="h"))
    fields = [(e.get("class"), float(e.get("opacity", "")), e.get("d", "")) for e in root.iter(f"{SVG}path")]
    assert [(name, share) for name, share, _ in fields] == [("f0", 1.0), ("f1", 0.5)]
    places = [re.findall(r"M([\d.]+) ([\d.]+)", path) for _, _, path in fields]
    assert [len(one) for one in places] == [1, 1]
    (first, up), (last, down) = places[0][0], places[1][0]
    assert float(first) < float(last) and float(up) < float(down)  # the last one is in the third line
    signs = [e.text for e in root.iter(f"{SVG}text") if e.get("class") == "sign"]
    assert "".join(map(str, signs)) == "ab<⏎" * 20
