"""The library in five calls: `train`, `compare`, `sample` and `evaluate` do what the commands of these names do,
`load` gives a model that generates, scores and steps.

    import seqmagic

    training = seqmagic.train("my.txt", cell="gru", minutes=1)
    print(training.results.validation_loss, len(training.history))
    for character in training.load().generate("the ", length=200, temperature=0.7, seed=1):
        print(character, end="")
    comparison = seqmagic.compare("my.txt", cells=("rnn", "lstm"), epochs=1)
    print(comparison.sentence)
    print(seqmagic.evaluate("latest", "other.txt").bits_per_character)

Settings are given by the names of their fields in `seqmagic.config`: `cell`, `minutes`, `encoding` ... TensorFlow is
imported when a training starts, and by nothing else here. Errors are children of `seqmagic.SeqmagicError`, one
line each.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np

from seqmagic import files
from seqmagic.config import (
    CELLS,
    PARTS,
    Config,
    DataConfig,
    ModelConfig,
    SampleConfig,
    TrainConfig,
    option_name,
    parse_temperature,
)
from seqmagic.errors import ConfigError, SampleError, SeqmagicError
from seqmagic.evaluation.units import bits_of
from seqmagic.network.probabilities import log_softmax
from seqmagic.network.trained import read_trained
from seqmagic.notebook import Bar, html_picture, html_table
from seqmagic.runs.find import latest_or_pretrained, models_folder, open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results, RunRecord, size_of
from seqmagic.sampling.pieces import Piece, gather
from seqmagic.sampling.sample import Sample
from seqmagic.sampling.stepper import FoldedNetwork, State, Stepper
from seqmagic.sampling.writer import with_seed, write
from seqmagic.texts.records import record_end
from seqmagic.texts.vocabulary import Vocabulary
from seqmagic.training.events import Progress, clock

if TYPE_CHECKING:
    from seqmagic.comparison.blocks import Both
    from seqmagic.comparison.both import BothEvent
    from seqmagic.comparison.record import Comparison
    from seqmagic.evaluation.evaluation import Score
    from seqmagic.training.events import Event

AnyConfig = TypeVar("AnyConfig", bound=Config)
AnyEvent = TypeVar("AnyEvent")
Name = str | os.PathLike[str]
_OPTION = re.compile(r"--([a-z][a-z-]*)")


@contextlib.contextmanager
def _in_python() -> Iterator[None]:
    """Errors from within speak of arguments, of `learning_rate` for --learning-rate; commands in them stay."""
    try:
        yield
    except SeqmagicError as problem:
        said, command, rest = str(problem).partition("seqmagic ")
        said = _OPTION.sub(lambda option: option[1].replace("-", "_"), said)
        problem.args = (said + command + rest, *problem.args[1:])
        raise


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained model, ready to use.

    Attributes:
        run: Where it came from; `run.name`, `run.path`.
        record: How it was trained: text, settings, results.
        vocabulary: The characters it knows; id i + 1 is `vocabulary.characters[i]`, id 0 any other character.
        network: Its weights.
    """

    run: Run
    record: RunRecord
    vocabulary: Vocabulary
    network: FoldedNetwork

    def __repr__(self) -> str:
        loss = self.record.loss
        parts = [f"{self.record.model.cell} {self._size}", self.record.text.source]
        parts += [f"validation loss {loss:.4f}"] if isinstance(loss, float) else []
        return f"Model({', '.join(parts)})"

    def _repr_html_(self) -> str:
        model, text = self.record.model, self.record.text
        rows: list[tuple[str, object]] = [("run", self.run.name), ("cell", f"{model.cell} {self._size}")]
        rows += [("text", text.source), ("characters known", len(self.vocabulary.characters))]
        return html_table([*rows, *(self.record.results or {}).items()], caption=repr(self))

    @property
    def _size(self) -> str:
        return size_of(self.record.model.layers, self.record.model.units) or ""

    @property
    def record_end(self) -> str | None:
        """The character that ends a record, where the model was trained on records; else None."""
        return record_end(self.record.data)

    @_in_python()
    def generate(self, prompt: str | None = None, config: SampleConfig | None = None, **settings: Any) -> Iterator[str]:
        """Write one text, character by character, as it is made; one record by a model of records.

        Args:
            prompt: What the text goes on from; `None` for the default, a line break, or the beginning of a record.
            config: How to write.
            settings: Fields of SampleConfig by name, which win over `config`: length (0: without end),
                temperature (a number, or that of the first character and of the last), top_k, top_p, min_p,
                repetition_penalty, stop, seed ...

        Raises:
            ConfigError: a setting is unknown or out of its range.
            SampleError: the prompt has characters that the model does not know, or settings contradict each other.
        """
        config = _writing("generate", config, settings)
        return (character for piece in self._pieces(prompt, config) for character in piece.characters)

    @_in_python()
    def sample(self, prompt: str | None = None, config: SampleConfig | None = None, **settings: Any) -> Sample:
        """Write one whole text, as `generate` does, and keep what each of its characters cost.

        Args:
            prompt, config, settings: As for `generate`; a length of 0 has no end and is refused.

        Returns:
            The text, a str; in a notebook it is painted by its surprise.

        Raises:
            ConfigError, SampleError: as for `generate`.
        """
        config = with_seed(_writing("sample", config, settings))
        if config.length == 0:
            raise ConfigError("sample writes a whole text, received length=0, which has no end; generate has none")
        (text,) = gather(self._pieces(prompt, config, surprise=True))
        cost = [bits_of(probability) for probability in text.probabilities]
        return Sample(text.characters, prompt=prompt or "", bits=cost, run=self.run.name, seed=config.seed)

    def _pieces(self, prompt: str | None, config: SampleConfig, *, surprise: bool = False) -> Iterator[Piece]:
        prompts = [] if prompt is None else [prompt]
        return write(self.network, self.vocabulary, config, prompts, surprise=surprise, record_end=self.record_end)

    def score(self, text: str) -> np.ndarray:
        """What each character of `text` but the first cost, in nats: -ln of the probability that it was given.

        The mean is the loss of the text, as `seqmagic evaluate` reports it. The text is read from an empty
        memory; characters that the model does not know are scored as its unknown symbol. A model of records begins
        again at each of their ends: "\\nann\\n" are the characters of one whole line and its end.

        Returns:
            (n - 1,) float32, n = len(text).
        """
        ids = self.vocabulary.encode(text)
        if self.record_end is None:
            return Stepper(self.network).score(ids)
        begins = np.flatnonzero(ids[1:-1] == self.vocabulary.encode(self.record_end)[0]) + 1
        edges = [0, *begins.tolist(), len(ids) - 1]
        pieces = [ids[start : stop + 1] for start, stop in itertools.pairwise(edges)]
        return np.concatenate([Stepper(self.network).score(piece) for piece in pieces])

    def step(self, state: State | None, characters: str) -> tuple[np.ndarray, State]:
        """Read `characters` on from `state` and say what may follow.

        Args:
            state: From an earlier call, which stays usable; `None` for an empty memory.
            characters: One or more.

        Returns:
            The logarithms of the probabilities of the next character by id, (V,) float32, and the new state.

        Raises:
            SampleError: no characters.
        """
        if not characters:
            raise SampleError("step reads one character or more; received ''")
        stepper = Stepper(self.network)
        if state is not None:
            stepper.restore([state])
        return log_softmax(stepper.read(self.vocabulary.encode(characters))), stepper.state()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """A training that is over, and the run that it left.

    Attributes:
        run: Where it is kept; `run.name`, `run.path`.
        status: complete, interrupted (by Ctrl-C), or failed: the loss exploded, the last good weights are kept.
        results: train_loss, validation_loss (nats per character), bits_per_character, perplexity, parameters ...,
            as attributes or by name: `results.train_loss`, `results["train_loss"]`.
        history: What each evaluation found, in order: step, epoch, train_loss, validation_loss ..., likewise.
        notes: What a reader should know of how it ended.
    """

    run: Run
    status: str
    results: Results
    history: Sequence[HistoryRow]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        loss = self.results.validation_loss
        found = "" if loss is None else f", validation loss {loss:.4f}"
        return f"Training({self.run.name}, {self.status}{found}, {len(self.history)} evaluations)"

    def _repr_html_(self) -> str:
        from seqmagic.comparison.charts import loss_chart
        from seqmagic.drawing.svg import chart_svg

        table = html_table(self.results.items(), caption=repr(self))
        chart = loss_chart(self.history)
        return table if chart is None else table + html_picture(chart_svg(chart), words=chart.finding)

    def load(self) -> Model:
        """The trained model."""
        return load_model(self.run)


