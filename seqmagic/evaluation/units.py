"""The units of a loss: nats per character into bits per character and perplexity. Written once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np

Loss = TypeVar("Loss", float, "np.ndarray")
STEPS = (0.5, 1, 2, 4, 6)  # bits at which surprise is shown a step higher: the same for all models, to compare them


def bits(loss: Loss) -> Loss:
    """Nats to bits: of a number, or of each in an array."""
    return loss / math.log(2)


def bits_of(probability: float) -> float:
    """What a character that had this probability costs, in bits; infinite where it had none."""
    return -math.log2(probability) if probability > 0 else math.inf


def step_of(bits: float) -> int:
    """Which of the six steps that `STEPS` divide, from 0."""
    return sum(bits >= edge for edge in STEPS)


def nats(bits: float) -> float:
    """Bits to nats."""
    return bits * math.log(2)


def perplexity(loss: float) -> float:
    """e^loss: among how many equally likely characters a model would be as unsure; infinite above 709 nats."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def finite(value: float) -> float | None:
    """`value` for JSON, which knows neither NaN nor infinity: None for those."""
    return value if math.isfinite(value) else None


def worse_than_uniform(loss: float, uniform: float) -> str | None:
    """A clause where `loss` is worse than that of giving every character the same chance; None where it isn't."""
    if loss <= uniform:
        return None
    return f"validation loss is worse than uniform ({loss:.3f} nats against {uniform:.3f}): lower --learning-rate"
