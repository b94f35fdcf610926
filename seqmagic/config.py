"""Every setting of seqmagic, once: its name, default, range and help.

A field of a dataclass here is the one place where a setting is defined; the command line makes its
options from these fields (`seqmagic/cli/options.py`). A dataclass is opened by a builder
(`build_model`, `make_schedule`, `read_corpus` ...); plain values go further down.

A default of `None` means "chosen for you"; the help says by what.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from seqmagic.errors import ConfigError

CELLS = ("rnn", "lstm", "gru")
CELL_ALIASES = {"simple_rnn": "rnn", "simplernn": "rnn"}
ENGINES = ("auto", "fused", "keras")
PARTS = ("train", "validation", "test")  # of a text, in its order
RECORDS = ("line", "blank-line")
STOPS = ("length", "blank-line", "sentence")
PRECISIONS = ("auto", "float32", "mixed_float16", "mixed_bfloat16")
DEFAULT_MINUTES = 3.0
Temperature = float | tuple[float, float]  # the same for a whole text, or that of its first character and its last
_ESCAPES = r"\n is a line break, \t a tab, \\ a backslash"


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] | None = None,
    unit: str | None = None,
    auto: str | None = None,
    metavar: str | None = None,
    parse: Callable[[str], Any] | None = None,
) -> Any:
    """A dataclass field that knows its range and its help.

    Args:
        default: The value when nothing is given; `None` for "chosen for you".
        help: One sentence for `--help`, without unit, range and default: those are added from here.
        minimum, maximum: Inclusive bounds.
        above, below: Exclusive bounds.
        choices: The words allowed.
        unit: What the number counts, for `--help`.
        auto: What `None` stands for, in words for `--help`.
        metavar: What is to be typed, for `--help`, where the type does not say it.
        parse: Makes a value of the words that were typed for it, where its type alone can't (`unescaped`); the
            dataclass checks it.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "above": above,
        "below": below,
        "choices": choices,
        "unit": unit,
        "auto": auto,
        "metavar": metavar,
        "parse": parse,
    }
    return dataclasses.field(default=default, metadata=metadata)


def decided(field: dataclasses.Field[Any]) -> Any:
    """The same setting once it is decided: its range and help, but no default and no `None`."""
    return dataclasses.field(metadata={**field.metadata, "auto": None, "decided": True})


def range_words(metadata: Mapping[str, Any]) -> str:
    """The range of a setting as a reader would say it: "from 0 to below 1", "above 0", ""."""
    bounds = {name: metadata.get(name) for name in ("minimum", "maximum", "above", "below")}
    words = {name: _figure(bound) for name, bound in bounds.items() if bound is not None}
    if "minimum" in words and not words.keys() & {"maximum", "below"}:
        return f"{words['minimum']} or more"
    has_start = bool(words.keys() & {"minimum", "above"})
    phrases = {
        "minimum": "from {}",
        "above": "above {}",
        "maximum": "to {}" if "minimum" in words else "and at most {}" if has_start else "at most {}",
        "below": "to below {}" if "minimum" in words else "and below {}" if has_start else "below {}",
    }
    return " ".join(phrase.format(words[name]) for name, phrase in phrases.items() if name in words)


def _figure(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.12g}"


def option_name(field_name: str) -> str:
    """`sequence_length` -> `--sequence-length`."""
    return "--" + field_name.replace("_", "-")


def unescaped(text: str) -> str:
    r"""`text` as it was typed, with \n, \t and \\ replaced by what they stand for; any other backslash is one."""
    meanings = {r"\n": "\n", r"\t": "\t", r"\\": "\\"}
    return re.sub(r"\\[nt\\]", lambda match: meanings[match.group()], text)


def parse_temperature(words: str) -> Temperature:
    """A temperature as it is typed: "0.8" -> 0.8, "0.3..1.2" -> (0.3, 1.2).

    Raises:
        ConfigError: it is neither a number nor a range.
    """
    try:
        ends = [float(end) for end in words.split("..")]
    except ValueError:
        ends = []
    if len(ends) not in (1, 2):
        raise ConfigError(f"--temperature must be a number or a range such as 0.3..1.2; received {words!r}")
    return ends[0] if len(ends) == 1 else (ends[0], ends[1])


