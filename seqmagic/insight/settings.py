"""The settings of `seqmagic measure` and `seqmagic inspect`: name, default, range and help, once."""

from __future__ import annotations

from dataclasses import dataclass

from seqmagic.config import Config, setting, unescaped
from seqmagic.errors import ConfigError
from seqmagic.insight.labels import ROLES

WARM_UP = 200  # characters that a model reads before anything of it is measured
CARRIED = 1000  # characters, at least, after which a carried state counts as all that a model can have
VARIANTS = ("zero", "foreign", "shuffle-chars", "shuffle-words", "reverse")
SPANS = ("state", "input")
FRESH = ("seqmagic", "keras", "none")


# ---------------------------------------------------------------- seqmagic measure


@dataclass(frozen=True, kw_only=True)
class GradientConfig(Config):
    """How the gradient is followed back."""

    max_lag: int = setting(200, "How far back to follow the gradient.", minimum=10, maximum=2000, unit="characters")
    targets: int = setting(
        192, "Predictions to follow it from, spread evenly over the text.", minimum=8, maximum=10_000, unit="characters"
    )
    wrt: str = setting(
        "state",
        "With respect to what: all that is carried from step to step, or the character read.",
        choices=SPANS,
    )
    fresh: str = setting(
        "seqmagic",
        "How the untrained models beside the trained one start: as this tool starts them, as stock Keras layers "
        "start, or none.",
        choices=FRESH,
    )
    seeds: int = setting(3, "Untrained models for each run.", minimum=1, maximum=20, unit="models")
    seed: int = setting(0, "Seed of the intervals and of the first untrained model.", minimum=0, maximum=2**31)


@dataclass(frozen=True, kw_only=True)
class MemoryConfig(Config):
    """How the loss is measured by the characters read before a prediction."""

    max_context: int = setting(
        256, "Most characters read before a prediction.", minimum=16, maximum=4096, unit="characters"
    )
    targets: int = setting(
        768, "Characters predicted, the same ones after every context.", minimum=32, maximum=20_000, unit="characters"
    )
    variant: tuple[str, ...] = setting(
        ("zero",),
        "What stands for the text before the context: nothing (zero, always measured), the memory of other text "
        "(foreign), or the text itself in another order.",
        choices=VARIANTS,
    )
    seed: int = setting(0, "Seed of the intervals, of foreign text and of other orders.", minimum=0, maximum=2**31)


@dataclass(frozen=True, kw_only=True)
class NgramConfig(Config):
    """How n-grams and models are compared."""

    max_order: int = setting(12, "Highest order of the n-grams.", minimum=1, maximum=24, unit="characters")
    targets: int = setting(
        100_000, "Characters predicted, from the start of the held-out part.", minimum=200, maximum=1_000_000,
        unit="characters",
    )  # fmt: skip
    seed: int = setting(0, "Seed of the intervals.", minimum=0, maximum=2**31)


@dataclass(frozen=True, kw_only=True)
class ClosersConfig(Config):
    """How closing brackets and quotes are measured."""

    targets: int = setting(
        100_000, "Characters read, from the start of the held-out part.", minimum=200, maximum=1_000_000,
        unit="characters",
    )  # fmt: skip
    max_order: int = setting(12, "Highest order of the n-grams.", minimum=1, maximum=24, unit="characters")
    seed: int = setting(0, "Seed of the intervals.", minimum=0, maximum=2**31)


@dataclass(frozen=True, kw_only=True)
class RepeatsConfig(Config):
    """How rare words that come again are measured."""

    targets: int = setting(
        100_000, "Characters searched, from the start of the held-out part.", minimum=200, maximum=1_000_000,
        unit="characters",
    )  # fmt: skip
    rare: int = setting(
        20, "Most times that a word may stand in the training part to be rare.", minimum=0, maximum=1000, unit="times"
    )
    pairs: int = setting(100, "Most words for each range of distances.", minimum=20, maximum=10_000, unit="words")
    seed: int = setting(0, "Seed of the intervals and of the words put in place.", minimum=0, maximum=2**31)


# ---------------------------------------------------------------- seqmagic inspect


