"""`seqmagic measure recall`: tiny models, trained on a question whose answer stands at a known distance."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import click

from seqmagic.cli.console import INTERRUPTED, draw, json_document, result
from seqmagic.cli.insight import draw_chart, plot_option, warn, write_plot
from seqmagic.cli.options import Settings, collect, command, config_list_option, config_options
from seqmagic.config import CELLS, ModelConfig
from seqmagic.probes.settings import ATTENTION, RecallConfig


@command(
    name="recall",
    short_help="How far back each cell learns to remember.",
    example="seqmagic measure recall --quick\nseqmagic measure recall --task dyck2 --with-attention --plot dyck2.svg",
)
@config_list_option(ModelConfig, "cell", "--cells", default=CELLS, help="The cells. [default: rnn,lstm,gru]")
@config_options(RecallConfig)
@plot_option
@click.pass_obj
def recall(settings: Settings, cells: tuple[str, ...], plot: Path | None, **values: Any) -> int:
    """Measure over which distance a cell learns to remember, by training tiny models of equal size.

    A question comes at the end of a sequence, and its answer stood 1, 2, 4 ... 128 characters before; in training
    up to 64. All models of a seed see the same sequences in the same order. "Half way" is the distance at which
    accuracy falls below the middle between guessing and always being right.

    This trains, some 10 seconds for each model on one core. Ctrl-C ends it and shows the models that are done.
    """
    from seqmagic.probes.shapes import shapes_of
    from seqmagic.probes.tasks import TASKS

    config = collect(RecallConfig, values).shortened()
    names = [*cells, *([ATTENTION] if config.with_attention else [])]
    shapes = shapes_of(names, config.params, vocabulary_size=len(TASKS[config.task].alphabet))
    settings.notice("starting TensorFlow …")
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(None)
    from seqmagic.cli.show.recall import RecallDisplay
    from seqmagic.probes.measure_recall import Recall
    from seqmagic.training.interrupt import stop_on_signal

    measurement = Recall(config, shapes)
    with (
        stop_on_signal() as stopped,
        RecallDisplay(quiet=settings.quiet) as display,
        contextlib.closing(measurement.run(stopped)) as events,
    ):
        for event in events:
            display.show(event)
    document = measurement.document()
    if not document["rows"]:
        raise KeyboardInterrupt
    warn(document, settings)
    _show(document, plot, settings)
    return 0 if document["status"] == "complete" else INTERRUPTED


def _show(document: dict[str, Any], plot: Path | None, settings: Settings) -> None:
    from seqmagic.cli.show.recall import recall_chart, recall_finding, recall_heading, recall_table, share_table

    chart = recall_chart(document)
    write_plot(plot, chart, settings)
    if settings.json:
        json_document(document)
        return
    result(f"{recall_heading(document)}\n")
    draw(lambda width: recall_table(document, width=width))
    result("\nshare of right answers by distance, in %\n")
    draw(lambda width: share_table(document, width=width))
    result()
    draw_chart(chart)
    result(f"\n{recall_finding(document)}")
