"""`seqmagic.load` and what a model does: the library that people build on."""

from __future__ import annotations

import base64
import html
import inspect
import io
import itertools
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import seqmagic
from seqmagic import SampleConfig, api
from seqmagic.api import Model
from seqmagic.comparison.compare import Compared, compare_runs
from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, RunError, SampleError
from seqmagic.evaluation.evaluation import evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.keras_file import load_network
from seqmagic.notebook import Bar, html_table
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow
from tests.helpers import TEXT, FakeTraining, make_run, make_text


@pytest.fixture
def model(tiny_run: Run, models: Path) -> Model:
    return seqmagic.load("tiny", models=models)


def test_a_run_is_found_as_on_the_command_line(tiny_run: Run, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seqmagic.load(tiny_run.path).run.name == "tiny"
    assert seqmagic.load(models=models).run.name == "tiny"
    monkeypatch.setenv("SEQMAGIC_MODELS", str(models))
    assert seqmagic.load("best").run.name == "tiny"
    with pytest.raises(RunError, match="did you mean tiny"):
        seqmagic.load("tinny")


def test_generate_yields_characters(model: Model) -> None:
    characters = list(model.generate("1 green", length=30, seed=2))
    assert len(characters) == 30 and all(len(character) == 1 for character in characters)
    assert list(model.generate("1 green", SampleConfig(length=30, seed=2))) == characters
    assert list(model.generate("1 green", SampleConfig(length=9, seed=2), length=30)) == characters
    endless = model.generate("1 green", length=0, seed=2)
    assert list(itertools.islice(endless, 30)) == characters
    assert list(model.generate(length=5, seed=2, temperature=0)) == list(model.generate("\n", length=5, top_k=1))


def test_a_sample_is_what_generate_writes_with_what_it_cost(model: Model, models: Path) -> None:
    sample = model.sample("1 green", length=30, seed=2, temperature="0.2..3")
    assert sample == "".join(model.generate("1 green", length=30, seed=2, temperature="0.2..3"))
    assert sample == seqmagic.sample("tiny", "1 green", models=models, length=30, seed=2, temperature=(0.2, 3))
    assert (sample.prompt, sample.run, sample.seed) == ("1 green", "tiny", 2)
    nats = model.score("1 green" + sample)[len("1 green") - 1 :]
    assert np.allclose(sample.bits, nats / np.log(2), atol=1e-4)
    assert model.sample(length=5).seed is not None and model.sample(length=5).prompt == ""
    assert len(model.sample("1 green", length=200, seed=2, stop=("r",)).bits) < 200
    with pytest.raises(ConfigError, match="sample writes one text, received count=2"):
        model.sample(count=2)
    with pytest.raises(ConfigError, match="received length=0, which has no end"):
        model.sample(length=0)


def test_generate_takes_a_range_of_temperatures(model: Model) -> None:
    written = list(model.generate(length=30, seed=2, temperature=(0.2, 3)))
    assert list(model.generate(length=30, seed=2, temperature="0.2..3")) == written
    assert list(model.generate(length=30, seed=2, temperature=0.2)) != written


def test_generate_refuses_at_once(model: Model) -> None:
    with pytest.raises(ConfigError, match="there is no setting 'temprature'; there are ban, count, length"):
        model.generate(temprature=1)
    with pytest.raises(ConfigError, match="generate writes one text, received count=2"):
        model.generate(count=2)
    with pytest.raises(ConfigError, match="temperature must be"):
        model.generate(temperature=-1)
    with pytest.raises(ConfigError, match="temperature must be a number or a range such as"):
        model.generate(temperature="hot")
    with pytest.raises(SampleError, match="never saw"):
        model.generate("→")


def test_a_score_is_the_loss_of_each_character(model: Model, tiny_run: Run) -> None:
    nats = model.score(TEXT)
    assert nats.shape == (len(TEXT) - 1,) and nats.dtype == np.float32
    expected = evaluate(NetworkScorer(load_network(tiny_run)), model.vocabulary.encode(TEXT), streams=1)
    assert nats.mean() == pytest.approx(expected.loss, abs=1e-5)
    assert model.score("1").shape == (0,)
    unknown = model.score("a→")
    assert np.isfinite(unknown).all()


def test_a_model_of_records_scores_each_from_an_empty_memory(models: Path, text: Path) -> None:
    run = make_run(models, "lines", source=text, data=DataConfig(records="line", split_seed=1))
    lines, model = TEXT.splitlines(), seqmagic.load("lines", models=models)
    nats = model.score("\n" + TEXT)
    alone = [model.score(f"\n{line}\n") for line in lines]
    np.testing.assert_allclose(nats, np.concatenate(alone), rtol=1e-5)
    assert nats.mean() == pytest.approx(seqmagic.evaluate(run.path, text).loss, abs=1e-5)
    assert model.score("a").shape == model.score("").shape == (0,)
    np.testing.assert_array_equal(model.score("1 gre\n"), model.score("1 gre\nen")[:5])


def test_step_says_what_may_follow(model: Model) -> None:
    logarithms, state = model.step(None, "1 gree")
    assert logarithms.shape == (model.vocabulary.size,) and logarithms.dtype == np.float32
    assert np.exp(logarithms).sum() == pytest.approx(1, abs=1e-5)
    n = int(model.vocabulary.encode("n")[0])
    assert -logarithms[n] == pytest.approx(model.score("1 green")[-1], abs=1e-5)
    # a state is not used up, and one character more is one step
    onward = [model.step(state, "n")[0] for _ in range(2)]
    np.testing.assert_array_equal(*onward)
    np.testing.assert_allclose(onward[0], model.step(None, "1 green")[0], atol=1e-5)
    with pytest.raises(SampleError, match="one character or more"):
        model.step(state, "")


# ---------------------------------------------------------------- train, compare, evaluate

LOSSES = {"rnn": 1.9, "lstm": 1.5, "gru": 1.6}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """In the place of the training."""
    fake = FakeTraining(LOSSES)
    monkeypatch.setattr("seqmagic.training.train.train", fake)
    monkeypatch.setattr("seqmagic.training.train.start", lambda training: None)
    return fake


def example_in(documented: Any) -> str:
    """The code in a docstring: its paragraphs that are indented as a whole."""
    paragraphs = (inspect.getdoc(documented) or "").split("\n\n")
    return "\n".join(
        textwrap.dedent(one) for one in paragraphs if all(line.startswith("    ") for line in one.split("\n"))
    )


@pytest.mark.parametrize("documented", [api, api.train, api.compare, api.evaluate], ids=lambda one: one.__name__)
def test_the_examples_in_the_docstrings_run(
    documented: Any, stand_in: FakeTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    make_text(tmp_path, name="my.txt")
    make_text(tmp_path, name="other.txt")
    make_run(tmp_path / "models", "lstm", source="my.txt", created="2020-01-02T03:04:05.678+00:00")
    code = example_in(documented)
    assert "seqmagic." in code
    exec(code, {"seqmagic": seqmagic})
    assert ("print" in code) == bool(capsys.readouterr().out)


def test_a_training_gives_its_run_its_results_and_its_history(stand_in: FakeTraining, text: Path, models: Path) -> None:
    events: list[Any] = []
    done = seqmagic.train(text, cell="gru", units=5, minutes=1, models=models, on_event=events.append)
    assert (done.run.path, done.status) == (models / "bottles-gru-1x5", "complete")
    assert done.results["validation_loss"] == pytest.approx(1.601)
    assert [type(event).__name__ for event in events] == ["Started", "Progress", "Evaluated", "Finished"]
    asked = stand_in.calls[0]
    assert (asked["model"].cell, asked["training"].minutes, asked["models"]) == ("gru", 1, models)
    assert asked["argv"] == ["train", str(text), "--cell", "gru", "--units", "5", "--minutes", "1"]
    assert len(list(done.load().generate(length=5, seed=1))) == 5


def test_a_comparison_is_the_one_that_is_kept(stand_in: FakeTraining, text: Path, models: Path) -> None:
    comparison = seqmagic.compare(text, cells=("simple_rnn", "lstm"), units=6, layers=[1], epochs=1, models=models)
    assert isinstance(comparison, seqmagic.Comparison)
    assert [(one.label, one.loss) for one in comparison.summaries] == [
        ("rnn 1×6", pytest.approx(1.901)),
        ("lstm 1×6", pytest.approx(1.501)),
    ]
    assert (models / "bottles-comparison" / "comparison.json").is_file()


def test_a_score_in_three_units(tiny_run: Run, text: Path, models: Path, tmp_path: Path) -> None:
    own = seqmagic.evaluate("tiny", models=models)
    assert isinstance(own, seqmagic.Score)
    start, stop = tiny_run.read_record().text.validation
    assert own.characters == stop - start - 1
    assert own.bits_per_character == pytest.approx(own.loss / np.log(2))
    assert own.perplexity == pytest.approx(np.exp(own.loss))
    whole = seqmagic.evaluate(tiny_run.path, text)
    assert whole.loss == pytest.approx(seqmagic.load(tiny_run.path).score(TEXT).mean(), abs=1e-4)
    with pytest.raises(ConfigError, match="part must be one of train, validation, test of the run's own text"):
        seqmagic.evaluate("tiny", text, part="train", models=models)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minuets": 1}, "there is no setting 'minuets'; there are batch_size, "),
        ({"minutes": -1}, r"^minutes must be above 0"),
        ({"minutes": "three"}, "a setting is of the wrong kind: .*minutes"),
        ({"cell": "transformer"}, "^cell must be one of rnn, lstm, gru"),
        ({"minutes": 1, "epochs": 1}, "two budgets"),
    ],
)
def test_settings_are_checked_before_anything_is_read(settings: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        seqmagic.train(tmp_path / "none.txt", **settings)
    with pytest.raises(ConfigError, match="compare takes cells=" if "cell" in settings else words):
        seqmagic.compare(tmp_path / "none.txt", **settings)


@pytest.mark.tf
def test_a_real_training_and_a_real_comparison(text: Path, models: Path) -> None:
    small: dict[str, Any] = {"units": 8, "layers": 1, "epochs": 0.5, "batch_size": 4, "sequence_length": 16}
    done = seqmagic.train(text, cell="rnn", embedding=4, models=models, **small)
    assert done.status == "complete" and len(done.history) >= 1
    assert seqmagic.evaluate(done.run.path).loss == pytest.approx(done.results["validation_loss"], abs=1e-4)
    comparison = seqmagic.compare(text, cells=("rnn", "gru"), embedding=4, models=models, **small)
    assert comparison.status == "complete" and all(row.loss is not None for row in comparison.rows)


def picture_in(shown: str) -> str:
    """The SVG of the one image that an object shows in a notebook."""
    assert shown.count("<img ") == shown.count("data:image/svg+xml;base64,") == 1
    return base64.b64decode(shown.split("base64,")[1].split('"')[0]).decode("utf-8")


def test_a_notebook_shows_table_and_curves(tiny_run: Run, models: Path) -> None:
    rows = [
        HistoryRow(step=n, epoch=n / 4, seconds=n, characters=9 * n, train_loss=2.9 / n, validation_loss=3.0 / n)
        for n in (1, 2, 3)
    ]
    record = tiny_run.read_record()
    assert record.results is not None
    training = api.Training(run=tiny_run, status="complete", results=record.results, history=rows, notes=())
    assert "The lowest validation loss is 1.0000." in picture_in(training._repr_html_())
    for row in rows:
        tiny_run.append_history(row)
    compared = next(event for event in compare_runs(["tiny"], models=models) if isinstance(event, Compared)).comparison
    shown = compared._repr_html_()
    assert shown.index("<table>") < shown.index("<img ") and "lstm 1×6" in picture_in(shown)
    assert "<td>unigram</td>" in shown and shown.count("-gram</td>") == 1  # the best of them alone
    assert f"<td>{record.results.parameters:,}</td>" in shown
    assert f'alt="{html.escape(compared.sentence)}"' in shown and len(repr(compared)) < 100


def test_a_comparison_is_taken_up_again(text: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTraining({"rnn": 1.9, "lstm": "interrupted"})
    monkeypatch.setattr("seqmagic.training.train.train", fake)
    monkeypatch.setattr("seqmagic.training.train.start", lambda training: None)
    settings: dict[str, Any] = {"cells": ("rnn", "lstm"), "units": 6, "layers": 1, "epochs": 1.0, "models": models}
    assert seqmagic.compare(text, name="mine", **settings).status == "interrupted"
    fake.losses = {"rnn": 1.9, "lstm": 1.5}
    events: list[Any] = []
    again = seqmagic.compare(resume="mine", models=models, on_event=events.append)
    assert (again.status, [row.loss for row in again.rows]) == ("complete", pytest.approx([1.901, 1.501]))
    assert isinstance(events[-1], Compared)
    for given in ({"text": text}, {"cells": ("gru",)}, {"minutes": 1.0}, {"overwrite": True}, {"match": "parameters"}):
        with pytest.raises(ConfigError, match=f"leave out {next(iter(given))}"):
            seqmagic.compare(resume="mine", models=models, **given)
    with pytest.raises(RunError, match="did you mean mine"):
        seqmagic.compare(resume="nine", models=models)
    with pytest.raises(ConfigError, match="compare needs a text, or a comparison to resume"):
        seqmagic.compare(models=models)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(seqmagic.__file__).parent / "py.typed").is_file()


def test_objects_show_themselves_in_a_line_and_as_a_table(tiny_run: Run, models: Path) -> None:
    model = seqmagic.load("tiny", models=models)
    source, loss = model.record.text.source, model.record.loss
    assert repr(model) == f"Model(lstm 1×6, {source}, validation loss {loss:.4f})"
    assert "<td>perplexity</td>" in model._repr_html_()
    training = api.Training(run=tiny_run, status="complete", results=model.record.results, history=(), notes=())
    assert repr(training) == f"Training(tiny, complete, validation loss {loss:.4f}, 0 evaluations)"
    assert "<td>validation_loss</td>" in training._repr_html_()
    assert "validation_loss=" in repr(training.results) and "<td>" in training.results._repr_html_()
    compared = next(event for event in compare_runs(["tiny"], models=models) if isinstance(event, Compared)).comparison
    assert repr(compared) == f"Comparison(of runs, {compared.status}, lstm 1×6 {loss:.4f})"
    assert "<th>validation loss</th>" in compared._repr_html_()
    assert html_table([("<b>", None)]) == "<table><tr><td>&lt;b&gt;</td><td>–</td></tr></table>"


def test_errors_speak_of_arguments_and_leave_commands_alone(models: Path) -> None:
    with pytest.raises(ConfigError, match=r"^learning_rate must be above 0"):
        seqmagic.train("python-docs", learning_rate=-1.0, models=models)
    with pytest.raises(ConfigError) as raised, api._in_python():
        raise ConfigError("--top-k is 0; see: seqmagic sample --help")
    assert str(raised.value) == "top_k is 0; see: seqmagic sample --help"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_where_somebody_can_see_it() -> None:
    seen, unseen, wanted = Terminal(), io.StringIO(), io.StringIO()
    for stream, choice in ((seen, None), (unseen, None), (wanted, True)):
        with Bar(choice, stream=stream) as bar:
            bar.show(0.5, "train 1.5")
    assert " 50%  train 1.5" in seen.getvalue() and seen.getvalue().endswith("\r\x1b[K")
    assert unseen.getvalue() == "" and wanted.getvalue() == seen.getvalue()
    silent = Terminal()
    with Bar(False, stream=silent) as bar:
        bar.show(0.5, "train 1.5")
    assert silent.getvalue() == ""


def test_a_training_moves_the_bar(
    stand_in: FakeTraining, text: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seqmagic.train(text, cell="lstm", models=models)
    assert capsys.readouterr().err == ""  # nobody sees it
    seqmagic.train(text, cell="gru", models=models, progress=True)
    assert " 50%  train 1" in capsys.readouterr().err
    seqmagic.compare(text, cells=("rnn",), models=models, progress=True)
    assert "rnn (1 of 1)  train 1" in capsys.readouterr().err


def test_in_a_notebook_the_bar_is_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    cell = SimpleNamespace(update=lambda html: shown.append(html._repr_html_()))
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=lambda html, display_id: cell))
    with Bar() as bar:
        bar.show(0.25, "a < b")
    assert shown == ['<div><progress max="1" value="0.250"></progress> 25%&ensp;a &lt; b</div>']


def test_a_run_is_begun_with(tiny_run: Run, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqmagic.training import train as door

    fake = FakeTraining({"lstm": 2.0})
    monkeypatch.setattr(door, "train", fake)
    other = make_text(tmp_path, "ÄÖÜ and more bottles\n" * 40, "other.txt")
    training = seqmagic.train(other, fine_tune="tiny", models=models, dropout=0.2)
    (asked,) = fake.calls
    assert asked["base"].trained.run == tiny_run and asked["model"].units == 6 and asked["model"].dropout == 0.2
    assert list(asked["argv"][:4]) == ["train", str(other), "--fine-tune", "tiny"]
    assert training.status == "complete"
    with pytest.raises(ConfigError, match="run tiny has units 6, received 7"):
        seqmagic.train(other, fine_tune="tiny", models=models, units=7)
    with pytest.raises(ConfigError, match="fine_tune are for new ones"):
        seqmagic.train(fine_tune="tiny", resume="tiny", models=models)