@dataclass(frozen=True, kw_only=True)
class ExcerptConfig(Config):
    """Which characters `seqmagic inspect` looks at."""

    text: str | None = setting(
        None,
        r"Characters of your own; \n is a line break, \t a tab. Nothing is read before them.",
        parse=unescaped,
    )
    file: str | None = setting(
        None, "A text file (or folder, or built-in text) to look at, instead of the run's own text.", metavar="FILE"
    )
    at: int | None = setting(
        None,
        "First character looked at: of --file, else of the held-out part of the run's own text.",
        minimum=0,
        auto="the first one",
    )
    length: int | None = setting(
        None,
        "How many characters to look at.",
        minimum=2,
        maximum=2000,
        unit="characters",
        auto="400, but the whole of --text",
    )


@dataclass(frozen=True, kw_only=True)
class LongExcerptConfig(ExcerptConfig):
    """The same for figures that are means over many characters."""

    length: int | None = setting(
        None,
        "How many characters to look at.",
        minimum=100,
        maximum=1_000_000,
        unit="characters",
        auto="20,000, but the whole of --text",
    )


@dataclass(frozen=True, kw_only=True)
class ModelFileConfig(Config):
    """What a .keras file does not say itself."""

    vocabulary: str | None = setting(
        None,
        "For a .keras file in place of a RUN: its characters in the order of their ids as a JSON list, or the text "
        "that it was trained on.",
        auto="vocabulary.json beside it",
        metavar="FILE",
    )


@dataclass(frozen=True, kw_only=True)
class SurpriseConfig(Config):
    """What is said of each character."""

    top: int | None = setting(
        None,
        "How many of the likeliest guesses to show for each character.",
        minimum=0,
        maximum=20,
        unit="guesses",
        auto="none on the screen, 5 in --json",
    )
    vs: str | None = setting(
        None,
        "Show the difference to this run, or to the best n-gram of the training part (ngram).",
        metavar="RUN|ngram",
    )


@dataclass(frozen=True, kw_only=True)
class GatesConfig(Config):
    """What counts as saturated, and whether gates are put out of action."""

    low: float = setting(0.1, "A gate below this is closed.", above=0.0, below=1.0)
    high: float = setting(
        0.9, "A gate above this is open; so is a tanh beyond plus or minus this.", above=0.0, below=1.0
    )
    lesion: bool = setting(
        False, "Hold each gate at its mean, and at 1, and measure what that costs: some seconds more."
    )
    seed: int = setting(0, "Seed of the untrained model and of the intervals.", minimum=0, maximum=2**31)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low >= self.high:
            raise ConfigError(f"--low must be below --high; received {self.low:g} and {self.high:g}")


@dataclass(frozen=True, kw_only=True)
class TraceConfig(Config):
    """Which layer and units of a model to follow."""

    layer: int = setting(1, "Layer to look at, from 1.", minimum=1, maximum=1000)
    units: str = setting(
        "top:4",
        "Units to show one by one: the N that keep longest (top:N), or their numbers from 0, such as 3,17,42.",
        metavar="top:N|LIST",
    )
    show: str = setting(
        "memory",
        "What to show of single units: what they remember (cell state of an LSTM, else hidden state), or a gate.",
        choices=("memory", *ROLES),
    )


@dataclass(frozen=True, kw_only=True)
class ConnectivityConfig(Config):
    """Which prediction is followed back."""

    target: int | None = setting(
        None,
        "Which of the characters looked at is predicted, from 1: the first one is 0 and has none before it.",
        minimum=1,
        auto="the last one",
    )
    strongest: int = setting(10, "How many of the strongest characters to list.", minimum=0, maximum=2000)


@dataclass(frozen=True, kw_only=True)
class NeuronsConfig(Config):
    """How units are searched."""

    characters: int = setting(
        20_000,
        "How many characters of the held-out part of the run's own text to search in.",
        minimum=2000,
        maximum=100_000,
        unit="characters",
    )
    feature: str | None = setting(
        None,
        "Search for features of your own too: a line of names, then a line of numbers for each held-out character, "
        "tabs between.",
        metavar="FILE.tsv",
    )
    shifts: int = setting(
        200, "Shifted features that say what chance gives.", minimum=100, maximum=5000, unit="features"
    )
    seed: int = setting(0, "Seed of the shifts and intervals.", minimum=0, maximum=2**31)


@dataclass(frozen=True, kw_only=True)
class ErrorsConfig(Config):
    """How much is counted."""

    characters: int = setting(
        100_000,
        "How many characters of the held-out part of the run's own text to count at most.",
        minimum=1000,
        maximum=10_000_000,
        unit="characters",
    )
    seed: int = setting(0, "Seed of the intervals.", minimum=0, maximum=2**31)
