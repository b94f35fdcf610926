"""`inspect cell` for a reader: equations, the arithmetic of the parameters, averages, a sentence each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, excerpt_words
from seqmagic.insight.labels import label


def cell_lines(document: Document, *, width: int) -> Iterator[str]:
    """Each run in turn."""
    for model in document["models"]:
        yield f"{one_line(model['run'])}: {model['parameters']:,} parameters"
        yield from _wrapped(f"embedding: {_arithmetic(model['embedding'])}", width, indent=2)
        for layer in model["layers"]:
            yield ""
            shapes = f"x has {layer['inputs']} numbers, h {layer['units']}"
            yield f"  layer {layer['layer']}, {layer['cell']}: {shapes}"
            for one in layer["equations"]:
                yield from _equation(one, width)
            yield f"    together {_arithmetic(layer)}"
        yield ""
        yield from _wrapped(f"dense layer: {_arithmetic(model['dense'])}", width, indent=2)
        parts = [model["embedding"], *model["layers"], model["dense"]]
        total = " + ".join(f"{part['parameters']:,}" for part in parts)
        yield from _wrapped(f"in all: {total} = {sum(part['parameters'] for part in parts):,}", width, indent=2)
        yield ""
    yield f"averages over all units and {excerpt_words(document)}"


def _equation(one: Document, width: int) -> Iterator[str]:
    names = label(one["label"]) + (f": {label(one['role'])}" if one["role"] else "")
    yield from _wrapped(f"{one['symbol']} = {one['formula']}   ({names})", width, indent=4)
    average = f"{one['mean']:.2f} on average" if "mean" in one else f"{one['mean_size']:.2f} away from 0 on average"
    numbers = f"{_arithmetic(one)}; " if one["parameters"] else ""
    yield from _wrapped(f"{numbers}{average}. {one['meaning']}", width, indent=8)


def _arithmetic(part: Document) -> str:
    return f"{' + '.join(part['terms'])} = {part['parameters']:,}"


def _wrapped(text: str, width: int, *, indent: int) -> list[str]:
    return textwrap.wrap(text, max(width, 40), initial_indent=" " * indent, subsequent_indent=" " * (indent + 4))
