"""`seqmagic runs`: what was trained, as a list, one by one, side by side; packed into a file; and its removal."""

from __future__ import annotations

import contextlib
import datetime
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmagic.cli.commands.runs_rerun import rerun
from seqmagic.cli.console import draw, json_document, notice, one_line, result
from seqmagic.cli.options import Choice, Command, Group, OwnRunName, RunName, Settings, common_options, option
from seqmagic.config import CELLS
from seqmagic.errors import RunError

if TYPE_CHECKING:
    from seqmagic.runs.folder import Run
    from seqmagic.runs.record import HistoryRow, RunRecord

_LISTED = ("text", "cell", "layers", "units", "parameters", "loss", "bits_per_character", "created", "error")
SORTS = ("created", "loss", "name")
STATUSES = ("complete", "interrupted", "failed", "running", "died", "corrupt")
# they differ between any two runs
_OWN = ("format", "name", "created", "argv", "notes", "environment.process")


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="List, show, tag, rename, pack and remove what was trained.",
    example="seqmagic runs list --sort loss",
)
@common_options
@click.pass_context
def runs(ctx: click.Context) -> None:
    """List, show, tag, rename, pack and remove what was trained. Alone it shows the list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_runs, sort="created")


runs.add_command(rerun)


@runs.command("list", cls=Command, example="seqmagic runs list --sort loss")
@option(
    "--sort",
    type=Choice(SORTS),
    default="created",
    show_default=True,
    help="Order within each text: the newest last, the lowest loss first, or by name.",
)
@option("--cell", "cells", multiple=True, type=Choice(CELLS), help="Only runs of this cell; repeatable.")
@option("--text", metavar="TEXT", help="Only runs on this text: its name, its path, or the last part of that.")
@option("--tag", "tags", multiple=True, metavar="TAG", help="Only runs with this tag; repeatable: with all of them.")
@option("--status", "statuses", multiple=True, type=Choice(STATUSES), help="Only runs in this state; repeatable.")
@common_options
@click.pass_obj
def list_runs(
    settings: Settings,
    sort: str,
    cells: Sequence[str] = (),
    text: str | None = None,
    tags: Sequence[str] = (),
    statuses: Sequence[str] = (),
) -> None:
    """List the runs with their loss, status and age."""
    from seqmagic.runs import find

    wanted = Wanted(cells=cells, text=text, tags=tags, statuses=statuses)
    every = [(run, _list_row(run)) for run in find.list_runs(settings.models)]
    found, rows = [run for run, row in every if wanted.has(row)], [row for _, row in every if wanted.has(row)]
    shipped = find.pretrained_folder()
    is_shipped = settings.models.resolve() == shipped.resolve()
    pretrained = [] if is_shipped else [row for run in find.list_runs(shipped) if wanted.has(row := _list_row(run))]
    for listed in (rows, pretrained):
        if sort == "loss":
            listed.sort(key=lambda row: (row["loss"] is None, row["loss"]))
        elif sort == "name":
            listed.sort(key=lambda row: row["name"])
    if settings.json:
        json_document({"models": str(settings.models), "runs": rows, "pretrained": pretrained})
        return
    if every and not rows:
        notice(f"none of the {len(every)} runs in {settings.models} is one that was asked for")
    elif not rows:
        notice(f"there is no run in {settings.models} yet; train one with: seqmagic train python-docs")
    if rows or pretrained:
        from seqmagic.cli.show.tables import runs_table

        shown = rows + [{**row, "status": "pretrained"} for row in pretrained]
        draw(lambda width: runs_table(shown, width=width, now=datetime.datetime.now(datetime.UTC)))
        for row in rows:
            if row["error"]:
                result(f"{row['name']}: {one_line(row['error'])}")
            if row["resumable"]:
                result(f"{row['name']} is not finished; go on with: seqmagic train --resume {row['name']}")
        if sort == "loss" and not _all_comparable(found):
            result(
                "Some losses on one text are not of one split and vocabulary; across those their order says nothing."
            )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs are asked for: of one of `cells`, of a text, with all of `tags`, in one of `statuses`. Empty: any."""

    cells: Sequence[str] = ()
    text: str | None = None
    tags: Sequence[str] = ()
    statuses: Sequence[str] = ()

    def has(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of the list is one of them."""
        source = row["text"] or ""
        return (
            (not self.cells or row["cell"] in self.cells)
            and (self.text is None or self.text in (source, Path(source).name, Path(source).stem))
            and set(self.tags) <= set(row["tags"])
            and (not self.statuses or row["status"] in self.statuses)
        )


def _all_comparable(runs: Sequence[Run]) -> bool:
    """Whether the losses of those that stand below one text, and can be read, mean the same."""
    from seqmagic.comparison.comparable import incomparable

    groups: dict[str, list[tuple[str, RunRecord]]] = {}
    for run in runs:
        with contextlib.suppress(RunError):
            record = run.read_record()
            groups.setdefault(record.text.source, []).append((run.name, record))
    return not any(incomparable(records) for records in groups.values())


def _list_row(run: Run) -> dict[str, Any]:
    """What the list says of a run; a corrupt one is named as such and spoils nothing."""
    from seqmagic.evaluation.units import bits
    from seqmagic.runs.folder import is_resumable, state_of

    row: dict[str, Any] = {**dict.fromkeys(_LISTED), "tags": []}
    with contextlib.suppress(RunError):
        row["tags"] = list(run.read_tags())
    try:
        record = run.read_record()
    except RunError as problem:
        return {"name": run.name, **row, "status": "corrupt", "resumable": False, "error": str(problem)}
    model = record.model
    loss = _best_loss(run, record)
    return {
        "name": run.name,
        **row,
        **{"text": record.text.source, "parameters": record.results.parameters if record.results else None},
        **{"cell": model.cell, "layers": model.layers, "units": model.units, "created": record.created},
        **{"loss": loss, "bits_per_character": None if loss is None else bits(loss)},
        "status": state_of(record, run),
        "resumable": is_resumable(record, run),
    }


def _best_loss(run: Run, record: RunRecord) -> float | None:
    """The result, or the best evaluation so far of a run that did not come to its end."""
    if record.results is not None:
        return record.loss
    return min(_validation_losses(run.read_history()), default=None)


def _validation_losses(history: Sequence[HistoryRow]) -> list[float]:
    return [row.validation_loss for row in history if row.validation_loss is not None]


@runs.command("show", cls=Command, example="seqmagic runs show latest")
@click.argument("run", type=RunName())
@common_options
@click.pass_obj
def show_run(settings: Settings, run: str) -> None:
    """Show everything about RUN: text and split, settings, results, the course of the training."""
    from seqmagic.evaluation.baselines import best_possible
    from seqmagic.runs.find import open_run
    from seqmagic.runs.folder import is_resumable, state_of

    opened = open_run(settings.models, run)
    record = opened.read_record()
    history, trouble = opened.read_history_and_trouble()
    document = {**record.to_json(), "status": state_of(record, opened), "path": str(opened.path)}
    document["history"] = [dict(row) for row in history]
    if best := best_possible(record.text.sha256, record.text.validation):
        document["best_possible"] = {"loss": best.loss, "bits_per_character": best.bits_per_character}
    if trouble:
        settings.notice(trouble)
    if settings.json:
        json_document(document)
        return
    from seqmagic.cli.show.curves import show_losses
    from seqmagic.cli.show.tables import facts_table, history_table, sparkline

    found, settled = _facts(document)
    draw(lambda width: facts_table(found, width=width))
    if losses := _validation_losses(history):
        result(f"\nvalidation loss {losses[0]:.4f} {sparkline(losses)} {losses[-1]:.4f}\n")
        show_losses(history)
        draw(lambda width: history_table(history, width=width))
    result()
    draw(lambda width: facts_table(settled, width=width))
    if is_resumable(record, opened):
        name = opened.name if run in ("latest", "best") else run
        result(f"\nnot finished; go on with: seqmagic train --resume {name}")


Facts = list[tuple[str, list[tuple[str, Any]]]]


def _facts(document: dict[str, Any]) -> tuple[Facts, Facts]:
    """The record of a run for a reader, headings with names and values: what came of it, and what it was made with."""
    text = document["text"]
    spans = [(part, "{:,} to {:,}".format(*text[part])) for part in ("train", "validation", "test")]
    head = [(key, document[key]) for key in ("path", "status", "created", "seed")]
    head.append(("command", shlex.join(["seqmagic", *document["argv"]])))
    found: Facts = [(document["name"], head), ("results", list((document["results"] or {}).items()))]
    found.append(("fine-tuned", list((document["fine_tuned"] or {}).items())))
    found.append(("best possible on this text", list(document.get("best_possible", {}).items())))
    found.append(("notes", [("", note) for note in document["notes"]]))
    source = [(key, text[key]) for key in ("source", "characters", "bytes", "sha256")]
    settled: Facts = [("text", source + spans)]
    settled += [(part, list(document[part].items())) for part in ("data", "model", "training", "environment")]
    return _worded(found), _worded(settled)


def _worded(sections: Facts) -> Facts:
    return [(heading, [(key.replace("_", " "), value) for key, value in rows]) for heading, rows in sections if rows]


@runs.command("diff", cls=Command, example="seqmagic runs diff python-docs-lstm-1x256 python-docs-gru-1x256")
@click.argument("a", type=RunName())
@click.argument("b", type=RunName())
@common_options
@click.pass_obj
def diff_runs(settings: Settings, a: str, b: str) -> None:
    """Name what differs between the runs A and B: text, settings, results."""
    from seqmagic.comparison.comparable import incomparable
    from seqmagic.runs.find import open_run

    pair = [open_run(settings.models, name) for name in (a, b)]
    records = [run.read_record() for run in pair]
    flat = [_flatten(record.to_json()) for record in records]
    keys = [key for key in dict.fromkeys((*flat[0], *flat[1])) if key not in _OWN]
    rows = [(key, flat[0].get(key), flat[1].get(key)) for key in keys if flat[0].get(key) != flat[1].get(key)]
    reasons = incomparable(list(zip((run.name for run in pair), records, strict=True)))
    names = (pair[0].name, pair[1].name)
    if settings.json:
        differences = [{"name": key, "a": one, "b": other} for key, one, other in rows]
        json_document({"a": names[0], "b": names[1], "comparable": not reasons, "differences": differences})
        return
    if not rows:
        result(f"{names[0]} and {names[1]} do not differ")
        return
    from seqmagic.cli.show.tables import differences_table

    draw(lambda width: differences_table(names, rows, width=width))
    if reasons:
        result(f"\nTheir losses can't be compared: {'; '.join(reasons)}.")


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"model": {"cell": "gru"}}` -> `{"model.cell": "gru"}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat.update(_flatten(value, f"{name}.") if isinstance(value, dict) else {name: value})
    return flat


@runs.command("pack", cls=Command, example="seqmagic runs pack latest shakespeare.run\nseqmagic sample shakespeare.run")
@click.argument("run", type=RunName())
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option("--overwrite", is_flag=True, help="Replace FILE.")
@common_options
@click.pass_obj
def pack_run(settings: Settings, run: str, file: Path, overwrite: bool) -> None:
    """Put RUN into one FILE to hand on: model, vocabulary, settings, history and checksums, without its text and tags.

    Every command takes the file in place of a RUN; `runs unpack` makes a run of it again.
    """
    from seqmagic.runs import pack
    from seqmagic.runs.find import open_run

    opened = open_run(settings.models, run)
    packed = pack.pack_run(opened, file, overwrite=overwrite)
    if settings.json:
        json_document({"run": opened.name, "file": str(file), "bytes": packed.bytes, "sha256": packed.sha256})
        return
    settings.notice(
        f"{opened.name}: {packed.bytes:,} bytes in {file}, sha256 {packed.sha256}; its text and its tags are not in it"
    )


@runs.command("unpack", cls=Command, example="seqmagic runs unpack shakespeare.run --name theirs")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option("--name", metavar="NAME", help="What the run is called here. [default: as it was]")
@option("--overwrite", is_flag=True, help="Replace a run of that name.")
@common_options
@click.pass_obj
def unpack_run(settings: Settings, file: Path, name: str | None, overwrite: bool) -> None:
    """Make a run of a FILE that `runs pack` made. What was changed on the way is refused."""
    from seqmagic.runs import pack

    run = pack.unpack_run(file, settings.models, name=name, overwrite=overwrite)
    if settings.json:
        json_document({"run": run.name, "path": str(run.path)})
    else:
        result(f"{run.name} is in {run.path}")


@runs.command("tag", cls=Command, example="seqmagic runs tag latest good for-the-class\nseqmagic runs list --tag good")
@click.argument("run", type=OwnRunName())
@click.argument("tags", metavar="[TAG]...", nargs=-1)
@option("--remove", is_flag=True, help="Take these tags from the run instead; all of them, where none is named.")
@common_options
@click.pass_obj
def tag_run(settings: Settings, run: str, tags: tuple[str, ...], remove: bool) -> None:
    """Give RUN each TAG, a word to find it by (`runs list --tag`). Without a TAG, say which it has."""
    from seqmagic.runs.find import open_run
    from seqmagic.runs.folder import LONGEST_TAG, is_tag

    for tag in tags:
        if not is_tag(tag):
            raise click.UsageError(
                "a TAG starts with a letter or digit and holds letters, digits, '.', '_', '+' and '-' alone, at most "
                f"{LONGEST_TAG}; received {tag!r}"
            )
    opened = open_run(settings.models, run)
    if opened.path.parent.resolve() != settings.models.resolve():
        raise RunError(f"only runs in {settings.models} have tags; {run} is in {opened.path.parent}")
    before = set(opened.read_tags())
    after = (before - set(tags) if tags else set()) if remove else before | set(tags)
    if strange := sorted(set(tags) - before) if remove else []:
        raise RunError(f"{opened.name} has no tag {strange[0]!r}; it has {', '.join(sorted(before)) or 'none'}")
    if after != before:
        with _written(opened.path):
            opened.write_tags(after)
    if settings.json:
        json_document({"run": opened.name, "tags": sorted(after)})
    else:
        result(f"{opened.name}: {', '.join(sorted(after)) or 'no tag'}")


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise RunError(f"nothing can be written in {path}: {problem.strerror or problem}") from problem


@runs.command("rename", cls=Command, example="seqmagic runs rename python-docs-lstm-1x256 first-try")
@click.argument("old", type=OwnRunName())
@click.argument("new")
@common_options
@click.pass_obj
def rename_run(settings: Settings, old: str, new: str) -> None:
    """Call the run or comparison OLD NEW. The comparisons that have it as a row, or as their other block, follow."""
    from seqmagic.comparison.record import follow_renamed
    from seqmagic.runs.folder import is_name
    from seqmagic.runs.making import recover
    from seqmagic.runs.making import rename_run as move

    recover(settings.models)
    if not is_name(new):
        raise click.UsageError(
            "NEW must start with a letter or digit and hold letters, digits, '.', '_', '+' and '-' alone, at most 100, "
            f"and not be 'latest' or 'best'; received {new!r}"
        )
    _check_own(settings.models, old, verb="rename")
    following: list[str] = []
    move(settings.models, old, new, before=lambda: following.extend(follow_renamed(settings.models, old, new)))
    if settings.json:
        json_document({"old": old, "new": new, "comparisons": following})
        return
    settings.notice(f"{old} is called {new} now" + (f", also in {', '.join(following)}" if following else ""))


@runs.command("remove", cls=Command, example="seqmagic runs remove python-docs-rnn-1x256 --yes")
@click.argument("run", nargs=-1, required=True, type=OwnRunName())
@option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal to ask on.")
@common_options
@click.pass_obj
def remove_runs(settings: Settings, run: tuple[str, ...], yes: bool) -> int:
    """Remove each RUN with everything in it. A comparison of that name loses its record, not its runs."""
    from seqmagic.comparison.blocks import data_name_of
    from seqmagic.comparison.record import is_comparison, remove_comparison
    from seqmagic.runs.making import recover, remove_run

    recover(settings.models)
    names = list(dict.fromkeys(run))
    for name in names:
        _check_own(settings.models, name, verb="remove")
    if not yes:
        if not _can_ask():
            raise click.UsageError(f"removing {', '.join(names)} can't be undone; add --yes")
        if not click.confirm(f"Remove {one_line(', '.join(names))}? This can't be undone.", err=True):
            settings.notice("nothing was removed")
            return 1
    staying: list[str | None] = []
    for name in names:
        path = settings.models / name
        if is_comparison(path) and not path.is_symlink():
            staying.append(data_name_of(path))
            remove_comparison(path)
        else:
            remove_run(settings.models, name)
    if settings.json:
        json_document({"removed": names})
        return 0
    settings.notice(f"removed {', '.join(names)}")
    for data in staying:
        if data is not None and data not in names:
            settings.notice(f"its block of equal data stays as a comparison of its own; see: seqmagic compare {data}")
    return 0


def _check_own(models: Path, name: str, *, verb: str) -> None:
    """Raise RunError unless `name` is that of a run or comparison of the user's that may be moved or removed now."""
    from seqmagic.comparison.record import is_comparison
    from seqmagic.runs.find import not_found, pretrained_folder
    from seqmagic.runs.folder import is_name, is_removable
    from seqmagic.runs.locks import is_held

    if not is_name(name):
        raise RunError(f"{verb} takes names as in seqmagic runs list, not paths or latest and best; received {name!r}")
    path = models / name
    shipped = pretrained_folder()
    is_there = os.path.lexists(path)
    if models.resolve() == shipped.resolve() or (not is_there and (shipped / name).exists()):
        raise RunError(f"run {name} comes with seqmagic and is not {verb}d")
    if not is_there:
        raise RunError(not_found(models, name))
    if is_held(models, name):
        raise RunError(f"run {name} is still being trained; stop that first")
    if not (path.is_symlink() or is_comparison(path) or is_removable(path)):
        raise RunError(f"{path} is not a run, so it is left alone: it has no run.json")


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
