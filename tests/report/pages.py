"""A page taken apart: its elements with their attributes, and the words that a reader sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = {"meta", "br", "link", "input"}


@dataclass
class Element:
    """An element: its attributes, its elements and all its words, also those of the elements within."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    words: str = ""

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Every element of that tag within, in the order of the page; `class_` is a word of the class."""
        found = []
        for one in self.children:
            asked = {name.rstrip("_"): value for name, value in attributes.items()}
            fits = all(value in one.attributes.get(name, "").split() for name, value in asked.items())
            found += [one] if one.tag == tag and fits else []
            found += one.all(tag, **attributes)
        return found

    def every(self) -> list[Element]:
        return [inner for one in self.children for inner in (one, *one.every())]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("page", {})
        self.trouble: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)):
            self.trouble.append(f"<{tag}> names an attribute twice")
        one = Element(tag, {name: value or "" for name, value in attributes}, self.here)
        self.here.children.append(one)
        if tag not in _VOID:
            self.here = one

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(tag, {name: value or "" for name, value in attributes}, self.here))

    def handle_endtag(self, tag: str) -> None:
        if self.here.tag != tag or self.here.parent is None:
            self.trouble.append(f"</{tag}> ends <{self.here.tag}>")
            return
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        one: Element | None = self.here
        while one is not None:
            one.words += data
            one = one.parent


def read_page(text: str) -> Element:
    """The page as a tree.

    Raises:
        AssertionError: an element is not closed where it was opened.
    """
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.trouble == []
    assert reader.here is reader.root
    return reader.root


def ids(page: Element) -> list[str]:
    """Every id on the page."""
    return [one.attributes["id"] for one in page.every() if "id" in one.attributes]


def as_json(page: Element, ident: str) -> Any:
    """What a script element of data holds."""
    import json

    [script] = page.all("script", id=ident)
    return json.loads(script.words)