@_in_python()
def train(
    text: Name | None = None,
    *,
    name: str | None = None,
    overwrite: bool = False,
    fine_tune: Name | None = None,
    resume: Name | None = None,
    more_minutes: float | None = None,
    more_epochs: float | None = None,
    models: Name | None = None,
    on_event: Callable[[Event], object] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Training:
    """Train a model on `text` and keep it as a run, or go on with the training of a run.

        training = seqmagic.train("my.txt", cell="gru", minutes=1)

    Args:
        text: A file, a folder, or a name that `seqmagic data list` has.
        name, overwrite: Of the run; by default TEXT-CELL-LAYERSxUNITS.
        fine_tune: A run, as for `load`, to begin with: its characters and weights are kept, new characters are added,
            its sizes taken over. `run.read_record().fine_tuned` has the losses before and after, on both texts.
        resume: A run, as for `load`, that was stopped or killed: go on from its last checkpoint. Text and settings are
            its own; they need not be given, and may not be others.
        more_minutes, more_epochs: With `resume`: train the run, also a finished one, for so much longer. The learning
            rate rises and falls once more, so the loss rises first.
        models: The models folder; by default SEQMAGIC_MODELS, else models/.
        on_event: Called with each event of the training as it happens (see `seqmagic.training.events`). What it
            raises ends the training; the weights so far are kept.
        progress: Whether a bar shows how far it is; None: on a terminal and in a notebook.
        settings: Fields of DataConfig, ModelConfig and TrainConfig by name. What is left out is chosen.

    Raises:
        ConfigError: a setting is unknown or out of its range, or contradicts the run to resume.
        CorpusError: the text can't be read, or is too short.
        RunError: the name is taken; the run has nothing to go on from, or is being trained.
        TrainingError: the loss exploded before anything could be kept, or TensorFlow is not installed.
    """
    from seqmagic.training.device import require_tensorflow
    from seqmagic.training.events import Finished

    require_tensorflow()
    data, model, training = _configurations(settings)
    events: Generator[Event, None, None]
    if resume is not None:
        from seqmagic.training.resume import More
        from seqmagic.training.resume import resume as events_of_resumed

        if name is not None or overwrite or fine_tune is not None:
            raise ConfigError("resume goes on with a run as it is: name, overwrite and fine_tune are for new ones")
        given = {"text": None if text is None else os.fspath(text), **settings}
        more = More(minutes=more_minutes, epochs=more_epochs)
        events = events_of_resumed(open_run(models_folder(models), os.fspath(resume)), more=more, given=given)
    elif more_minutes is not None or more_epochs is not None:
        raise ConfigError("more_minutes and more_epochs make a run longer; name it with resume")
    elif text is None:
        raise ConfigError("train needs a text, or a run to resume; received neither")
    else:
        from seqmagic.texts.cache import IdCache
        from seqmagic.texts.corpus import read_trainable
        from seqmagic.training.finetune import Base
        from seqmagic.training.train import train as events_of

        base = None if fine_tune is None else Base.find(models_folder(models), os.fspath(fine_tune))
        known = () if base is None else base.trained.vocabulary.characters
        events = events_of(
            read_trainable(os.fspath(text), data, extending=Vocabulary(known), cache=IdCache(models_folder(models))),
            model=model if base is None else base.sizes(model, given=settings),
            training=training,
            models=models_folder(models),
            name=name,
            overwrite=overwrite,
            argv=_call("train", text, settings if base is None else {"fine_tune": base.name, **settings}),
            base=base,
        )
    finished = _follow(events, on_event, progress)
    if not isinstance(finished, Finished):
        raise RuntimeError("a training ended without saying how")
    return Training(
        run=finished.run,
        status=finished.status,
        results=finished.results,
        history=tuple(finished.run.read_history()),
        notes=finished.notes,
    )


@overload
def compare(text: Name | None = None, *, budget: None = None, resume: None = None, **settings: Any) -> Comparison: ...


@overload
def compare(text: Name, *, budget: Literal["both"], resume: None = None, **settings: Any) -> Both: ...


@overload
def compare(*, resume: str, **settings: Any) -> Comparison | Both: ...


@_in_python()
def compare(
    text: Name | None = None,
    *,
    cells: Sequence[str] = CELLS,
    units: int | Sequence[int] | None = None,
    layers: int | Sequence[int] | None = None,
    seeds: int = 1,
    match: str = "units",
    jobs: int = 1,
    budget: str | None = None,
    name: str | None = None,
    overwrite: bool = False,
    resume: str | None = None,
    models: Name | None = None,
    on_event: Callable[[BothEvent | Event], object] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Comparison | Both:
    """Train several cells on `text` with the same split, budget and seed, and put their losses side by side.

        comparison = seqmagic.compare("my.txt", cells=("rnn", "lstm"), epochs=1)
        print(comparison.sentence)
        comparison  # in a notebook: the table and its curves
        for summary in comparison.summaries:
            print(summary.label, summary.loss)

    Args:
        text: A file, a folder, or a name that `seqmagic data list` has.
        cells, units, layers: What is combined; None leaves a size to the recipe.
        seeds: How many trainings of each combination, with `seed` and the next ones.
        match: What is held equal: "units" or "parameters".
        jobs: How many rows are trained at a time, each in a process with its share of the cores.
        budget: "both" trains the same models once more, on equal data: as often through the text as the row that read
            the least in its time. That block is kept as NAME-data.
        name, overwrite: Of the comparison; by default TEXT-comparison.
        resume: The name of a comparison that was stopped or killed: go on where it ended. Text and settings are its
            own, and can't be given again; rows that are complete stay.
        models: The models folder; by default SEQMAGIC_MODELS, else models/.
        on_event: Called with each event as it happens (see `seqmagic.comparison.compare`). With `jobs` those of a
            row's training come as `OfRow`, which says of which row.
        progress: Whether a bar shows how far each row is; None: on a terminal and in a notebook.
        settings: Fields of DataConfig, ModelConfig (but cell, units and layers) and TrainConfig by name.

    Returns:
        The comparison. A row that failed says so; after Ctrl-C it has the rows that were begun. With two blocks,
        `Both`: its `time` and `data` are the comparisons; `data` is None where it came to none.

    Raises:
        ConfigError, CorpusError, RunError: as for `train`; there is no comparison to resume, or its text is gone.
        TrainingError: every row failed for one and the same reason, or TensorFlow is not installed.
    """
    from seqmagic.comparison.both import compare_both
    from seqmagic.comparison.both import resume as events_of_resumed
    from seqmagic.comparison.budgets import refuse_epochs
    from seqmagic.comparison.compare import compare as compare_once
    from seqmagic.texts.cache import IdCache
    from seqmagic.texts.corpus import read_trainable
    from seqmagic.training.device import require_tensorflow

    require_tensorflow()
    if resume is not None:
        asked = {
            "text": text,
            "units": units,
            "layers": layers,
            "budget": budget,
            "name": name,
            "overwrite": overwrite or None,
            **settings,
        }
        asked |= {"cells": None if cells == CELLS else cells, "seeds": None if seeds == 1 else seeds}
        asked |= {"match": None if match == "units" else match, "jobs": None if jobs == 1 else jobs}
        if given := [key for key, value in asked.items() if value is not None]:
            raise ConfigError(
                "resume goes on with the text and the settings that the comparison began with; leave out "
                f"{', '.join(given)}"
            )
        return _compared(events_of_resumed(resume, models=models_folder(models)), on_event, progress)
    if text is None:
        raise ConfigError("compare needs a text, or a comparison to resume; received neither")
    if "cell" in settings:
        raise ConfigError(f"compare takes cells=, a list of them; received cell={settings['cell']!r}")
    if match not in ("units", "parameters"):
        raise ConfigError(f"--match must be one of units, parameters; received {match!r}")
    if budget not in (None, "both"):
        raise ConfigError(f"--budget must be both, or be left out; received {budget!r}")
    data, model, training = _configurations(settings)
    if budget:
        refuse_epochs(training)
    events_of = compare_both if budget else compare_once
    events = events_of(
        read_trainable(os.fspath(text), data, cache=IdCache(models_folder(models))),
        cells=[ModelConfig(cell=cell).cell for cell in cells],
        units=_several(units),
        layers=_several(layers),
        seeds=seeds,
        match=match,
        jobs=jobs,
        model=model,
        training=training,
        models=models_folder(models),
        name=name,
        overwrite=overwrite,
        argv=_call("compare", text, settings),
    )
    return _compared(events, on_event, progress)


def _compared(
    events: Iterator[BothEvent | Event],
    on_event: Callable[[BothEvent | Event], object] | None,
    progress: bool | None,
) -> Comparison | Both:
    """What a series, or two, come to."""
    from seqmagic.comparison.both import ComparedBoth
    from seqmagic.comparison.compare import Compared

    compared = _follow(events, on_event, progress)
    if isinstance(compared, ComparedBoth):
        return compared.both
    if not isinstance(compared, Compared):
        raise RuntimeError("a comparison ended without a result")
    return compared.comparison


@_in_python()
def evaluate(
    run: Name, text: Name | None = None, *, part: str | None = None, models: Name | None = None, **settings: Any
) -> Score:
    """The exact loss of a run on `text`, or on a part of the text that it was trained on.

        score = seqmagic.evaluate("lstm", "other.txt")
        print(score.loss, score.bits_per_character, score.perplexity)

    Args:
        run: As for `load`.
        text: A file, a folder, or a name that `seqmagic data list` has; None for the run's own.
        part: Of the run's own text: train, validation (where none is named) or test.
        models: The models folder; by default SEQMAGIC_MODELS, else models/.
        settings: `encoding`, `glob`, `records` and `column`, how the other text is read.

    Raises:
        ConfigError: a setting is unknown, or a part of another text is asked for.
        CorpusError: the text can't be read.
        RunError: there is no such run, or its own text is gone or has changed.
    """
    from seqmagic.evaluation.evaluation import score_text
    from seqmagic.evaluation.scorer import NetworkScorer
    from seqmagic.evaluation.subject import read_subject

    _refuse_unknown(settings, DataConfig)
    if part is not None and (text is not None or part not in PARTS):
        raise ConfigError(f"--part must be one of {', '.join(PARTS)} of the run's own text; received {part!r}")
    model = read_trained(_find(run, models))
    subject = read_subject(model, None if text is None else os.fspath(text), part, _configured(DataConfig, settings))
    return score_text(NetworkScorer(model.network), subject.ids, subject.boundary)


@_in_python()
def load(run: Name = "latest", *, models: Name | None = None) -> Model:
    """The model of a run.

    Args:
        run: A name below the models folder, a path, `latest`, `best`, or the name of a pretrained run. `latest`
            is a pretrained one where nothing was trained yet.
        models: The models folder; by default SEQMAGIC_MODELS, else models/.

    Raises:
        RunError: there is no such run, or it can't be read.
    """
    return find_model(run, models=models)


def sample(run: Name = "latest", prompt: str | None = None, *, models: Name | None = None, **settings: Any) -> Sample:
    """Write one text with a run; `load` and `Model.sample` in one call.

        seqmagic.sample("lstm", "The function ", length=200, seed=1)

    Args:
        run, models: As for `load`.
        prompt: What the text goes on from; `None` for the default, a line break, or the beginning of a record.
        settings: Fields of SampleConfig by name: length, temperature, top_k ...

    Raises:
        RunError: there is no such run, or it can't be read.
        ConfigError, SampleError: as for `Model.generate`.
    """
    return load(run, models=models).sample(prompt, **settings)


def find_model(run: Name, *, models: Name | None = None) -> Model:
    """As `load`, for a command line: its errors speak of options."""
    return load_model(_find(run, models))


def load_model(run: Run) -> Model:
    """The model of an opened run; errors as for `load`."""
    trained = read_trained(run)
    return Model(trained.run, trained.record, trained.vocabulary, FoldedNetwork.of(trained.network))


def _find(run: Name, models: Name | None) -> Run:
    folder, name = models_folder(models), os.fspath(run)
    return latest_or_pretrained(folder) if name == "latest" else open_run(folder, name)


def _follow(
    events: Iterator[AnyEvent], on_event: Callable[[AnyEvent], object] | None, progress: bool | None
) -> AnyEvent | None:
    """Tell of each event, and end what they come from whatever happens; the last one."""
    from seqmagic.comparison.course import Course

    last, title, course = None, "", Course()
    with contextlib.ExitStack() as stack:
        if isinstance(events, Generator):
            stack.callback(events.close)
        bar = stack.enter_context(Bar(progress))
        for last in events:
            title = _title_of(last) or title
            if course.note(last):
                bar.show(course.fraction, course.words)
            if isinstance(last, Progress):
                bar.show(last.fraction, f"{title}train {last.train_loss:.3f}  {clock(last.seconds_left)} left")
            if on_event is not None:
                on_event(last)
    return last


def _title_of(event: object) -> str:
    """Which row of how many begins, with blanks after it; nothing where none does."""
    from seqmagic.comparison.series import RowStarted

    return f"{event.entry.label} ({event.number} of {event.total})  " if isinstance(event, RowStarted) else ""


def _writing(call: str, config: SampleConfig | None, settings: dict[str, Any]) -> SampleConfig:
    """How `call` is to write its one text: `config` with the settings that win over it."""
    _refuse_unknown(settings, SampleConfig)
    if isinstance(temperature := settings.get("temperature"), str):  # "0.3..1.2", as it is typed
        settings["temperature"] = parse_temperature(temperature)
    config = dataclasses.replace(config or SampleConfig(), **settings)
    if config.count != 1:
        raise ConfigError(f"{call} writes one text, received count={config.count}; call it once for each seed")
    return config


def _configurations(settings: Mapping[str, Any]) -> tuple[DataConfig, ModelConfig, TrainConfig]:
    """The three configurations of a training from the settings of all."""
    _refuse_unknown(settings, DataConfig, ModelConfig, TrainConfig)
    training = _configured(TrainConfig, settings)
    data = _configured(DataConfig, settings).drawn_with(training.seed)
    return data, _configured(ModelConfig, settings), training


def _configured(owner: type[AnyConfig], settings: Mapping[str, Any]) -> AnyConfig:
    """Raise ConfigError where a setting is of the wrong kind or out of its range; names of others are ignored."""
    import msgspec

    try:
        return msgspec.convert(dict(settings), owner)
    except msgspec.ValidationError as problem:
        raise ConfigError(f"a setting is of the wrong kind: {files.in_brief(problem)}") from problem


def _refuse_unknown(settings: Mapping[str, Any], *owners: type[Config]) -> None:
    """Raise ConfigError for a name that is no setting of these."""
    known = {field.name for owner in owners for field in dataclasses.fields(owner)}  # type: ignore[arg-type]
    if strange := sorted(settings.keys() - known):
        raise ConfigError(f"there is no setting {strange[0]!r}; there are {', '.join(sorted(known))}")


def _several(values: int | Sequence[int] | None) -> Sequence[int] | None:
    return [values] if isinstance(values, int) else values


def _call(command: str, text: Name, settings: Mapping[str, Any]) -> list[str]:
    """What is recorded as the command line: the one that would do the same, as far as settings go."""
    words = [command, os.fspath(text)]
    for name, value in settings.items():
        words += [option_name(name)] if value is True else [option_name(name), str(value)]
    return words
