"""The settings that need no tuning: what the recipe chooses where nothing was given, and why.

The numbers come from the study in `bench/` (`bench/RESULTS.md` has the tables, and what did not help).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seqmagic.config import DEFAULT_MINUTES, DecidedModel, DecidedTraining, ModelConfig, TrainConfig
from seqmagic.errors import CorpusError
from seqmagic.network.layout import LAYOUTS
from seqmagic.texts.record_streams import fitted_window, window_count

MINIMUM_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every setting decided, and the sentences that say how."""

    model: DecidedModel
    training: DecidedTraining
    notes: tuple[str, ...]


def fit_batch(characters: int, batch_size: int, sequence_length: int) -> tuple[int, int]:
    """The batch and window that a training part of `characters` can fill without reading a character twice.

    Windows give way last: a shorter one shortens what the model can learn to remember.
    """
    readable = max(1, characters - 1)
    sequence_length = min(sequence_length, readable)
    return max(1, min(batch_size, readable // sequence_length)), sequence_length


def shrink_to_text(training: DecidedTraining, characters: int) -> tuple[DecidedTraining, tuple[str, ...]]:
    """`training` with a batch that fits the text, and a notice with the numbers if it had to give way.

    Raises:
        CorpusError: the training part is too short to train on at all.
    """
    if characters < MINIMUM_CHARACTERS // 2:
        raise CorpusError(f"the training part has {characters} characters, too few to learn from; give a longer text")
    batch_size, sequence_length = training.batch_size, training.sequence_length
    fitted_batch, fitted_length = fit_batch(characters, batch_size, sequence_length)
    if (fitted_batch, fitted_length) == (batch_size, sequence_length):
        return training, ()
    notice = (
        f"the training part has {characters:,} characters, fewer than the {batch_size * sequence_length + 1:,} that "
        f"batch size {batch_size} and sequence length {sequence_length} read per step; "
        f"using batch size {fitted_batch} and sequence length {fitted_length}"
    )
    return dataclasses.replace(training, batch_size=fitted_batch, sequence_length=fitted_length), (notice,)


def record_batch(training: TrainConfig, lengths: np.ndarray, *, device: str = "cpu") -> tuple[int, int]:
    """The batch and window for records (R,): as many characters a step as otherwise, short records whole.

    What was asked for stays, but for a batch of more records than there are.
    """
    sequence_length = training.sequence_length or fitted_window(lengths, SEQUENCE_LENGTH)
    batch_size = training.batch_size or max(1, round(BATCH_SIZES[device] * SEQUENCE_LENGTH / sequence_length))
    return min(batch_size, len(lengths)), sequence_length


def padding_notes(lengths: np.ndarray, sequence_length: int) -> tuple[str, ...]:
    """What share of the windows only fills up the records (R,), in a sentence."""
    share = 1.0 - int(lengths.sum()) / (window_count(lengths, sequence_length) * sequence_length)
    return (f"{share:.0%} of each step fills up records to windows of {sequence_length} characters",)


def budget_of(training: TrainConfig) -> TrainConfig:
    """`training` with a budget: the given one, or the default minutes."""
    if training.minutes is None and training.epochs is None:
        return dataclasses.replace(training, minutes=DEFAULT_MINUTES)
    return training


# What follows was fitted to the studies in `bench/`: `recipe_knobs.py` on one text, `recipe_study.py` on texts of many
# kinds (tables in `bench/RESULTS.md`).

PEAK_RATES = {"lstm": 0.0126, "gru": 0.0084, "rnn": 0.0056}  # at 256 units, `RATED_BATCH` streams, few readings
RATED_BATCH = 16
SEVERAL_READINGS = 4.4  # of the training part; more of them bear a higher rate
MOST_FASTER = {"lstm": 1.4, "gru": 1.4, "rnn": 1.0}
BATCH_SIZES = {"cpu": 16, "gpu": 64}  # on a GPU a step of 64 streams takes no longer than one of 16
SEQUENCE_LENGTH = 64
WIDTHS = (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
ENOUGH_CHARACTERS = 2.5e6  # what 256 units must be able to read before they are worth having
SHARE_OF_PEAK = {"cpu": 0.75, "gpu": 0.55}  # of the machine's matrix-product speed that a training step reaches
# Each character of a window waits for the one before, forward and back: seconds that a layer takes for that, however
# few streams and units. It tells the LSTM and GRU steps of `bench/gpu.py` to a tenth.
SECONDS_IN_TURN = {"cpu": 0.0, "gpu": 65e-6}
MOST_DROPOUT = 0.5
MOST_WEIGHT_DECAY = 0.5
FEW_READINGS = 3.3  # of the training part; more of them ask for more regularisation
LEARNS_BY_HEART = {"rnn": 0.3, "gru": 1.0, "lstm": 1.0}  # how well each weight of a cell does that in ...
READINGS_TO_LEARN = 8.0  # ... so many readings or fewer; more of them let a cell that is slow at it catch up
CHARACTERS_FOR_DROPOUT = 256  # distinct ones whose output weights count for dropout; those of rare ones only decay


def peak_rate(cell: str, units: int, batch_size: int, *, readings: float) -> float:
    """Peak learning rate: lower for wider models, higher for larger batches and where a text is read many times."""
    often = min(MOST_FASTER[cell], max(1.0, (readings / SEVERAL_READINGS) ** 0.5))
    return float(f"{PEAK_RATES[cell] * often * (256 / units) ** 0.35 * (batch_size / RATED_BATCH) ** 0.5:.3g}")


def pressure_to_memorise(weights: float, *, characters: int, readings: float) -> float:
    """How easily a network could learn its text by heart: weights per character times readings^(3/4).

    1 is as many weights as characters, read as often as a short training does. An LSTM 1×256 on a million
    characters is at 0.35.

    Args:
        weights: How many the network has.
        characters: Length of the training part.
        readings: How often it is read.
    """
    return weights / characters * (readings / FEW_READINGS) ** 0.75


def memorising_weights(cell: str, weights: float, *, readings: float) -> float:
    """How many weights of an LSTM would learn by heart as well as the `weights` of a cell do."""
    return weights * min(1.0, LEARNS_BY_HEART[cell] * max(1.0, readings / READINGS_TO_LEARN) ** 0.5)


def chosen_dropout(pressure: float, *, readings: float) -> float:
    """Dropout: more under pressure, less where the text is not even read a few times."""
    if pressure <= 0.0:
        return 0.0
    dropout = min(MOST_DROPOUT, max(0.0, 0.16 + 0.085 * math.log2(pressure)))
    return round(dropout * min(1.0, readings / FEW_READINGS), 3)


def chosen_weight_decay(pressure: float) -> float:
    """Weight decay: what lets a small text be read fifty times without being learned by heart."""
    return float(f"{min(MOST_WEIGHT_DECAY, 0.09 * pressure**0.55):.2g}")


def chosen_units(readable: Callable[[int], float], characters: int) -> int:
    """The widest layer that the budget can feed and the text can fill.

    Args:
        readable: From units to the characters that a model of that width reads within the budget.
        characters: Length of the training part. A text much shorter than the square of the width is
            learned by heart whatever the dropout.
    """
    fed = [units for units in WIDTHS if readable(units) >= ENOUGH_CHARACTERS * (units / 256) ** 0.33]
    filled = [units for units in WIDTHS if units <= 0.8 * characters**0.5]
    return max(WIDTHS[0], min(max(fed, default=0), max(filled, default=0)))


def products_per_character(cell: str, *, units: int, layers: int, vocabulary_size: int) -> int:
    """The weights that one character is multiplied with: all of the network's but the embedding and what it feeds."""
    return len(LAYOUTS[cell].gates) * units * units * (2 * layers - 1) + units * vocabulary_size


def make_plan(
    model: ModelConfig,
    training: TrainConfig,
    *,
    characters: int,
    vocabulary_size: int,
    device: str,
    measure_flops: Callable[[], float],
    record_lengths: np.ndarray | None = None,
) -> Plan:
    """Decide what was left open.

    Args:
        model, training: What was asked for; `None` where nothing was said.
        characters: Length of the training part.
        vocabulary_size: Ids, the unknown one included.
        device: "cpu" or "gpu".
        measure_flops: Measures the machine's matrix products, in float32 operations per second; called
            only if a decision depends on it.
        record_lengths: (R,) characters of each record of the training part, its end included, where it is records.
    """
    training = budget_of(training)
    layers = model.layers or 1
    if record_lengths is None:
        batch_size, sequence_length = (
            training.batch_size or BATCH_SIZES[device],
            training.sequence_length or SEQUENCE_LENGTH,
        )
    else:
        batch_size, sequence_length = record_batch(training, record_lengths, device=device)
    speed = 0.0
    open_ones = (model.units, model.dropout, training.weight_decay, training.learning_rate)
    if training.minutes is not None and None in open_ones:
        speed = SHARE_OF_PEAK[device] * measure_flops()

    def readable(units: int, cell: str = "lstm") -> float:
        if training.epochs is not None:
            return training.epochs * characters
        if not speed:  # nothing depends on it
            return 0.0
        # three products for each weight (output, gradient of the input, gradient of the weight), a multiplication
        # and an addition each
        cost = 6.0 * products_per_character(cell, units=units, layers=layers, vocabulary_size=vocabulary_size)
        waiting = layers * SECONDS_IN_TURN[device] / batch_size  # seconds a character
        return 60.0 * (training.minutes or 0.0) / (cost / speed + waiting)

    # By what an LSTM can read, whatever the cell: a simpler one of the same width is no better for being
    # wider, though it could afford to be.
    units = model.units or chosen_units(readable, characters)
    readings = readable(units, model.cell) / characters

    def pressure(characters_that_count: int) -> float:
        weights = products_per_character(
            model.cell, units=units, layers=layers, vocabulary_size=min(vocabulary_size, characters_that_count)
        )
        weights_that_count = memorising_weights(model.cell, weights, readings=readings)
        return pressure_to_memorise(weights_that_count, characters=characters, readings=readings)

    dropout = model.dropout
    if dropout is None:
        dropout = chosen_dropout(pressure(CHARACTERS_FOR_DROPOUT), readings=readings)
    weight_decay = training.weight_decay
    if weight_decay is None:
        weight_decay = chosen_weight_decay(pressure(vocabulary_size))
    rate_batch = batch_size
    if record_lengths is not None:
        rate_batch = max(1, round(batch_size * sequence_length / SEQUENCE_LENGTH))
    notes: tuple[str, ...] = ()
    if model.units is None:
        means = f"at {speed / 1e9:,.0f} GFLOP/s" if speed else "as asked"
        notes = (
            f"chose {units} units and dropout {dropout:g}: the text can be read about {readings:.1f} times {means}",
        )
    decided_model = DecidedModel(**{**model.to_json(), "units": units, "layers": layers, "dropout": dropout})
    decided_training = DecidedTraining(
        **{
            **training.to_json(),
            "batch_size": batch_size,
            "sequence_length": sequence_length,
            "learning_rate": training.learning_rate or peak_rate(model.cell, units, rate_batch, readings=readings),
            "weight_decay": weight_decay,
        }
    )
    if record_lengths is None:
        fitted, notices = shrink_to_text(decided_training, characters)
    else:
        fitted, notices = decided_training, padding_notes(record_lengths, sequence_length)
    return Plan(model=decided_model, training=fitted, notes=(*notes, *notices))
