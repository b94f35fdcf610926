"""One training in memory: the model, its engine and the streams; what it has reached is in its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from seqmagic.config import DecidedTraining, SampleConfig
from seqmagic.evaluation.evaluation import LONGEST_WINDOW, Score, score_text
from seqmagic.network.network import Network
from seqmagic.sampling.prompts import begin_record, fit_prompt
from seqmagic.sampling.writer import write_text
from seqmagic.texts.corpus import Corpus
from seqmagic.texts.record_streams import RecordStreams, fitted_window, record_lengths
from seqmagic.texts.records import first_records, last_records, record_end
from seqmagic.texts.streams import Streams
from seqmagic.training.distribution import Distribution
from seqmagic.training.engines.choose import Engine, make_engine
from seqmagic.training.inputs import InputReader
from seqmagic.training.model import build_model
from seqmagic.training.pauses import working_seconds
from seqmagic.training.recipe import Plan
from seqmagic.training.state import TrainingState
from seqmagic.training.step import Adam, make_steps

SAMPLE_LENGTH = 240
SAMPLE_TEMPERATURE = 0.8
TRAIN_SCORE_CHARACTERS = 100_000
PROBE_CHARACTERS = 32_769  # enough for `evaluate` to use all its streams, so that it compiles what it will run


class EngineScorer:
    """An engine as `evaluation.evaluate` wants it: nats per character, without dropout."""

    def __init__(self, engine: Engine, variables: Sequence[Any]) -> None:
        self._engine = engine

        @tf.function(reduce_retracing=True)
        def score(ids: tf.Tensor, targets: tf.Tensor, states: Any) -> Any:
            return engine.score([variable.value.read_value() for variable in variables], ids, targets, states)

        self._score = score

    def initial_states(self, batch: int) -> Any:
        return self._engine.initial_states(batch)

    def __call__(self, inputs: np.ndarray, targets: np.ndarray, states: Any) -> tuple[np.ndarray, Any]:
        nats, states = self._score(tf.constant(inputs, tf.int32), tf.constant(targets, tf.int32), states)
        return nats.numpy(), states


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """The engine that a training ran on, for one that goes on with it; as `make_engine` takes them."""

    name: str
    precision: str


def make_streams(corpus: Corpus, training: DecidedTraining, *, rows: slice = slice(None)) -> Streams | RecordStreams:
    """The streams in which the training part is read; `rows` are those that are read here."""
    train, batch_size, sequence_length = corpus.part("train"), training.batch_size, training.sequence_length
    if corpus.boundary is None:
        return Streams(train, batch_size, sequence_length, rows=rows)
    return RecordStreams(
        train, corpus.boundary, batch_size=batch_size, sequence_length=sequence_length, seed=training.seed, rows=rows
    )


class Session:
    """What a training is made of, and the few things that one can do with it.

    Attributes:
        model: The Keras model; its variables are what the steps move.
        state: What has been reached so far; it alone changes from step to step.
        seconds_per_step: What a step of the last call took; 0 before there was one.
    """

    def __init__(
        self,
        corpus: Corpus,
        plan: Plan,
        *,
        threads: int,
        engine: EngineRequest | None = None,
        distribution: Distribution | None = None,
    ) -> None:
        training = plan.training
        self.distribution = distribution or Distribution()
        batch_size, sequence_length = training.batch_size, training.sequence_length
        self.corpus = corpus
        self.seed = training.seed
        self.prompt = training.prompt
        if self.prompt is not None:
            fitted, _ = fit_prompt(self.prompt, corpus.vocabulary)  # what can't be read is said now, not minutes later
            if (end := record_end(corpus.config)) is not None:
                begin_record(fitted, end)
        rows = self.distribution.rows(batch_size)
        self.distribution.order(
            "build",
            model=plan.model.to_json(),
            training=training.to_json(),
            engine=None if engine is None else asdict(engine),
        )
        with self.distribution.scope():
            self.model = build_model(plan.model, vocabulary_size=corpus.vocabulary.size, seed=training.seed)
            optimizer = Adam(self.model.trainable_weights, weight_decay=training.weight_decay)
        self.cell = plan.model.cell
        self.engine = make_engine(
            engine.name if engine else training.engine,
            model=self.model,
            config=plan.model,
            vocabulary_size=corpus.vocabulary.size,
            batch_size=batch_size // self.distribution.replicas,
            threads=threads,
            precision=engine.precision if engine else training.precision,
            why="as before" if engine else "as asked",
        )
        self.streams = make_streams(corpus, training, rows=rows)
        self._reader = InputReader(
            self.streams,
            seed=self.seed,
            # a record begins with an empty state, and is not forgotten before its end
            reset_probability=training.reset_probability if corpus.boundary is None else 0.0,
        )
        carried = self.distribution.place_states(self.engine.initial_states(rows.stop - rows.start))
        self.state = TrainingState(optimizer=optimizer, carried=carried, distribution=self.distribution)
        self._step_function = make_steps(
            self.engine.loss_and_gradients,
            optimizer,
            clip_norm=training.clip_norm,
            states=self.state.carried,
            sequence_length=sequence_length,
            has_gaps=corpus.boundary is not None,
            spread=self.distribution.spread,
        )
        self._scorer = EngineScorer(self.engine, self.model.trainable_weights)
        self._record_window: int | None = None
        if corpus.boundary is not None:
            lengths = record_lengths(corpus.part("validation"), corpus.boundary)
            self._record_window = fitted_window(lengths, LONGEST_WINDOW)
        self.seconds_per_step = 0.0
        self.characters_per_step = self.streams.characters_per_step
        self.steps_per_epoch = len(corpus.part("train")) / self.characters_per_step

    def compile(self) -> float:
        """Compile the step and the evaluation, by running them; the state stays as it is, and is that of all workers.

        Returns:
            The seconds that one evaluation of the validation part takes.
        """
        self.distribution.order("compile")
        self.compile_steps()
        self.distribution.share_weights(self.state.variables)
        self.distribution.order("begin", step=self.state.step)
        validation = self.corpus.part("validation")
        boundary = self.corpus.boundary
        piece = (
            validation[:PROBE_CHARACTERS] if boundary is None else first_records(validation, boundary, PROBE_CHARACTERS)
        )
        self.score(piece)
        started = working_seconds()
        self.score(piece)
        return (working_seconds() - started) * len(validation) / len(piece)

    def compile_steps(self) -> None:
        """Compile the step, by running one that moves nothing."""
        slots = self.state.optimizer.slots
        before = [slot.numpy() for slot in slots]
        self._run_steps(0, [0.0])
        for slot, value in zip(slots, before, strict=True):
            slot.assign(value)

    def _run_steps(self, first: int, learning_rates: Sequence[float]) -> tuple[tf.Tensor, tf.Tensor, Any]:
        """The steps from number `first` on, one for each learning rate."""
        inputs = self._reader.inputs(first, len(learning_rates))
        ids, targets, keep = (self.distribution.place(array, axis=1) for array in inputs[:3])
        seeds, rates = tf.constant(inputs.seeds), tf.constant(learning_rates, tf.float32)
        carried = self.state.carried
        return self.distribution.called(lambda: self._step_function(ids, targets, keep, carried, seeds, rates))

    def take_steps(self, learning_rates: Sequence[float]) -> tuple[list[float], list[float]]:
        """Steps along the streams, one for each learning rate, in one call.

        Returns:
            Of each step the mean loss of its window in nats per character, and the length of its gradient. Where one
            of them is not finite the training has diverged: that step was the last one taken, and left the weights as
            they were.
        """
        state = self.state
        self.distribution.order("step", learning_rates=list(learning_rates))
        started = working_seconds()
        losses, norms, state.carried = self._run_steps(state.step, learning_rates)
        found = losses.numpy().tolist(), norms.numpy().tolist()
        self.seconds_per_step = (working_seconds() - started) / len(found[0])
        state.step += len(found[0])
        state.step_seconds += working_seconds() - started
        return found

    def score(self, ids: np.ndarray) -> Score:
        """The exact loss of `ids`, (n,), read from an empty memory."""
        return score_text(self._scorer, ids, self.corpus.boundary, window=self._record_window)

    def validation_score(self) -> Score:
        """The exact loss of the validation part."""
        return self.score(self.corpus.part("validation"))

    @property
    def train_score_length(self) -> int:
        """Characters that `train_score` reads."""
        return min(len(self.corpus.part("train")), len(self.corpus.part("validation")), TRAIN_SCORE_CHARACTERS)

    def train_score(self) -> Score:
        """The loss of the end of the training part, without dropout: what validation compares with."""
        train, boundary = self.corpus.part("train"), self.corpus.boundary
        if boundary is not None:
            return self.score(last_records(train, boundary, self.train_score_length))
        return self.score(train[-self.train_score_length :])

    def sample(self, weights: Sequence[np.ndarray]) -> str:
        """What a model with these weights writes after the prompt; always with the same random numbers."""
        config = SampleConfig(length=SAMPLE_LENGTH, temperature=SAMPLE_TEMPERATURE, seed=self.seed)
        network = Network.from_weights(self.cell, weights)
        end = record_end(self.corpus.config)
        return write_text(network, self.corpus.vocabulary, config, self.prompt, record_end=end)

    @property
    def epoch(self) -> float:
        """Readings of the training part so far."""
        return self.state.step / self.steps_per_epoch

    @property
    def characters_per_second(self) -> float:
        """Characters read per second of training steps alone."""
        return self.characters / self.state.step_seconds if self.state.step_seconds else 0.0

    @property
    def characters(self) -> int:
        """Characters read in training steps."""
        return round(self.state.step * self.characters_per_step)
