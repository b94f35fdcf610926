"""The plan: what was given stays, what was open is decided, what does not fit the text gives way aloud."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.config import CELLS, DEFAULT_MINUTES, ModelConfig, TrainConfig
from seqmagic.errors import CorpusError
from seqmagic.training.recipe import (
    Plan,
    chosen_dropout,
    chosen_weight_decay,
    fit_batch,
    make_plan,
    memorising_weights,
    peak_rate,
    pressure_to_memorise,
    products_per_character,
    shrink_to_text,
)


@given(st.integers(2, 10**6), st.integers(1, 512), st.integers(1, 512))
def test_a_fitted_batch_reads_no_character_twice(characters: int, batch: int, length: int) -> None:
    fitted_batch, fitted_length = fit_batch(characters, batch, length)
    assert 1 <= fitted_batch <= batch and 1 <= fitted_length <= length
    assert fitted_batch * fitted_length <= characters - 1
    if characters - 1 >= batch * length:
        assert (fitted_batch, fitted_length) == (batch, length)


def test_the_notice_gives_the_numbers() -> None:
    training, notices = shrink_to_text(TrainConfig(batch_size=16, sequence_length=64), 500)
    assert (training.batch_size, training.sequence_length) == (7, 64)
    assert len(notices) == 1
    for number in ("500", "1,025", "batch size 7", "sequence length 64"):
        assert number in notices[0]
    assert shrink_to_text(TrainConfig(batch_size=16, sequence_length=64), 1025)[1] == ()


def test_too_short_a_training_part_is_refused() -> None:
    with pytest.raises(CorpusError, match="99 characters"):
        shrink_to_text(TrainConfig(batch_size=1, sequence_length=8), 99)


def plan(
    model: ModelConfig, training: TrainConfig, *, characters: int = 10**6, flops: float = 2e11, device: str = "cpu"
) -> Plan:
    return make_plan(
        model, training, characters=characters, vocabulary_size=65, device=device, measure_flops=lambda: flops
    )


@pytest.mark.parametrize("cell", CELLS)
def test_every_open_setting_is_decided(cell: str) -> None:
    decided = plan(ModelConfig(cell=cell), TrainConfig())
    for config in (decided.model, decided.training):
        undecided = [name for name, value in config.to_json().items() if value is None]
        assert set(undecided) <= {"epochs", "threads", "prompt", "patience"}
    assert decided.training.minutes == DEFAULT_MINUTES
    assert str(decided.model.units) in decided.notes[0]


def test_what_was_given_stays_and_nothing_is_measured() -> None:
    def must_not_be_called() -> float:
        raise AssertionError

    model = ModelConfig(cell="gru", units=77, layers=3, embedding=5, dropout=0.4)
    training = TrainConfig(minutes=2, batch_size=9, sequence_length=33, learning_rate=0.123, weight_decay=0.5)
    decided = make_plan(
        model, training, characters=10**6, vocabulary_size=65, device="cpu", measure_flops=must_not_be_called
    )
    found = (decided.model.to_json(), decided.training.to_json(), decided.notes)
    assert found == (model.to_json(), training.to_json(), ())
    make_plan(
        ModelConfig(), TrainConfig(epochs=1), characters=10**6, vocabulary_size=65, device="cpu",
        measure_flops=must_not_be_called,
    )  # fmt: skip


def test_more_time_or_a_faster_machine_gives_a_wider_model() -> None:
    by_time = [plan(ModelConfig(), TrainConfig(minutes=minutes)).model.units for minutes in (0.2, 1, 3, 10, 60)]
    by_speed = [plan(ModelConfig(), TrainConfig(minutes=3), flops=flops).model.units for flops in (2e10, 2e11, 2e12)]
    for widths in (by_time, by_speed):
        assert widths == sorted(widths) and len(set(widths)) >= 3


def test_a_gpu_gets_more_streams_and_is_known_to_wait_for_each_character() -> None:
    """The plan for one minute on the card of bench/RESULTS.md, by its product of 360 TFLOP/s."""
    minute = TrainConfig(minutes=1)
    decided = plan(ModelConfig(), minute, flops=3.6e14, device="gpu")
    assert decided.training.batch_size == 64 > plan(ModelConfig(), minute).training.batch_size
    # a layer's 65 microseconds for each of the 64 streams' characters: 59 million of them in a minute, at most
    readings = float(re.search(r"about ([0-9.]+) times", decided.notes[0])[1])
    assert 45 < readings < 59
    assert decided.model.units >= 512 and decided.model.dropout > 0.3
    deeper = plan(ModelConfig(layers=2), minute, flops=3.6e14, device="gpu")
    assert 0.4 * readings < float(re.search(r"about ([0-9.]+) times", deeper.notes[0])[1]) < 0.6 * readings


def test_a_short_text_gets_a_narrow_model_and_a_large_vocabulary_takes_its_share() -> None:
    short, long = (plan(ModelConfig(), TrainConfig(minutes=3), characters=n).model.units for n in (20_000, 10**7))
    assert short is not None and long is not None and short < long
    costs = [products_per_character("lstm", units=256, layers=1, vocabulary_size=v) for v in (65, 5000)]
    assert costs[1] > 4 * costs[0]


@given(st.floats(1e-6, 1e6), st.floats(0.01, 1e4))
def test_regularisation_grows_with_pressure_and_readings(pressure: float, readings: float) -> None:
    dropout = chosen_dropout(pressure, readings=readings)
    assert 0.0 <= dropout <= chosen_dropout(2 * pressure, readings=2 * readings) <= 0.5
    assert 0.0 <= chosen_weight_decay(pressure) <= chosen_weight_decay(2 * pressure) <= 0.5


@given(st.integers(1, 10**8), st.integers(1, 10**8), st.floats(1e-3, 1e4))
def test_pressure_is_of_weights_per_character(weights: int, characters: int, readings: float) -> None:
    pressure = pressure_to_memorise(weights, characters=characters, readings=readings)
    assert pressure_to_memorise(2 * weights, characters=characters, readings=readings) == pytest.approx(2 * pressure)
    assert pressure_to_memorise(weights, characters=characters, readings=16 * readings) == pytest.approx(8 * pressure)


def test_dropout_by_hand() -> None:
    assert chosen_dropout(1.0, readings=3.3) == 0.16
    assert chosen_dropout(4.0, readings=3.3) == 0.33  # two doublings, 0.085 each
    assert chosen_dropout(4.0, readings=0.33) == 0.033  # a tenth of the readings
    assert chosen_dropout(0.1, readings=100) == 0.0 == chosen_dropout(0.0, readings=100)
    assert chosen_dropout(1e9, readings=100) == 0.5


def test_weight_decay_by_hand() -> None:
    assert chosen_weight_decay(1.0) == 0.09
    assert chosen_weight_decay(4.0) == 0.19  # 4^0.55 is 2.14
    assert chosen_weight_decay(1e9) == 0.5


@pytest.mark.parametrize(
    ("units", "characters", "readings", "decay"),
    [(256, 10**6, 3.3, 0.05), (512, 10**6, 3.3, 0.1)],
)
def test_weight_decay_is_near_what_the_study_found(units: int, characters: int, readings: float, decay: float) -> None:
    """The best rows of bench/RESULTS.md."""
    decided = plan(ModelConfig(units=units), TrainConfig(epochs=readings), characters=characters)
    assert decided.training.weight_decay == pytest.approx(decay, rel=0.2)


def test_a_large_vocabulary_asks_for_weight_decay_and_not_for_dropout() -> None:
    """Tang poems in bench/RESULTS.md: thousands of distinct characters, most of them rare."""

    def decided(vocabulary_size: int) -> Plan:
        return make_plan(
            ModelConfig(units=256), TrainConfig(epochs=3.3), characters=240_000, vocabulary_size=vocabulary_size,
            device="cpu", measure_flops=lambda: 0.0,
        )  # fmt: skip

    assert decided(65).model.dropout < decided(256).model.dropout == decided(5000).model.dropout
    assert decided(256).training.weight_decay < decided(5000).training.weight_decay


def test_an_rnn_learns_by_heart_late() -> None:
    """The best of bench/RESULTS.md: little of both regularisers up to ten readings, much at seventy (alice)."""
    assert [memorising_weights(cell, 1000.0, readings=8.0) for cell in ("rnn", "gru", "lstm")] == [300, 1000, 1000]
    assert [memorising_weights("rnn", 1000.0, readings=n) for n in (0.1, 32.0, 1e6)] == [300, 600, 1000]
    assert memorising_weights("lstm", 1000.0, readings=1e6) == 1000
    often = plan(ModelConfig(cell="rnn", units=256), TrainConfig(epochs=72), characters=118_784)
    assert often.model.dropout == pytest.approx(0.38, abs=0.03)
    assert often.training.weight_decay == pytest.approx(0.24, abs=0.03)


def test_peak_rate_by_hand() -> None:
    assert peak_rate("lstm", 256, 16, readings=1) == 0.0126 == peak_rate("lstm", 256, 16, readings=4)
    assert peak_rate("lstm", 256, 64, readings=1) == 0.0252  # four times the batch, twice the rate
    assert peak_rate("gru", 512, 16, readings=1) == pytest.approx(0.0084 * 0.5**0.35, rel=2e-3)


def test_a_text_that_is_read_many_times_bears_a_higher_rate() -> None:
    """The best of bench/RESULTS.md: python-docs, tunes, alice."""
    assert [peak_rate("lstm", 256, 16, readings=readings) for readings in (9, 28, 1e9)] == [0.0176, 0.0176, 0.0176]
    assert peak_rate("rnn", 256, 16, readings=70) == 0.0056
    by_plan = [plan(ModelConfig(units=256), TrainConfig(epochs=n)).training.learning_rate for n in (1, 5, 6, 40)]
    assert by_plan == sorted(by_plan) and by_plan[0] < by_plan[1] < by_plan[2] < by_plan[3]
