"""`inspect trace` for a reader: the text over strips of gates and of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from seqmagic.cli.console import one_line
from seqmagic.cli.show.documents import Document, excerpt_words
from seqmagic.cli.show.strips import DIVERGING, Row, colour_system, laid, level_marks
from seqmagic.insight.labels import ROLES, label
from seqmagic.insight.roles import MEMORY

_MIDDLE = 4  # of the steps of DIVERGING


def trace_pages(document: Document, *, width: int, show: str) -> Group:
    """Each run in turn."""
    system = colour_system()
    pages: list[Text] = []
    for model in document["models"]:
        head = f"{one_line(model['run'])} layer {model['layer']} ({model['layer_cell']}): {excerpt_words(document)}"
        pages.append(Text(head, style="bold" if system else ""))
        characters = model["characters"]
        pages += laid(characters, _rows(model, show, system), width=width, spaced=True)
    pages += [Text(line) for line in _notes(document, show)]
    return Group(*pages)


def _rows(model: Document, show: str, system: str | None) -> list[Row]:
    memory = MEMORY[model["layer_cell"]]
    rows = [Row(label(role), level_marks(model[role]["mean"])) for role in ROLES if role in model]
    size = model[memory]["mean_size"]
    rows.append(Row(f"|{label(memory)}|", level_marks(_squashed(size, memory))))
    for unit in model["units"]:
        name = f"unit {unit['unit']}"
        if unit["timescale"] is not None:
            name += f" τ {unit['timescale']:.3g}"
        if show != "memory":
            rows.append(Row(name, level_marks(unit[show])))
            continue
        values = _squashed(unit[memory], memory)
        if system:
            styles = DIVERGING.styles(system) or ()
            painted = [styles[round(_MIDDLE * value) + _MIDDLE] for value in values]
            rows.append(Row(name, " " * len(values), painted))
        else:
            rows.append(Row(name, level_marks([(value + 1) / 2 for value in values])))
    return rows


def _squashed(values: Sequence[float], memory: str) -> list[float]:
    """Within -1 and 1: tanh of a cell state, as the cell itself shows it."""
    return [math.tanh(value) for value in values] if memory == "cell_state" else list(values)


def _notes(document: Document, show: str) -> list[str]:
    cells = {model["layer_cell"] for model in document["models"]}
    notes = ["Gates from 0 (low block) to 1 (full), as means over all units of the layer; below them single units."]
    if show == "memory":
        what = "tanh of the cell state" if cells == {"lstm"} else "the hidden state"
        what += " (of an LSTM, tanh of the cell state)" if len(cells) > 1 and "lstm" in cells else ""
        notes.append(f"A unit shows {what}, from -1 to 1 (blue to orange, or low to full block).")
    if "gru" in cells:
        notes.append("keep of a GRU is the z of Keras; the z of most articles is write, 1 minus that.")
    if "rnn" in cells:
        notes.append("A simple RNN has no gates: everything is written anew with each character.")
    return notes
