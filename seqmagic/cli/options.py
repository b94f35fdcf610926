"""Options made from the dataclasses of `seqmagic.config`, and those that every command has."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from seqmagic import __version__
from seqmagic.cli import console
from seqmagic.config import Config, check_value, option_name, range_words, spelled_choice, suggestion
from seqmagic.errors import ConfigError, SeqmagicError

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])
AnyConfig = TypeVar("AnyConfig", bound=Config)

SECTIONS = {
    "DataConfig": "Text",
    "ModelConfig": "Model",
    "TrainConfig": "Training",
    "SampleConfig": "Sampling",
}
COMMON = "Everywhere"


@dataclasses.dataclass
class Settings:
    """What the options of every command said; one object for all commands (`click.pass_obj`)."""

    models_given: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False

    @property
    def models(self) -> Path:
        """The folder of the runs: --models, else SEQMAGIC_MODELS, else models/."""
        from seqmagic.runs.find import models_folder

        return models_folder(self.models_given)

    def notice(self, text: str, *, painted: bool = False) -> None:
        """A line on standard error that a reader can do without: `console.notice`, unless --quiet."""
        if not self.quiet:
            console.notice(text, painted=painted)

    def meanwhile(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Within the block a terminal shows `what` is done: `console.meanwhile`, unless --quiet."""
        return contextlib.nullcontext() if self.quiet else console.meanwhile(what)


# where a value may come from, the strongest first: a file of settings was asked for, the environment may be forgotten
_STRENGTH = (
    ParameterSource.COMMANDLINE,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT,
)
_SETTINGS_FROM = "seqmagic.settings_from"  # in the `meta` of a context: what its `default_map` was read from


