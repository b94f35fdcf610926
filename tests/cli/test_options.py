"""Options are made from the settings, all of them, and say what the settings say."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

from seqmagic.cli import main as boundary
from seqmagic.cli.options import (
    Option,
    RunName,
    Settings,
    collect,
    command,
    config_file_option,
    config_list_option,
    config_options,
    setting_help,
    settled,
)
from seqmagic.config import CELLS, Config, DataConfig, ModelConfig, SampleConfig, TrainConfig, option_name
from seqmagic.runs.folder import Run

Call = Callable[..., Result]
RECEIVED: dict[str, Any] = {}


@command(name="probe", example="seqmagic probe")
@config_list_option(ModelConfig, "cell", "--cells", default=CELLS, help="Cells.")
@config_list_option(ModelConfig, "units", "--widths", help="Widths.")
@config_file_option("Probe")
@config_options(ModelConfig, TrainConfig, DataConfig)
@config_options(SampleConfig, exclude=("seed",))
@click.pass_context
def probe(ctx: click.Context, cells: Any, widths: Any, **values: Any) -> None:
    """Keep what was received."""
    values = settled(ctx, values)
    RECEIVED.update(
        cells=cells,
        widths=widths,
        model=collect(ModelConfig, values),
        training=collect(TrainConfig, values),
        data=collect(DataConfig, values),
        sampling=collect(SampleConfig, values, seed=None),
    )


@pytest.fixture
def probed(seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setitem(boundary.COMMANDS, "probe", (f"{__name__}:probe", "Probe."))
    RECEIVED.clear()
    return lambda *arguments: seqmagic("probe", *arguments)


def test_without_options_the_settings_are_the_defaults(probed: Call) -> None:
    assert probed().exit_code == 0
    assert RECEIVED["model"] == ModelConfig()
    assert RECEIVED["training"] == TrainConfig()
    assert RECEIVED["data"] == DataConfig()
    assert RECEIVED["sampling"] == SampleConfig()
    assert (RECEIVED["cells"], RECEIVED["widths"]) == (CELLS, None)


def test_what_is_given_arrives(probed: Call) -> None:
    result = probed(
        *(
            "--cell",
            "simple_rnn",
            "--units",
            "12",
            "--dropout",
            "0.25",
            "--minutes",
            "0.5",
            "--engine",
            "keras",
        ),
        *(
            "--min-length",
            "600",
            "--length",
            "700",
            "--stop",
            "a",
            "--stop",
            "b",
            "--temperature",
            "0.3..1.2",
        ),
        *("--glob", "auto", "--prompt", "auto", "--cells", "gru, lstm,gru", "--widths", "8,auto,16"),
    )
    assert result.exit_code == 0, result.stderr
    assert RECEIVED["model"] == ModelConfig(cell="rnn", units=12, dropout=0.25)
    assert RECEIVED["training"] == TrainConfig(minutes=0.5, engine="keras", prompt="auto")
    assert RECEIVED["data"] == DataConfig(glob="auto")
    assert RECEIVED["sampling"] == SampleConfig(min_length=600, length=700, stop=("a", "b"), temperature=(0.3, 1.2))
    assert (RECEIVED["cells"], RECEIVED["widths"]) == (("gru", "lstm"), (8, None, 16))


def test_every_number_that_can_be_left_open_takes_the_word_auto(probed: Call) -> None:
    numbers = [
        field
        for owner in (ModelConfig, TrainConfig, DataConfig)
        for field in dataclasses.fields(owner)
        if field.metadata["auto"] and "str" not in str(field.type)
    ]
    assert {"units", "layers", "dropout", "batch_size", "threads"} <= {field.name for field in numbers}
    arguments = [word for field in numbers for word in (option_name(field.name), "auto")]
    assert probed(*arguments).exit_code == 0
    assert RECEIVED["model"] == ModelConfig()
    assert RECEIVED["training"] == TrainConfig()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--units", "0"], "--units must be from 1 to 8,192; received 0"),
        (["--units", "many"], "--units must be a whole number or auto; received 'many'"),
        (["--units", "1.5"], "--units must be a whole number or auto; received '1.5'"),
        (["--dropout", "1"], "--dropout must be from 0 to below 1; received 1.0"),
        (["--minutes", "nan"], "--minutes must be above 0 and at most 100,000; received nan"),
        (["--seed", "-1"], "--seed must be from 0 to 2,147,483,647; received -1"),
        (["--seed", "auto"], "--seed must be a whole number; received 'auto'"),
        (["--cell", "transformer"], "--cell must be one of rnn, lstm, gru; received 'transformer'"),
        (["--cells", "lstm,,gru"], "--cell must be one of rnn, lstm, gru; received ''"),
        (["--widths", "8,0"], "--units must be from 1 to 8,192; received 0"),
        (
            ["--temperature", "hot"],
            "--temperature must be a number or a range such as 0.3..1.2; received 'hot'",
        ),
        (["--temperature", "0..1", "--length", "0"], "--temperature 0..1 moves over the text and --length 0"),
        (["--minutes", "1", "--epochs", "1"], "--minutes and --epochs are two budgets; give one of them"),
    ],
)
def test_what_is_out_of_range_is_one_line_and_exit_2(arguments: list[str], message: str, probed: Call) -> None:
    result = probed(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"seqmagic: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "owners", "left_out"),
    [
        ("train", [ModelConfig, TrainConfig, DataConfig], set()),
        ("compare", [ModelConfig, TrainConfig, DataConfig], {"cell"}),
    ],
)
def test_every_setting_has_its_option_and_help(
    name: str, owners: list[type[Config]], left_out: set[str], seqmagic: Call
) -> None:
    words = " ".join(seqmagic(name, "--help").stdout.split())
    for owner in owners:
        for field in dataclasses.fields(owner):  # type: ignore[arg-type]
            if field.name in left_out:
                continue
            assert f"{option_name(field.name)} " in words, field.name
            if not (name == "compare" and field.name in ("units", "layers")):
                assert " ".join(setting_help(field).split()) in words, field.name


@pytest.mark.parametrize(
    ("owner", "name", "help"),
    [
        (ModelConfig, "embedding", "[from 1 to 4,096 numbers; default: 64]"),
        (ModelConfig, "cell", "Kind of recurrent cell. [default: lstm]"),
        (ModelConfig, "layers", "[from 1 to 8 layers; default: chosen with the units]"),
        (DataConfig, "min_count", "[1 or more occurrences; default: 1]"),
        (TrainConfig, "clip_norm", "[above 0 and at most 1,000,000; default: 5]"),
        (SampleConfig, "stop", "may be given several times."),
        (SampleConfig, "ban", "a backslash. [default: none]"),
        (SampleConfig, "temperature", "[from 0 to 100; default: 0.8]"),
    ],
)
def test_helps(owner: type[Config], name: str, help: str) -> None:
    field = next(field for field in dataclasses.fields(owner) if field.name == name)  # type: ignore[arg-type]
    assert setting_help(field).endswith(help)


def test_the_shell_completes_the_names_of_runs(tiny_run: Run) -> None:
    context = click.Context(click.Command("x"), obj=Settings(models_given=tiny_run.path.parent))
    complete = RunName().shell_complete
    parameter = click.Argument(["run"])
    assert [item.value for item in complete(context, parameter, "t")] == ["t", "tiny"]  # the first: files on t
    assert [item.value for item in complete(context, parameter, "l")] == ["l", "latest", "lstm"]


def test_this_module_is_imported_under_the_name_that_the_group_uses() -> None:
    assert sys.modules[__name__].probe is probe


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("30s", 0.5), ("1h30m", 90.0), ("2 min", 2.0), ("1.5h", 90.0), ("1H", 60.0), ("3", 3.0), (".5m", 0.5)],
)
def test_a_time_may_have_units(typed: str, minutes: float, probed: Call) -> None:
    assert probed("--minutes", typed).exit_code == 0
    assert RECEIVED["training"].minutes == pytest.approx(minutes)


@pytest.mark.parametrize("typed", ["30x", "h", "", "1h nothing", "-5s", "0s", "1e999", "nan"])
def test_what_is_no_time_is_refused_in_one_line(typed: str, probed: Call) -> None:
    done = probed("--minutes", typed)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "--minutes must be" in done.stderr and "received" in done.stderr


def test_choices_may_be_written_in_other_letters_and_the_nearest_is_suggested(probed: Call) -> None:
    assert probed("--cell", "LSTM", "--engine", "Keras", "--cells", "GRU,SimpleRNN").exit_code == 0
    assert RECEIVED["model"].cell == "lstm" and RECEIVED["training"].engine == "keras"
    assert RECEIVED["cells"] == ("gru", "rnn")
    assert "received 'lstn'; did you mean lstm?" in probed("--cell", "lstn").stderr


def every_option() -> list[tuple[str, str | None]]:
    """Each option of each command, with its variable."""

    def below(group: click.Command, ctx: click.Context) -> Iterator[tuple[str, str | None]]:
        for parameter in group.params:
            if isinstance(parameter, Option):
                yield f"{ctx.command_path} {parameter.opts[0]}", parameter.variable(ctx)
        if isinstance(group, click.Group):
            for name in group.list_commands(ctx):
                found = group.get_command(ctx, name)
                assert found is not None
                yield from below(found, click.Context(found, ctx, name))

    main = boundary.main
    return list(below(main, click.Context(main, info_name="seqmagic", auto_envvar_prefix="SEQMAGIC")))


def test_every_option_has_a_variable_of_its_own() -> None:
    variables = {option: variable for option, variable in every_option() if not option.endswith("--version")}
    assert all(variables.values())
    of_all = {"SEQMAGIC_MODELS", "SEQMAGIC_JSON", "SEQMAGIC_QUIET", "SEQMAGIC_DEBUG"}
    others = [one for one in variables.values() if one not in of_all]
    assert len(set(others)) == len(others) > 100
    assert not {"SEQMAGIC_DATA", "_SEQMAGIC_COMPLETE"} & set(others)
    assert variables["seqmagic compare --format"] == "SEQMAGIC_COMPARE_FORMAT"
    assert variables["seqmagic runs list --sort"] == "SEQMAGIC_RUNS_LIST_SORT"


def test_what_is_typed_wins_over_the_file_the_file_over_the_variable(
    probed: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it.toml"
    path.write_text('units = 12\nlayers = "auto"\ncells = ["gru", "rnn"]\nstop = ["a b", "c"]\nmin-count = 3\n')
    for name, value in (("UNITS", "24"), ("LAYERS", "3"), ("EMBEDDING", "5"), ("BATCH_SIZE", "7"), ("SEED", "")):
        monkeypatch.setenv(f"SEQMAGIC_PROBE_{name}", value)
    assert probed("--config", path, "--min-count", "2", "--batch-size", "auto").exit_code == 0
    model, training = RECEIVED["model"], RECEIVED["training"]
    assert (model.units, model.layers, model.embedding) == (12, None, 5)
    assert (training.batch_size, training.seed, RECEIVED["data"].min_count) == (None, 1, 2)
    assert RECEIVED["cells"] == ("gru", "rnn") and RECEIVED["sampling"].stop == ("a b", "c")


def test_several_values_of_a_variable_stand_on_lines(probed: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQMAGIC_PROBE_STOP", "the end\n.")
    assert probed().exit_code == 0
    assert RECEIVED["sampling"].stop == ("the end", ".")


def test_of_two_budgets_that_of_the_stronger_place_counts(probed: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQMAGIC_PROBE_MINUTES", "5")
    assert probed("--epochs", "2").exit_code == 0
    assert (RECEIVED["training"].minutes, RECEIVED["training"].epochs) == (None, 2.0)
    assert probed("--epochs", "2", "--minutes", "1").exit_code == 2


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("UNITS", "0", "SEQMAGIC_PROBE_UNITS: --units must be from 1 to 8,192; received 0"),
        ("MINUTES", "soon", "SEQMAGIC_PROBE_MINUTES: --minutes must be a number of minutes"),
        ("CELLS", "rnn,lsm", "SEQMAGIC_PROBE_CELLS: --cell must be one of rnn, lstm, gru; received 'lsm'"),
    ],
)
def test_a_bad_variable_is_named(
    variable: str, value: str, message: str, probed: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SEQMAGIC_PROBE_{variable}", value)
    done = probed()
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("units = 0", "it.toml, units: --units must be from 1 to 8,192; received 0"),
        ("units = 2.5", "it.toml, units: --units must be a whole number or auto; received '2.5'"),
        ("units = true", "it.toml, units: --units must be a whole number or auto; received 'true'"),
        ("units = [1, 2]", "it.toml, units: it takes one value; received 2 in a list"),
        ("quiet = true", "it.toml has the key 'quiet', which is no setting of this command"),
        ("minutes = 1\nepochs = 1", "--minutes and --epochs are two budgets"),
    ],
)
def test_a_bad_value_in_a_file_is_named(content: str, message: str, probed: Call, tmp_path: Path) -> None:
    path = tmp_path / "it.toml"
    path.write_text(content)
    done = probed("--config", path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_flags_can_be_set_from_outside(seqmagic: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seqmagic("runs", "show", "nosuch").stderr.count("Traceback") == 0
    monkeypatch.setenv("SEQMAGIC_DEBUG", "1")
    assert seqmagic("runs", "show", "nosuch").stderr.count("Traceback") == 1
    monkeypatch.setenv("SEQMAGIC_JSON", "yes")
    assert seqmagic("runs", "list").stdout.startswith("{")


def test_the_help_names_a_variable_once(seqmagic: Call) -> None:
    shown = " ".join(seqmagic("runs", "list", "--help").stdout.split())
    assert shown.count("SEQMAGIC_") == 2  # the other is SEQMAGIC_MODELS
    assert "SEQMAGIC_RUNS_LIST_SORT for --sort, and so on" in shown
    assert "SEQMAGIC_MODELS for --models" in seqmagic("--help").stdout


def test_the_shell_completes_files_of_settings_and_the_runs_to_begin_with(
    tiny_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.shell_completion import ShellComplete

    monkeypatch.setenv("SEQMAGIC_MODELS", str(tiny_run.path.parent))

    def completed(*words: str) -> list[tuple[str, str]]:
        *before, incomplete = words
        shell = ShellComplete(boundary.main, {}, "seqmagic", "_SEQMAGIC_COMPLETE")
        return [(one.type, one.value) for one in shell.get_completions(before, incomplete)]

    assert completed("train", "--config", "") == [("file", "")]
    assert ("plain", "tiny") in completed("train", "--fine-tune", "ti")
    assert ("plain", "tiny") in completed("runs", "rerun", "")
    assert completed("runs", "rerun", "nosuch", "--pri") == [("plain", "--print-config")]
