"""`seqmagic report`: one HTML page that shows what happens inside runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import json_document, result
from seqmagic.cli.insight import runs_argument, written_to
from seqmagic.cli.options import Choice, Settings, command, option
from seqmagic.errors import ConfigError, RunError
from seqmagic.insight.labels import LANGUAGES


class PanelNames(click.ParamType):
    """Names of panels, separated by commas."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        from seqmagic.report.gather import MEASUREMENTS

        names = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
        unknown = [name for name in names if name not in MEASUREMENTS]
        if unknown:
            raise ConfigError(f"--panels takes {', '.join(MEASUREMENTS)}; received {unknown[0]!r}")
        return names


@command(
    name="report",
    short_help="One page that shows what is inside models.",
    example="seqmagic report rnn gru lstm -o report.html --quick",
)
@runs_argument
@option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, metavar="FILE",
    help="The page, an HTML file.",
)  # fmt: skip
@option("--quick", is_flag=True, help="Fewer characters and targets: half a minute for three runs of 320 units.")
@option(
    "--lang", "language", type=Choice(LANGUAGES), default=LANGUAGES[0], show_default=True,
    help="Language of the page.",
)  # fmt: skip
@option("--panels", type=PanelNames(), metavar="NAME,...", help="Panels to show. [default: all]")
@option("--at", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
        help="First character of the passage that is shown, in the held-out part.")  # fmt: skip
@option(
    "--recall", type=click.Path(path_type=Path), metavar="FILE",
    help="Show this too: what `seqmagic measure recall --json` printed.",
)  # fmt: skip
@click.pass_obj
def report(
    settings: Settings,
    runs: tuple[str, ...],
    output: Path,
    quick: bool,
    language: str,
    panels: tuple[str, ...] | None,
    at: int,
    recall: Path | None,
) -> None:
    """Measure each RUN and show it all on one page that needs nothing else: no network, no JavaScript.

    Five claims of the textbooks are held against the models, with verdicts computed from the figures, and
    below them are losses, surprise, memory, gradient and gates, each with its numbers. Measurements are kept in
    the folder of the first run and used again.
    """
    from seqmagic import files
    from seqmagic.report.gather import MEASUREMENTS, Inputs, gather, read_recall
    from seqmagic.report.page import build_page
    from seqmagic.runs.find import open_run

    with written_to(output, "-o"):
        files.check_target(output)
    inputs = Inputs([open_run(settings.models, name) for name in dict.fromkeys(runs)], at=at)
    documents = {} if recall is None else {"recall": read_recall(recall)}
    left_out = []
    for measured in gather(inputs, panels or tuple(MEASUREMENTS), quick=quick):
        if measured.document is None:
            left_out.append(f"{measured.kind}: {measured.reason}")
            settings.notice(f"left out: {left_out[-1]}")
        else:
            documents[measured.kind] = measured.document
            settings.notice(f"{measured.kind}: {'kept from before' if measured.kept else 'measured'}")
    if not documents:
        raise RunError(f"nothing could be measured: {left_out[0]}")
    page = build_page(documents, inputs.subjects, language=language, left_out=left_out)
    with written_to(output, "-o"):
        files.write_text(output, page)
    size = len(page.encode("utf-8"))
    if settings.json:
        json_document({"file": str(output), "bytes": size, "panels": list(documents), "left_out": left_out})
        return
    result(f"{output}: {size:,} bytes; open it in a browser")
