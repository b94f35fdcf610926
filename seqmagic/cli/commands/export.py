"""`seqmagic export`: a trained model leaves in a format that works without this tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqmagic.cli.console import json_document, result
from seqmagic.cli.options import Choice, RunName, Settings, command, option
from seqmagic.export.formats import FORMATS, QUANTIZATIONS, find_format

if TYPE_CHECKING:
    from seqmagic.export.publish import Exported


@command(
    name="export",
    short_help="Make a model work elsewhere, without this tool.",
    example="seqmagic export latest served/1\nseqmagic export latest phone --format tflite --quantize int8",
)
@click.argument("run", type=RunName())
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@option(
    "--format",
    "format_name",
    type=Choice(list(FORMATS)),
    default="savedmodel",
    show_default=True,
    help="; ".join(f"{target.name}: {target.summary}" for target in FORMATS.values()) + ".",
)
@option(
    "--quantize",
    type=Choice(QUANTIZATIONS),
    help="Number format of the weights, none being float32. "
    + "; ".join(f"{target.name}: {', '.join(target.quantizations)}" for target in FORMATS.values())
    + ". [default: the first]",
)
@option("--overwrite", is_flag=True, help="Replace an export that is in DIR.")
@option("--no-check", is_flag=True, help="Leave out the self-check in a fresh process of the target's runtime.")
@click.pass_obj
def export(
    settings: Settings,
    run: str,
    folder: Path,
    format_name: str,
    quantize: str | None,
    overwrite: bool,
    no_check: bool,
) -> None:
    """Export RUN into the folder DIR, with a README.md that says how to use it.

    What was exported is then run in a fresh process of its own runtime, without seqmagic: on 200
    characters its probabilities must agree with the model's (within 0.0001 for float32, 0.02 for float16,
    0.1 for int8). DIR appears when all of that is done, or not at all.
    """
    from seqmagic.export.publish import export_run
    from seqmagic.runs.find import open_run
    from seqmagic.texts.records import record_end

    target, quantization = find_format(format_name, quantize)
    opened = open_run(settings.models, run)
    then = "" if no_check else ", then checking it"
    if end := record_end(opened.read_record().data):
        settings.notice(
            f"an export knows of no records: begin each with an empty state and {end!r}, and stop where that comes; "
            "the check reads on over their ends, which costs more than they do one by one"
        )
    settings.notice(f"writing {opened.name} as {target.name}{then}; this takes some seconds")
    exported = export_run(opened, folder, target, quantize=quantization, overwrite=overwrite, checked=not no_check)
    if settings.json:
        json_document({"run": opened.name, **exported.to_json()})
        return
    _show(settings, opened.name, exported)


def _show(settings: Settings, name: str, exported: Exported) -> None:
    weights = "float32" if exported.quantize == "none" else exported.quantize
    result(f"{name} as {exported.format}, {weights}: {exported.bytes:,} bytes in {exported.folder}")
    report = exported.check
    if report is None:
        settings.notice(f"not checked: {exported.unchecked}")
    else:
        runtime = ", ".join(f"{part} {version}" for part, version in report.versions.items())
        result(
            f"checked in a fresh process of {runtime}: on {report.characters} characters probabilities "
            f"differ by at most {report.max_difference:.1g} (allowed {report.tolerance:g})"
        )
        if report.loss_after is not None:
            result(
                f"loss before {report.loss_before:.4f}, after {report.loss_after:.4f} nats per character "
                f"on {report.loss_characters:,} characters ({report.loss_after - report.loss_before:+z.4f})"
            )
        settings.notice(f"the text of the check: {report.text_source}")
    result(f"how to use it: {exported.folder / 'README.md'}")
