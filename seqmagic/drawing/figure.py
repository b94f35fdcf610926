"""Charts as PNG or PDF, drawn by matplotlib where it is installed: `pip install "seqmagic[plot]"`."""

from __future__ import annotations

import io
import warnings
from typing import Any

from seqmagic.drawing.chart import COLOURS, Chart, Line
from seqmagic.drawing.words import one_line
from seqmagic.errors import ConfigError

FORMATS = ("png", "pdf")
_STYLES = ("-", "--", ":", "-.", (0, (5, 2)), (0, (1, 2)))
_MARKS = "os^"
# for signs that DejaVu Sans, which comes with matplotlib, lacks: whichever is there
_EASTERN_FONTS = ("Noto Sans CJK TC", "Noto Sans TC", "PingFang TC", "Microsoft JhengHei", "WenQuanYi Zen Hei")


def require_matplotlib() -> None:
    """Raise ConfigError with what to install where matplotlib is missing."""
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError(
            'PNG and PDF need matplotlib, which is not installed; install it with: pip install "seqmagic[plot]", or '
            "name a file that ends in .svg"
        )


def chart_image(chart: Chart, form: str) -> bytes:
    """The chart as a file of the format `form`, "png" or "pdf", on a light ground.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    settings: Any = {"text.parse_math": False, "pdf.fonttype": 42, "font.family": _fonts()}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it draws a box, which says so
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        axes = figure.add_subplot()
        for number, line in enumerate(chart.lines):
            _draw(axes, chart, line, number)
        for x, name in chart.rules:
            axes.axvline(x, color="#808080", linestyle="--", linewidth=1, label=one_line(name))
        _dress(axes, chart)
        content = io.BytesIO()
        figure.savefig(content, format=form, dpi=160, metadata={"Title": one_line(chart.title)})
    return content.getvalue()


def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _EASTERN_FONTS if name in known)]


def _draw(axes: Any, chart: Chart, line: Line, number: int) -> None:
    colour = COLOURS[chart.colour_number(number)][0]
    xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
    before = {other.label for other in chart.lines[:number] if other.faint}
    label = "_" if line.faint and line.label in before else one_line(line.label)
    if line.band:
        low, high = line.band
        axes.fill_between(
            [x for x, _ in low], [y for _, y in low], [y for _, y in high], color=colour, alpha=0.15, lw=0
        )
    if line.joined:
        style: Any = (0, (1, 3)) if line.faint else _STYLES[number % len(_STYLES)]
        axes.plot(xs, ys, color=colour, linestyle=style, linewidth=1 if line.faint else 1.8, label=label)
    else:
        axes.scatter(xs, ys, color=colour, alpha=0.6, s=14, marker=_MARKS[number % 3], label=label)


def _dress(axes: Any, chart: Chart) -> None:
    """Title, finding, names of the axes and the legend."""
    axes.set_title(one_line(chart.title), loc="left", fontsize=11, fontweight="bold", wrap=True)
    axes.set_xlabel(one_line(chart.x_label))
    axes.set_ylabel(one_line(chart.y_label), fontsize=8)
    if chart.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if chart.x_range:
        axes.set_xlim(*chart.x_range)
    _, (low, high) = chart.ranges()
    room = 0.03 * (high - low)
    axes.set_ylim(low - room, high + room)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)