def parse_minutes(words: str) -> float:
    """A time as it is typed, in minutes: "5", "30s" -> 0.5, "1h30m" -> 90, "2 min".

    Raises:
        ConfigError: it is none.
    """
    with contextlib.suppress(ValueError):
        return float(words)
    text = words.replace(" ", "").lower()
    parts = [(float(amount), unit) for amount, unit in _TIME_PART.findall(text)]
    if not parts or _TIME_PART.sub("", text):
        raise ConfigError(f"--minutes must be a number of minutes, or a time such as 30s or 1h30m; received {words!r}")
    return sum(amount * _MINUTES_IN[unit[0]] for amount, unit in parts)


_TIME_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|min|m|sec|s)", re.ASCII)
_MINUTES_IN = {"h": 60.0, "m": 1.0, "s": 1 / 60}


def counted(amount: float, unit: str) -> str:
    """An amount and what it is of: "1 minute", "2.5 epochs", "12,000 characters"."""
    shown = f"{amount:,}" if isinstance(amount, int) else f"{amount:g}"
    return f"{shown} {unit}{'s' * (amount != 1)}"


def minutes_words(minutes: float) -> str:
    """A time for a reader: "1 minute", "90 minutes", "5 seconds"."""
    return counted(minutes, "minute") if minutes >= 1 else counted(float(f"{60 * minutes:.3g}"), "second")


def budget_words(minutes: float | None, epochs: float | None) -> str:
    """What a training may take, in minutes or else in epochs: "5 seconds", "2.5 epochs"."""
    return counted(epochs or 0.0, "epoch") if minutes is None else minutes_words(minutes)


def spelled_choice(value: Any, choices: Sequence[str]) -> Any:
    """One of `choices` that is written in other letters or by another name as it is; anything else as it came."""
    if not isinstance(value, str) or value in choices:
        return value
    plain = CELL_ALIASES.get(value.lower(), value.lower())
    return plain if plain in choices else value


def suggestion(value: Any, choices: Iterable[str]) -> str:
    """ "; did you mean lstm?", or nothing where none is near."""
    near = difflib.get_close_matches(value.lower(), list(choices), n=1, cutoff=0.6) if isinstance(value, str) else []
    return f"; did you mean {near[0]}?" if near else ""


def temperature_words(temperature: Temperature) -> str:
    """The shortest spelling that `parse_temperature` reads: "0.8", "0.3..1.2"."""
    return "..".join(f"{end:g}" for end in temperature) if isinstance(temperature, tuple) else str(temperature)


