"""The settings of `seqmagic measure`: name, default, range and help, once."""

from __future__ import annotations

from dataclasses import dataclass

from seqmagic.config import Config, setting

WARM_UP = 200  # characters that a model reads before anything of it is measured
CARRIED = 1000  # characters, at least, after which a carried state counts as all that a model can have
BLOCK = 200  # characters of a block of the bootstrap: neighbours depend on each other
RESAMPLES = 1000
SPANS = ("state", "input")
FRESH = ("seqmagic", "keras", "none")
VARIANTS = ("zero", "foreign", "shuffle-chars", "shuffle-words", "reverse")


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