class Option(click.Option):
    """An option that knows under which heading of `--help` it stands, and which variable of the environment sets it.

    What comes from such a variable or from a file of settings is refused with the name of the variable or the key.
    """

    def __init__(self, *arguments: Any, section: str = "Options", **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.section = section

    @property
    def key(self) -> str:
        """Its name in a file of settings: `batch_size` for --batch-size."""
        return max(self.opts, key=len).lstrip("-").replace("-", "_")

    def variable(self, ctx: click.Context) -> str | None:
        """`SEQMAGIC_TRAIN_BATCH_SIZE`; those of every command are set for all at once, as `SEQMAGIC_MODELS`."""
        prefix = (ctx.find_root() if self.section == COMMON else ctx).auto_envvar_prefix
        return f"{prefix}_{self.key.upper()}" if prefix and self.allow_from_autoenv else None

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        variable = self.variable(ctx)
        if variable is None or (self.section == COMMON and ctx.parent is not None):
            return None
        return os.environ.get(variable) or None

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.ENVIRONMENT and ctx.default_map and self.name in ctx.default_map:
            return ctx.default_map[self.name], ParameterSource.DEFAULT_MAP
        return value, source

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        try:
            return super().type_cast_value(ctx, value)
        except click.UsageError as problem:
            place = {
                ParameterSource.ENVIRONMENT: self.variable(ctx),
                ParameterSource.DEFAULT_MAP: f"{ctx.meta.get(_SETTINGS_FROM)}, {self.key}",
            }.get(ctx.get_parameter_source(self.name or "") or ParameterSource.DEFAULT)
            if place is None:
                raise
            raise click.UsageError(f"{place}: {problem.format_message()}", ctx) from problem


class _Help:
    """`--help` with the options under headings and a runnable example at its end."""

    def __init__(self, *arguments: Any, example: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.example = example

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in ctx.command.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                section = getattr(parameter, "section", COMMON)  # click's own --help has none
                sections.setdefault(section, []).append(record)
        sections[COMMON] = sections.pop(COMMON, [])
        for section, records in sections.items():
            if records:
                with formatter.section(section):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in ctx.command.get_params(ctx) if isinstance(one, Option) and one.variable(ctx)]
        if options:
            first = next((one for one in options if one.section != COMMON), options[0])
            with formatter.section("Environment"):
                pair = f"{first.variable(ctx)} for {max(first.opts, key=len)}"
                formatter.write_text(f"A variable sets an option that is not typed: {pair}, and so on.")
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(_Help, click.Command):
    """A command of this tool."""


class Group(_Help, click.Group):
    """A command with commands below it; a mistyped one gets the nearest right name."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], [known for known in self.list_commands(ctx) if " " not in known]
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise click.UsageError(f"there is no command {name!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """A group whose commands are imported when they are asked for.

    `table` has for each name where the command is, `module:attribute`, and its line in the help of the group. A name
    of two words is a command below one that takes arguments of its own: `compare TEXT`, and `compare show NAME`.
    """

    def __init__(self, *arguments: Any, table: Mapping[str, tuple[str, str]], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        two = " ".join(args[:2])
        if len(args) > 1 and two in self.table:
            return two, self.get_command(ctx, two), args[2:]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[click.shell_completion.CompletionItem]:
        return [item for item in super().shell_complete(ctx, incomplete) if " " not in item.value]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


def command(*, example: str, **attributes: Any) -> Callable[[Callable[..., Any]], Command]:
    """`click.command` for this tool: headings, an example at the end, and the options of every command."""

    def decorate(function: Callable[..., Any]) -> Command:
        return click.command(cls=Command, example=example, **attributes)(common_options(function))

    return decorate


def option(*names: str, section: str = "Options", **attributes: Any) -> Callable[[AnyFunction], AnyFunction]:
    """`click.option` for what is no setting of a dataclass (`--name`, `--overwrite`, `--part` ...)."""
    return click.option(*names, cls=Option, section=section, **attributes)


def _keep(field: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """A callback that keeps a value, where one was given, in `Settings`."""

    def store(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        settings = ctx.ensure_object(Settings)
        if value:
            setattr(settings, field, value)

    return store


def _flag(name: str, *, help: str, section: str = COMMON) -> Callable[[AnyFunction], AnyFunction]:
    return option(name, is_flag=True, expose_value=False, section=section, help=help, callback=_keep(name.strip("-")))


def verbose_option(section: str) -> Callable[[AnyFunction], AnyFunction]:
    """`--verbose`, for the commands that train."""
    return _flag("--verbose", section=section, help="Say more: versions, how long each part takes.")


def common_options(function: AnyFunction) -> AnyFunction:
    """`--models`, `--json`, `--quiet`, `--debug`, kept in `Settings`, and `--version`."""
    models = option(
        "--models",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        expose_value=False,
        is_eager=True,  # what reads a run while options are parsed must know where
        section=COMMON,
        callback=_keep("models_given"),
        help="Folder of the runs. [default: SEQMAGIC_MODELS, else models]",
    )
    version = click.version_option(
        __version__,
        cls=Option,
        section=COMMON,
        allow_from_autoenv=False,
        message="seqmagic %(version)s",
        help="Show the version and exit.",
    )
    decorators = (
        models,
        _flag("--json", help="One JSON document on standard output."),
        _flag("--quiet", help="No progress and no notices."),
        _flag("--debug", help="Show where an error came from."),
        version,
    )
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


class Choice(click.Choice[str]):
    """One of some words, in letters of any kind; what is none of them is refused in the words of `SettingType`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        value = spelled_choice(value, self.choices)
        if value not in self.choices:
            name = param.opts[0] if param is not None else "the value"
            known = f"{name} must be one of {', '.join(self.choices)}"
            raise click.UsageError(f"{known}; received {value!r}{suggestion(value, self.choices)}", ctx)
        return str(value)


class SettingType(click.ParamType):
    """What may be typed for one setting: a value within its range, or auto where it can be left open.

    Rules between several settings are those of the dataclass, and are checked when `collect` makes it.
    """

    envvar_list_splitter = "\n"  # of several values in one variable: a value may have spaces

    def __init__(self, owner: type[Config], field: dataclasses.Field[Any]) -> None:
        self.field = field
        self.kind = base_type(owner, field.name)
        self.name = self.kind.__name__

    @property
    def takes_auto(self) -> bool:
        """Numbers alone: a prompt or pattern may well be the word auto."""
        return self.field.metadata.get("auto") is not None and self.kind in (int, float)

    def metavar(self) -> str:
        choices = self.field.metadata.get("choices")
        if choices:
            return "|".join(choices)
        word = self.field.metadata.get("metavar") or {int: "N", float: "X"}.get(self.kind, "TEXT")
        return f"{word}|auto" if self.takes_auto else word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name = self.field.name
        if value == "auto" and self.takes_auto:
            return None
        if (parse := self.field.metadata.get("parse")) is not None:
            if not isinstance(value, str):
                return value
            try:
                value = parse(value)
            except ConfigError as problem:
                raise click.UsageError(str(problem), ctx) from problem
        else:
            value = self._number_or_words(value, ctx)
        try:
            check_value(name, value, self.field.metadata)
        except ConfigError as problem:
            raise click.UsageError(str(problem), ctx) from problem
        return value

    def _number_or_words(self, value: Any, ctx: click.Context | None) -> Any:
        try:
            value = self.kind(value)
        except ValueError:
            wanted = "a whole number" if self.kind is int else "a number"
            wanted += " or auto" if self.takes_auto else ""
            raise click.UsageError(
                f"{option_name(self.field.name)} must be {wanted}; received {value!r}", ctx
            ) from None
        return spelled_choice(value, self.field.metadata.get("choices") or ())

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        return completions(self.field.metadata.get("choices") or (), incomplete)


class ListType(click.ParamType):
    """Several values of one setting, separated by commas; doubles are dropped."""

    name = "list"

    def __init__(self, item: SettingType) -> None:
        self.item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        parts = value if isinstance(value, (tuple, list)) else [part.strip() for part in value.split(",")]
        return tuple(dict.fromkeys(self.item.convert(part, param, ctx) for part in parts))

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        before = incomplete[: incomplete.rfind(",") + 1]
        choices = self.item.field.metadata.get("choices") or ()
        return completions([f"{before}{choice}" for choice in choices if choice not in before.split(",")], incomplete)


def base_type(owner: type[Config], name: str) -> type:
    """The type of one value of a setting: `int | None` and `tuple[int, ...]` -> int."""
    hint = typing.get_type_hints(owner)[name]
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    return kinds[0] if kinds else hint


def takes_auto(config: Config, name: str) -> bool:
    """Whether a setting may be left open by the word auto."""
    owner = type(config)
    return SettingType(owner, next(field for field in setting_fields(owner) if field.name == name)).takes_auto


def is_repeatable(owner: type[Config], name: str) -> bool:
    """Whether the option may be given several times: the setting is a tuple."""
    return typing.get_origin(typing.get_type_hints(owner)[name]) is tuple


def setting_fields(owner: type[Config]) -> list[dataclasses.Field[Any]]:
    """The fields of a configuration that are settings: those that carry a help."""
    return [field for field in dataclasses.fields(owner) if "help" in field.metadata]  # type: ignore[arg-type]


def setting_help(field: dataclasses.Field[Any]) -> str:
    """The sentence of a setting with its range, unit and default: everything known in one place, once."""
    metadata, default = field.metadata, field.default
    facts = " ".join(part for part in (range_words(metadata), metadata.get("unit")) if part)
    if default is None:
        default = metadata.get("auto") or ""
    elif isinstance(default, float):
        default = f"{default:g}"
    words = "" if default in ("", ()) else f"default: {default}"
    bracket = "; ".join(part for part in (facts, words) if part)
    return f"{metadata['help']} [{bracket}]" if bracket else metadata["help"]


def config_options(*owners: type[Config], exclude: Sequence[str] = ()) -> Callable[[AnyFunction], AnyFunction]:
    """One option for each setting of these dataclasses, in their order, under a heading for each.

    `collect` makes the dataclass again from what the command received.
    """

    def decorate(function: AnyFunction) -> AnyFunction:
        for owner in reversed(owners):
            for field in reversed(setting_fields(owner)):
                if field.name not in exclude:
                    function = _setting_option(owner, field)(function)
        return function

    return decorate


def _setting_option(owner: type[Config], field: dataclasses.Field[Any]) -> Callable[[AnyFunction], AnyFunction]:
    kind = SettingType(owner, field)
    attributes: dict[str, Any] = {"type": kind, "metavar": kind.metavar()}
    if kind.kind is bool:
        attributes = {"is_flag": True}
    elif is_repeatable(owner, field.name):
        attributes["multiple"] = True
    return option(
        option_name(field.name),
        field.name,
        default=field.default,
        section=SECTIONS.get(owner.__name__, "Options"),
        help=setting_help(field),
        **attributes,
    )


def config_list_option(
    owner: type[Config], field_name: str, name: str, *, help: str, default: Sequence[Any] | None = None
) -> Callable[[AnyFunction], AnyFunction]:
    """An option that takes several values of one setting: `--units 128,256`; a tuple, or None."""
    field = next(field for field in setting_fields(owner) if field.name == field_name)
    kind = SettingType(owner, field)
    return option(
        name,
        type=ListType(kind),
        metavar=f"{kind.metavar()},...",
        default=None if default is None else tuple(default),
        section=SECTIONS.get(owner.__name__, "Options"),
        help=help,
    )


def use_settings(ctx: click.Context, values: Mapping[str, Any], *, origin: str) -> None:
    """Make `values`, by the keys of options and "text", what the command goes by where nothing is typed.

    Args:
        origin: What they were read from, for a message about one of them.

    Raises:
        ConfigError: a list, and the setting takes one value.
    """
    names = setting_keys(ctx.command)
    single = {one.name for one in ctx.command.params if one.nargs == 1 and not (one.multiple or _takes_list(one))}
    wrong = next((key for key, value in values.items() if isinstance(value, list) and names[key] in single), None)
    if wrong is not None:
        raise ConfigError(f"{origin}, {wrong}: it takes one value; received {len(values[wrong])} in a list")
    ctx.default_map = {**(ctx.default_map or {}), **{names[key]: value for key, value in values.items()}}
    ctx.meta[_SETTINGS_FROM] = origin


def _takes_list(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, ListType)


def setting_keys(command: click.Command) -> dict[str, str]:
    """What a file of settings may have for `command`: its keys, with the names of the parameters that they set."""
    options = [one for one in command.params if isinstance(one, Option) and not one.is_eager and one.section != COMMON]
    keys = {one.key: one.name or "" for one in options}
    text = next((one for one in command.params if isinstance(one.type, TAKE_TEXTS)), None)
    return keys if text is None else {"text": text.name or "", **keys}


def config_file_option(section: str) -> Callable[[AnyFunction], AnyFunction]:
    """`--config FILE`: settings from a TOML file, below what is typed and above the environment."""

    def store(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> None:
        if path is not None:
            from seqmagic.cli.settings_file import read_settings

            use_settings(ctx, read_settings(path, setting_keys(ctx.command)), origin=str(path))

    return option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=store,
        section=section,
        help="Settings from a TOML file: options as keys, and text. What is typed wins over it.",
    )


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether a parameter was asked for, by typing it or in a file; a variable of the environment may be forgotten."""
    return ctx.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)


def settled(ctx: click.Context, values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with one budget, where two came from different places: the stronger place has it, as for one option."""
    sources = {name: ctx.get_parameter_source(name) for name in ("minutes", "epochs") if values.get(name) is not None}
    order = sorted(sources, key=lambda name: _STRENGTH.index(sources[name] or ParameterSource.DEFAULT))
    weaker = [name for name in order[1:] if sources[name] is not sources[order[0]]]
    return {**values, **dict.fromkeys(weaker)}


def collect(owner: type[AnyConfig], values: Mapping[str, Any], **overrides: Any) -> AnyConfig:
    """The configuration in what a command received; `overrides` win."""
    return owner.from_json({**values, **overrides})


def name_of(text: str) -> str:
    """A text as it was given, for a line."""
    return "standard input" if text == "-" else console.one_line(text)


class Name(click.ParamType):
    """An argument that is a name or a path; a shell completes the names that there are, and files."""

    takes_files = True

    def names(self, models: Path) -> list[str]:
        """What can be named; `models` is the folder of the runs."""
        raise NotImplementedError

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        names: list[str] = []
        with contextlib.suppress(OSError, SeqmagicError):  # a shell that completes has nowhere to say it
            names = self.names(ctx.ensure_object(Settings).models)
        return completions(names, incomplete, files=self.takes_files)


def completions(
    words: Sequence[str], incomplete: str, *, files: bool = False
) -> list[click.shell_completion.CompletionItem]:
    """Those of `words` that begin with what was typed, each once, and where asked for the leave to complete files."""
    from click.shell_completion import CompletionItem

    found = [CompletionItem(word) for word in dict.fromkeys(words) if word.startswith(incomplete)]
    # first: in bash it drops what came before it, and files are then completed where no word fits
    return [*([CompletionItem(incomplete, type="file")] if files else []), *found]


class RunName(Name):
    """A run: a name below the models folder, latest, best, the name of a pretrained one, or a path."""

    name = "run"

    def names(self, models: Path) -> list[str]:
        from seqmagic.runs.find import names_of_runs

        return names_of_runs(models)


class OwnRunName(RunName):
    """A run or a comparison of the user's own, by its name alone."""

    takes_files = False

    def names(self, models: Path) -> list[str]:
        from seqmagic.runs.find import own_names

        return [*own_names(models), *_comparisons(models)]


def _comparisons(models: Path) -> list[str]:
    from seqmagic.comparison.record import comparison_names

    return comparison_names(models)


class ComparisonName(Name):
    """A comparison, by its name alone."""

    name = "comparison"
    takes_files = False

    def names(self, models: Path) -> list[str]:
        return _comparisons(models)


class TextName(Name):
    """A text: a built-in one, one of the catalogue, or a path."""

    name = "text"

    def names(self, models: Path) -> list[str]:
        from seqmagic.texts.builtin import builtin_names
        from seqmagic.texts.catalog import catalog

        return [*builtin_names(), *catalog()]


class KnownTextName(TextName):
    """A text that has a name, by its name alone."""

    takes_files = False


class RunOrTextName(RunName):
    """What `evaluate` takes: runs, then texts."""

    def names(self, models: Path) -> list[str]:
        return [*super().names(models), *TextName().names(models)]


class TextOrRunName(RunName):
    """What `compare` takes: a text, a comparison, or runs; or the command below it."""

    def names(self, models: Path) -> list[str]:
        return ["show", *TextName().names(models), *_comparisons(models), *super().names(models)]


TAKE_TEXTS = (TextName, TextOrRunName)  # an argument of these is `text` in a file of settings
