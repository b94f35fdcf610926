"""Which unit tells of quotes, brackets, columns, whether that is chance, and the best one painted on text."""

from __future__ import annotations

from seqmagic.report.html import NONE, escaped, number, table
from seqmagic.report.panels.panel import Document, Documents, Panel
from seqmagic.report.texts import Texts

_COLOURS = (0, 2, 4, 5, 7, 8)  # of the nine of drawing/look.css, from low to high
_PAINTED = 240  # characters


def panel(documents: Documents, texts: Texts) -> Panel | None:
    """The panel; None where no units were searched."""
    document = documents.get("neurons")
    if document is None:
        return None
    models = document["models"]
    painted = "".join(_painted(model, place, texts) for place, model in enumerate(models) if model.get("painted"))
    return Panel(
        ident="neurons",
        title=texts("neurons.title"),
        finding=texts("neurons.finding", parts=texts.listed([_best(model, texts) for model in models])),
        body="".join(_features(model, texts) for model in models) + painted,
        how=texts("neurons.how"),
        wrong=texts("neurons.wrong"),
    )


def _best(model: Document, texts: Texts) -> str:
    names = [texts.named(one["feature"]) for one in model["features"] if one["stands_out"]]
    key = "neurons.some" if names else "neurons.none"
    return texts(key, run=model["run"], features=texts.listed(names) if names else "")


def _unit(one: Document) -> str:
    unit = one["unit"]
    return NONE if unit is None else f"{unit['layer']}.{unit['state']} {unit['unit']}"


def _features(model: Document, texts: Texts) -> str:
    rows = []
    for one in model["features"]:
        if one["reason"] is not None:
            rows.append([texts.named(one["feature"]), *[NONE] * 7])
            continue
        rows.append(
            [
                texts.named(one["feature"]), _unit(one), number(one["score"], ".2f"), number(one["null_95"], ".2f"),
                number(one["p"], ".3f"), texts("neurons.yes" if one["stands_out"] else "neurons.no"),
                number(one["character_alone"], ".2f"), number(one["probe"], ".2f"),
            ]
        )  # fmt: skip
    keys = ["feature", "unit", "score", "null", "p", "stands_out", "alone", "probe"]
    return table(texts("neurons.table", run=model["run"]), [texts(f"neurons.{key}") for key in keys], rows)


def _painted(model: Document, place: int, texts: Texts) -> str:
    """The unit that stands out most, on a stretch of text."""
    painted = model["painted"]
    shown = []
    for character, level in zip(painted["characters"][:_PAINTED], painted["levels"], strict=False):
        step = 0 if level is None else min(int(level * len(_COLOURS)), len(_COLOURS) - 1)
        shown.append(
            f'<i class="bits-{_COLOURS[step]}">{escaped(character)}</i>' + ("<br>" if character == "\n" else "")
        )
    caption = texts("neurons.painted", run=model["run"], unit=_unit(painted), feature=texts.named(painted["feature"]))
    return (
        f'<div><h3 id="neuron-{place}">{escaped(caption)}</h3><div class="passage" role="group" dir="ltr" '
        f'aria-labelledby="neuron-{place}" translate="no">{"".join(shown)}</div></div>'
    )
