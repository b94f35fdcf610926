"""The whole page: claims, panels and method put into one HTML file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seqmagic import __version__
from seqmagic.drawing.chart import COLOURS
from seqmagic.drawing.look import content_policy, embed_json, fill, look
from seqmagic.drawing.svg import chart_style
from seqmagic.insight.subjects import Subject
from seqmagic.report.claims import Claim, claims
from seqmagic.report.html import escaped, number, table
from seqmagic.report.panels import closers, errors, gates, gradient, losses, memory, neurons, recall, surprise, trace
from seqmagic.report.panels.panel import Documents, Panel
from seqmagic.report.texts import Texts
from seqmagic.runs.record import Results

# in their order on the page; each makes its panel from the documents that there are, or none
PANELS: Mapping[str, Callable[[Documents, Texts], Panel | None]] = {
    "losses": losses.panel,
    "surprise": surprise.panel,
    "memory": memory.panel,
    "gradient": gradient.panel,
    "gates": gates.panel,
    "trace": trace.panel,
    "neurons": neurons.panel,
    "errors": errors.panel,
    "closers": closers.panel,
    "recall": recall.panel,
}
_HTML_LANGUAGES = {"en": "en", "zh-TW": "zh-Hant-TW"}


def build_page(
    documents: Documents, subjects: Sequence[Subject], *, language: str, left_out: Sequence[str] = ()
) -> str:
    """The page as HTML.

    Args:
        documents: By kind; what is missing leaves its panel out.
        subjects: The runs that were measured.
        language: One of `seqmagic.insight.labels.LANGUAGES`.
        left_out: Sentences that say what was not measured and why.
    """
    texts = Texts(language)
    panels = [panel for make in PANELS.values() if (panel := make(documents, texts)) is not None]
    script, style = _asset("report.js"), _style()
    title = texts("title", runs=texts.listed([one.run.name for one in subjects]))
    values = {
        "language": _HTML_LANGUAGES[language],
        "policy": html.escape(content_policy(script=script, style=style)),
        "title": escaped(title),
        "lead": escaped(texts("lead", text=_text_name(subjects[0], texts))),
        "skip": escaped(texts("skip")),
        "dark": escaped(texts("dark")),
        "light": escaped(texts("light")),
        "contents": _contents(panels, texts),
        "claims": _claims(claims(documents, texts), panels, subjects, texts),
        "panels": "\n".join(_panel(panel, texts) for panel in panels),
        "method": _method(documents, subjects, left_out, texts),
        "footer": escaped(texts("footer", version=__version__)),
        "data": embed_json({panel.ident: panel.data for panel in panels if panel.data}),
        "style": style,
        "script": script,
    }
    return fill(_asset("report.html"), values)


def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _style() -> str:
    colours = [f"light-dark({light}, {dark})" for light, dark in COLOURS]
    return look() + chart_style(ink="var(--ink)", line="var(--line)", colours=colours) + "\n" + _asset("report.css")


def _text_name(subject: Subject, texts: Texts) -> str:
    return texts("part", part=texts("validation"), source=Path(subject.passage.source).name)


def _contents(panels: Sequence[Panel], texts: Texts) -> str:
    entries = [("claims", texts("claims.title")), *((one.ident, one.title) for one in panels)]
    entries.append(("method", texts("method.title")))
    items = "".join(f'<li><a href="#{ident}">{escaped(title)}</a></li>' for ident, title in entries)
    return f'<nav aria-label="{escaped(texts("contents"))}"><ol>{items}</ol></nav>'


def _claims(found: Sequence[Claim], panels: Sequence[Panel], subjects: Sequence[Subject], texts: Texts) -> str:
    titles = {panel.ident: panel.title for panel in panels}
    cards = []
    for one in found:
        link = ""
        if one.panel in titles:
            words = texts("claims.see", panel=titles[one.panel])
            link = f'<p><a href="#{one.panel}">{escaped(words)}</a></p>'
        cards.append(
            f'<article class="card {one.verdict}"><h3>{escaped(one.claim)}</h3>'
            f'<p class="verdict">{escaped(texts(f"verdict.{one.verdict}"))}</p>'
            f"<p>{escaped(one.number)}</p>{link}</article>"
        )
    cells = [subject.cell for subject in subjects]
    seeds = f'<p class="hint">{escaped(texts("claims.one_seed"))}</p>' if len(set(cells)) == len(cells) else ""
    lead = f'<p class="hint">{escaped(texts("claims.lead"))}</p>'
    return _section("claims", texts("claims.title"), f'{lead}<div class="cards">{"".join(cards)}</div>{seeds}')


def _section(ident: str, title: str, content: str) -> str:
    heading = f'<h2 id="{ident}-title">{escaped(title)}</h2>'
    return f'<section id="{ident}" aria-labelledby="{ident}-title">{heading}{content}</section>'


def _panel(panel: Panel, texts: Texts) -> str:
    content = (
        f'<p class="finding">{escaped(panel.finding)}</p>{panel.body}'
        f"<dl><dt>{escaped(texts('how'))}</dt><dd>{escaped(panel.how)}</dd>"
        f"<dt>{escaped(texts('wrong'))}</dt><dd>{escaped(panel.wrong)}</dd></dl>"
    )
    return _section(panel.ident, panel.title, content)


def _method(documents: Documents, subjects: Sequence[Subject], left_out: Sequence[str], texts: Texts) -> str:
    first = subjects[0]
    sentences = [
        texts(
            "method.text",
            text=_text_name(first, texts),
            count=number(len(first.passage.ids), ",d"),
            sum=(first.passage.sha256 or "")[:12],
        ),
        texts("method.intervals"),
        texts("method.replay", error=f"{max(one.replay_error for one in subjects):.0e}"),
    ]
    cautions = list(dict.fromkeys(line for document in documents.values() for line in document["warnings"]))
    parts = "".join(f"<p>{escaped(one)}</p>" for one in sentences)
    parts += _models(subjects, texts)
    parts += _list(texts("method.cautions"), cautions) + _list(texts("method.left_out"), left_out)
    return _section("method", texts("method.title"), parts)


def _list(title: str, lines: Sequence[str]) -> str:
    """Sentences of the library, which are in English whatever the page is in."""
    items = "".join(f'<li lang="en">{escaped(line)}</li>' for line in lines)
    return f"<h3>{escaped(title)}</h3><ul>{items}</ul>" if lines else ""


def _models(subjects: Sequence[Subject], texts: Texts) -> str:
    rows = []
    for one in subjects:
        results = one.record.results or Results()
        rows.append(
            [
                one.run.name, " + ".join(map(texts.label, one.cell.split("+"))), " + ".join(map(str, one.layers)),
                number(one.network.parameters, ",d"), number(results.epochs, ".1f"),
                number(results.validation_loss, ".4f"), str(one.record.seed), one.record.created[:10],
            ]
        )  # fmt: skip
    keys = [
        "model",
        "method.cell",
        "method.layers",
        "losses.parameters",
        "method.trained",
        "method.loss",
        "method.seed",
    ]
    return table(texts("method.models"), [*(texts(key) for key in keys), texts("method.date")], rows)
