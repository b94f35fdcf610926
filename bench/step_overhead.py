"""What a training spends outside its engine: the engine alone, one step a call and several, in alternation.

    python bench/step_overhead.py [--cells rnn lstm gru] [--size 1x256] [--rounds 40]

The recipe's batch 16 and sequence length 64 on two threads; a random text of 65 characters. Each turn takes as many
steps as a training takes in one call:

- engine: losses and gradients, the shards' added, in a loop of TensorFlow's; no clipping, no update, no Python;
- update: clipping and Adam alone, likewise;
- one: `take_steps` with one step a call, which waits for its loss;
- several: `take_steps` with all of them in one.

Milliseconds per step are medians. A share outside the engine is 1 - engine / one, or several: the median over the
rounds, each of which compares what ran within the same tenths of a second.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seqmagic.config import CELLS, DataConfig, DecidedModel, DecidedTraining
from seqmagic.texts.corpus import read_corpus
from seqmagic.training.device import start_tensorflow
from seqmagic.training.pace import CALL_SECONDS, MOST_STEPS
from seqmagic.training.recipe import BATCH_SIZES, SEQUENCE_LENGTH, Plan

VOCABULARY, EMBEDDING, RATE = 65, 64, 1e-3
Turn = Callable[[], None]


def make_session(cell: str, layers: int, units: int, threads: int) -> Any:
    """A training on noise; the time of a step does not depend on what it reads."""
    import numpy as np

    from seqmagic.training.session import Session

    ids = np.random.default_rng(1).integers(0, VOCABULARY, 300_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.txt"
        path.write_text("".join(chr(0x30 + number) for number in ids))
        corpus = read_corpus(str(path), DataConfig())
    plan = Plan(
        model=DecidedModel(cell=cell, units=units, layers=layers, embedding=EMBEDDING, dropout=0.1),
        training=DecidedTraining(
            epochs=1,
            batch_size=BATCH_SIZES["cpu"],
            sequence_length=SEQUENCE_LENGTH,
            learning_rate=RATE,
            weight_decay=0.05,
        ),
        notes=(),
    )
    return Session(corpus, plan, threads=threads)


def make_turns(session: Any, count: int) -> dict[str, Turn]:
    """What is compared, each as a function that takes `count` steps and waits for them."""
    import tensorflow as tf

    from seqmagic.training.step import Adam, update

    engine, weights = session.engine, [tf.constant(weight) for weight in session.state.weights]
    ids, targets, _, _ = session._reader.inputs(1, 1)
    window = tf.constant(ids[0]), tf.constant(targets[0])
    gradients = [tf.ones_like(weight) for weight in weights]
    adam = Adam(session.model.trainable_weights, weight_decay=0.05)
    adam.variables = [tf.Variable(weight) for weight in weights]

    @tf.function
    def engine_alone(states: Any) -> Any:
        def take(number: Any, _: Any, gradients: Any, states: Any) -> Any:
            return number + 1, *engine.loss_and_gradients(weights, *window, states, number)

        return tf.while_loop(lambda number, *_: number < count, take, (0, 0.0, gradients, states))[1]

    @tf.function
    def update_alone() -> Any:
        def take(number: Any, _: Any) -> Any:
            return number + 1, update(adam, gradients, 1024.0, tf.constant(1e-9), clip_norm=1.0)

        return tf.while_loop(lambda number, _: number < count, take, (0, 0.0))[1]

    return {
        "engine": lambda: float(engine_alone(session.state.carried)),
        "update": lambda: float(update_alone()),
        "one": lambda: [session.take_steps([RATE]) for _ in range(count)],
        "several": lambda: session.take_steps([RATE] * count),
    }


def measure(turns: dict[str, Turn], *, rounds: int, count: int) -> dict[str, list[float]]:
    """Milliseconds per step of each turn of each, after two that warm up."""
    found: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 2):
        for name, turn in turns.items():
            started = time.perf_counter()
            turn()
            if number >= 2:
                found[name].append(1e3 * (time.perf_counter() - started) / count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["rnn", "lstm", "gru"], choices=CELLS)
    parser.add_argument("--size", default="1x256", help="layers x units")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    start_tensorflow(arguments.threads)
    layers, units = map(int, arguments.size.split("x"))
    print("| | steps a call | engine | update | one | several | outside, one | outside, several | several : one |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for cell in arguments.cells:
        session = make_session(cell, layers, units, arguments.threads)
        session.compile()
        seconds = min(session.take_steps([RATE]) and session.seconds_per_step for _ in range(20))
        count = max(1, min(MOST_STEPS, int(CALL_SECONDS / seconds)))
        times = measure(make_turns(session, count), rounds=arguments.rounds, count=count)
        medians = [f"{statistics.median(values):.2f}" for values in times.values()]
        shares = [
            1.0 - statistics.median(map(float.__truediv__, times["engine"], times[name])) for name in ("one", "several")
        ]
        gain = statistics.median(map(float.__truediv__, times["one"], times["several"]))
        outside = [f"{share:.1%}" for share in shares]
        print("|", " | ".join([f"{cell} {arguments.size}", str(count), *medians, *outside, f"{gain:.2f}"]), "|")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