def check_value(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Raise ConfigError unless `value` is within what the setting's metadata allows."""
    if value is None:
        if metadata.get("decided"):
            raise ConfigError(f"{option_name(name)} must be decided here; received None")
        return
    if isinstance(value, tuple):
        for part in value:
            check_value(name, part, metadata)
        return
    choices = metadata.get("choices")
    if choices is not None:
        if value not in choices:
            received = f"received {value!r}{suggestion(value, choices)}"
            raise ConfigError(f"{option_name(name)} must be one of {', '.join(choices)}; {received}")
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    low, high = metadata.get("minimum"), metadata.get("maximum")
    above, below = metadata.get("above"), metadata.get("below")
    fits = (
        math.isfinite(value)
        and (low is None or value >= low)
        and (high is None or value <= high)
        and (above is None or value > above)
        and (below is None or value < below)
    )
    if not fits:
        words = range_words(metadata) or "a finite number"
        raise ConfigError(f"{option_name(name)} must be {words}; received {value!r}")


class Config:
    """What all settings have in common: ranges checked at birth, plain JSON in and out."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            check_value(field.name, getattr(self, field.name), field.metadata)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The settings in `values`; names that this version does not know are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """How a text is read and cut."""

    validation: float | None = setting(
        None,
        "Share of the text kept for validation.",
        minimum=0.001,
        maximum=0.5,
        auto="0.1, but at most 1,000,000 characters, so that evaluations of a large text stay short",
    )
    test: float = setting(
        0.0, "Share of the text kept for a final test, after the validation part.", minimum=0.0, maximum=0.5
    )
    min_count: int = setting(
        1,
        "Characters seen fewer times than this in the training part become the unknown character.",
        minimum=1,
        unit="occurrences",
    )
    encoding: str | None = setting(
        None, "Encoding of the text.", auto="UTF-8, or UTF-16 where a byte-order mark says so"
    )
    glob: str | None = setting(
        None, "Which files of a folder to read, as a pattern such as '**/*.py'.", auto="every text file"
    )
    records: str | None = setting(
        None,
        "Read the text as records, each with a start and an end of its own: its lines, or what stands between its "
        "blank lines.",
        choices=RECORDS,
        auto="one text from start to end",
    )
    column: str | None = setting(
        None,
        "Read a table, CSV (with a line of names) or JSON lines: each row's cell of this column is a record.",
        metavar="NAME",
        auto="none",
    )
    split_seed: int | None = setting(
        None,
        "Seed that draws the records for validation and test.",
        minimum=0,
        maximum=2**31 - 1,
        auto="that of --seed",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.records is not None and self.column is not None:
            raise ConfigError("--records and --column are two ways to cut a text; give one of them")
        if self.column == "":
            raise ConfigError("--column must be the name of a column; received ''")

    @property
    def has_records(self) -> bool:
        """Whether the text is read as records."""
        return self.records is not None or self.column is not None

    def drawn_with(self, seed: int) -> DataConfig:
        """The same with the seed of the draw decided, where records are drawn: `seed`, unless one was given."""
        if not self.has_records or self.split_seed is not None:
            return self
        return dataclasses.replace(self, split_seed=seed)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """The network: embedding, recurrent layers, one dense layer."""

    cell: str = setting("lstm", "Kind of recurrent cell.", choices=CELLS)
    units: int | None = setting(
        None,
        "Width of each recurrent layer. Wider models reach a lower loss if they get the time.",
        minimum=1,
        maximum=8192,
        unit="units",
        auto="measured: what this machine can train on this text in the time given",
    )
    layers: int | None = setting(
        None, "Number of recurrent layers.", minimum=1, maximum=8, unit="layers", auto="chosen with the units"
    )
    embedding: int = setting(
        64, "Width of the vector that stands for a character.", minimum=1, maximum=4096, unit="numbers"
    )
    dropout: float | None = setting(
        None,
        "Share of a layer's outputs silenced in training, against overfitting.",
        minimum=0.0,
        below=1.0,
        auto="by how often the text will be read in the time given",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell", CELL_ALIASES.get(self.cell, self.cell))
        super().__post_init__()


_MODEL = ModelConfig.__dataclass_fields__


@dataclass(frozen=True, kw_only=True)
class DecidedModel(ModelConfig):
    """A network with every size known: what the recipe returns, and what everything behind it takes."""

    units: int = decided(_MODEL["units"])
    layers: int = decided(_MODEL["layers"])
    dropout: float = decided(_MODEL["dropout"])


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """How the network is trained. `None` is resolved by `seqmagic.training.recipe`."""

    minutes: float | None = setting(
        None,
        "Time budget, counted from the first step, evaluation included.",
        above=0.0,
        maximum=100_000.0,
        unit="minutes",
        parse=parse_minutes,
        auto=f"{DEFAULT_MINUTES:g} unless --epochs is given",
    )
    epochs: float | None = setting(
        None,
        "Budget in readings of the training part, instead of --minutes.",
        above=0.0,
        maximum=1_000_000.0,
        unit="readings",
        auto="no limit but --minutes",
    )
    batch_size: int | None = setting(
        None,
        "Streams of text read side by side. Few make more, smaller steps from the same text.",
        minimum=1,
        maximum=65_536,
        unit="streams",
        auto="by the recipe",
    )
    sequence_length: int | None = setting(
        None,
        "Characters through which gradients flow back; the state is carried further.",
        minimum=1,
        maximum=65_536,
        unit="characters",
        auto="by the recipe",
    )
    learning_rate: float | None = setting(
        None, "Peak learning rate.", above=0.0, maximum=10.0, auto="by the recipe: cell, units and batch size"
    )
    weight_decay: float | None = setting(
        None,
        "Decoupled weight decay: share of each weight matrix taken off per step, times the learning rate.",
        minimum=0.0,
        maximum=10.0,
        auto="by the recipe",
    )
    clip_norm: float = setting(
        5.0, "Longest gradient allowed; longer ones are scaled down to it.", above=0.0, maximum=1e6
    )
    reset_probability: float = setting(
        0.02,
        "Chance per window that a stream starts again from an empty state, so that the model learns to start.",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = setting(1, "Seed of the weights, dropout and resets.", minimum=0, maximum=2**31 - 1)
    engine: str = setting(
        "auto",
        "What computes the training step: fused (XLA, for CPUs), keras (stock layers, cuDNN on a GPU).",
        choices=ENGINES,
    )
    precision: str = setting(
        "auto",
        "Number format of the training step; auto is float32 on a CPU and decided by a self-check on a GPU.",
        choices=PRECISIONS,
    )
    threads: int | None = setting(
        None,
        "Processor cores to use.",
        minimum=1,
        maximum=1024,
        unit="cores",
        auto="all that this process may use",
    )
    patience: int | None = setting(
        None,
        "End the training after so many evaluations in a row without a lower validation loss. About 12 are made in a "
        "budget, and most is gained at its end, where the learning rate falls.",
        minimum=1,
        maximum=1_000_000,
        unit="evaluations",
        auto="use up the budget",
    )
    prompt: str | None = setting(None, "Start of the text written after each evaluation.", auto="a line break")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minutes is not None and self.epochs is not None:
            raise ConfigError("--minutes and --epochs are two budgets; give one of them")


_TRAINING = TrainConfig.__dataclass_fields__


@dataclass(frozen=True, kw_only=True)
class DecidedTraining(TrainConfig):
    """A training with every setting known; of the two budgets exactly one is given."""

    batch_size: int = decided(_TRAINING["batch_size"])
    sequence_length: int = decided(_TRAINING["sequence_length"])
    learning_rate: float = decided(_TRAINING["learning_rate"])
    weight_decay: float = decided(_TRAINING["weight_decay"])

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minutes is None and self.epochs is None:
            raise ConfigError("a training needs a budget: --minutes or --epochs")


@dataclass(frozen=True, kw_only=True)
class SampleConfig(Config):
    """How text is written. What each filter does to the probabilities stands in `seqmagic.sampling.filters`."""

    length: int = setting(
        500, "Characters to write after the prompt; 0 writes until Ctrl-C.", minimum=0, unit="characters"
    )
    temperature: float | tuple[float, float] = setting(
        0.8,
        "How daring: 0 always takes the likeliest character, 1 follows the model's own probabilities. "
        "A range such as 0.3..1.2 moves from one to the other over the text.",
        minimum=0.0,
        maximum=100.0,
        metavar="X|X..X",
        parse=parse_temperature,
    )
    top_k: int | None = setting(
        None, "Choose among this many of the likeliest characters.", minimum=1, unit="characters", auto="all"
    )
    top_p: float = setting(
        1.0,
        "Choose among the likeliest characters that together reach this probability.",
        above=0.0,
        maximum=1.0,
    )
    min_p: float = setting(
        0.0,
        "Leave out characters less likely than this share of the likeliest one.",
        minimum=0.0,
        maximum=1.0,
    )
    repetition_penalty: float = setting(
        1.0,
        "Divide the probability of characters seen in the last --repetition-window by this.",
        minimum=1.0,
        maximum=1e6,
    )
    repetition_window: int = setting(
        32, "How far back --repetition-penalty looks.", minimum=1, maximum=10_000, unit="characters"
    )
    ban: str | None = setting(None, f"Characters that are never written; {_ESCAPES}.", auto="none", parse=unescaped)
    stop: tuple[str, ...] = setting(
        (), f"End a text where this would be written; {_ESCAPES}; may be given several times.", parse=unescaped
    )
    stop_at: str = setting("length", "End a text early: at a blank line or at the end of a sentence.", choices=STOPS)
    min_length: int = setting(0, "Let no --stop or --stop-at end a text before this.", minimum=0, unit="characters")
    count: int = setting(1, "Texts to write for each prompt.", minimum=1, unit="texts")
    seed: int | None = setting(
        None,
        "Seed of the random choices: the same one writes the same text.",
        minimum=0,
        maximum=2**63 - 1,
        auto="a new one each time, named with the text",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperature", _temperature(self.temperature))
        object.__setattr__(self, "stop", (self.stop,) if isinstance(self.stop, str) else tuple(self.stop))
        super().__post_init__()
        for end in self.temperatures:
            check_value("temperature", end, type(self).__dataclass_fields__["temperature"].metadata)
        if "" in self.stop:
            raise ConfigError("--stop must be one character or more; received ''")
        if self.length == 0 and isinstance(self.temperature, tuple):
            words = temperature_words(self.temperature)
            raise ConfigError(f"--temperature {words} moves over the text and --length 0 has no end; give a length")

    @property
    def temperatures(self) -> tuple[float, float]:
        """The temperature of the first character and that of the last."""
        return self.temperature if isinstance(self.temperature, tuple) else (self.temperature, self.temperature)


def _temperature(given: Any) -> Temperature:
    """A number or a pair as it is kept: floats, and a pair of equal ends as a number.

    Raises:
        ConfigError: it is neither.
    """
    pair = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    try:
        if len(pair) != 2 or any(isinstance(end, (str, bool)) for end in pair):
            raise TypeError
        first, last = map(float, pair)
    except (TypeError, ValueError):
        raise ConfigError(
            f"--temperature must be a number or a pair of numbers, the first and the last; received {given!r}"
        ) from None
    return first if first == last else (first, last)
