"""One passage, a row for each model, each character painted by the bits that it cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from seqmagic.evaluation.units import STEPS, step_of
from seqmagic.report.html import escaped, folded, number, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

_COLOURS = (0, 2, 4, 5, 7, 8)  # of the nine of drawing/look.css, for each step


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where surprise was not measured."""
    document = documents.get("surprise")
    if document is None:
        return None
    models = document["models"]
    passages = "".join(_passage(model, place, texts) for place, model in enumerate(models))
    body = f'<div class="passages">{_legend(texts)}{passages}<p class="said" aria-live="polite"></p></div>'
    return Panel(
        ident="surprise",
        title=texts("surprise.title"),
        finding=_finding(models, texts),
        body=body + folded(texts("surprise.table"), _numbers(models, texts)),
        how=texts("surprise.how") + texts("surprise.keys"),
        wrong=texts("surprise.wrong"),
        data={
            "bits": [[None if one is None else round(one, 2) for one in model["bits"]] for model in models],
            "top": [[[[guess[0], round(guess[1], 3)] for guess in top] for top in model["top"]] for model in models],
        },
    )


def _finding(models: Sequence[Document], texts: Texts) -> str:
    means = texts.listed(
        [texts("surprise.mean", bits=number(one["mean_bits"], ".2f"), run=one["run"]) for one in models]
    )
    count = len(models[0]["characters"])
    places = [
        (abs(models[0]["bits"][place] - models[-1]["bits"][place]), place)
        for place in range(count)
        if models[0]["bits"][place] is not None and models[-1]["bits"][place] is not None
    ]
    if len(models) < 2 or not places:
        return texts("surprise.finding_one", count=count, means=means)
    _, place = max(places)
    one, other = models[0], models[-1]
    return texts(
        "surprise.finding",
        count=count,
        means=means,
        one=one["run"],
        other=other["run"],
        character=f"“{one['characters'][place]}” ({place + 1})",
        one_bits=number(one["bits"][place], ".2f"),
        other_bits=number(other["bits"][place], ".2f"),
    )


def _passage(model: Document, place: int, texts: Texts) -> str:
    """A row; each character is an element, so that it can be pointed at."""
    shown = []
    for character, bits in zip(model["characters"], model["bits"], strict=True):
        painted = f'<i class="bits-{_COLOURS[step_of(bits or 0.0)]}">{escaped(character)}</i>'
        shown.append(painted + ("<br>" if character == "\n" else ""))
    caption = texts("surprise.passage", run=model["run"], bits=number(model["mean_bits"], ".2f"))
    return (
        f'<h3 id="passage-{place}">{escaped(caption)}</h3><div class="passage" data-model="{place}" tabindex="0" '
        f'role="group" aria-labelledby="passage-{place}" dir="ltr" translate="no">{"".join(shown)}</div>'
    )


def _legend(texts: Texts) -> str:
    words = [
        f"< {STEPS[0]}",
        *(f"{low} – {high}" for low, high in itertools.pairwise(STEPS)),
        f"≥ {STEPS[-1]}",
    ]
    items = "".join(f'<li class="bits-{_COLOURS[step]}">{escaped(word)}</li>' for step, word in enumerate(words))
    return f'<ol class="legend" aria-label="{escaped(texts("surprise.legend"))}">{items}</ol>'


def _numbers(models: Sequence[Document], texts: Texts) -> str:
    heads = [texts("surprise.place"), texts("surprise.character"), *(model["run"] for model in models)]
    heads += [texts("surprise.rather", run=model["run"]) for model in models]
    rows = []
    for place, character in enumerate(models[0]["characters"]):
        row = [str(place + 1), "␣" if character == " " else character]
        row += [number(model["bits"][place], ".2f") for model in models]
        row += [" ".join("␣" if guess[0] == " " else guess[0] for guess in model["top"][place][:3]) for model in models]
        rows.append(row)
    return table(texts("surprise.table"), heads, rows, heads=2)
