"""Writes text with the recurrent network in model.npz. Needs Python and NumPy alone: python sample.py --help

It reads model.safetensors as well, for which it needs the package safetensors too.

The network reads a text character by character. What it has read stays in a state: h, and for an LSTM
also c. After each character it gives every character of its vocabulary a number, the logit, for how well
it would come next. To write is to choose one of them, to read it, and to go on.

Letters as in most articles: W kernel (what comes from below), U recurrent kernel (what comes from the
step before), b bias. A gate is a vector of numbers from 0 to 1. The gates of a layer stand side by side
in W, U and b, so one product serves all of them. Equations and order are those of Keras.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

UNKNOWN = 0  # the id of every character that is not in the vocabulary; read like any other, never written

State = tuple[np.ndarray, ...]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), in a form that can't overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def rnn_step(x: np.ndarray, state: State, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> State:
    """The simple recurrent cell (Elman 1990): the new state is a mix of the input and the old state."""
    (h,) = state
    h = np.tanh(x @ W + h @ U + b)
    return (h,)


def lstm_step(x: np.ndarray, state: State, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> State:
    """The LSTM (Hochreiter & Schmidhuber 1997, Gers et al. 2000): gates guard a memory c."""
    h, c = state
    to_input, to_forget, to_candidate, to_output = np.split(x @ W + h @ U + b, 4)
    input_gate = sigmoid(to_input)  #         how much of the candidate is written into c
    forget_gate = sigmoid(to_forget)  #       how much of c is kept (1 keeps all)
    candidate = np.tanh(to_candidate)  #      what could be written
    output_gate = sigmoid(to_output)  #       how much of c is shown
    c = forget_gate * c + input_gate * candidate
    h = output_gate * np.tanh(c)
    return h, c


def gru_step(x: np.ndarray, state: State, W: np.ndarray, U: np.ndarray, b: np.ndarray) -> State:
    """The GRU (Cho et al. 2014), the reset after the product as in Keras and cuDNN: h is the memory itself.

    In many articles the first gate, z, writes; here it keeps: h = keep*h + (1 - keep)*candidate.
    """
    (h,) = state
    x_keep, x_reset, x_candidate = np.split(x @ W + b[0], 3)
    h_keep, h_reset, h_candidate = np.split(h @ U + b[1], 3)
    keep = sigmoid(x_keep + h_keep)  #                     how much of the old state stays
    reset = sigmoid(x_reset + h_reset)  #                  how much of it the candidate sees
    candidate = np.tanh(x_candidate + reset * h_candidate)
    h = keep * h + (1 - keep) * candidate
    return (h,)


STEPS = {"rnn": rnn_step, "lstm": lstm_step, "gru": gru_step}
ARRAYS_OF_STATE = {"rnn": 1, "lstm": 2, "gru": 1}  # h; h and c; h


def read_file(path: Path) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
    """The arrays, the cell of each layer and the characters, that of id 1 first, in an .npz or .safetensors file."""
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            described = file.metadata()
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        return arrays, json.loads(described["cells"]), json.loads(described["characters"])
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    characters = [chr(point) for point in arrays.pop("characters")]
    return arrays, [str(cell) for cell in arrays.pop("cells")], characters


class Model:
    """The weights and the vocabulary in a file. It has no memory of its own: states are passed in."""

    def __init__(self, path: Path) -> None:
        arrays, self.cells, self.characters = read_file(path)
        self.ids = {character: number for number, character in enumerate(self.characters, 1)}
        self.start = "\n" if "\n" in self.ids else self.characters[0]  # read where there is no prompt
        weights = {name: array.astype(np.float32) for name, array in arrays.items()}
        self.embedding = weights["embedding"]  # (vocabulary, E): a vector for each id
        self.layers = [
            (weights[f"kernel_{n}"], weights[f"recurrent_kernel_{n}"], weights[f"bias_{n}"])
            for n in range(1, len(self.cells) + 1)
        ]
        self.dense_kernel, self.dense_bias = weights["dense_kernel"], weights["dense_bias"]

    def empty_states(self) -> list[State]:
        """Nothing read yet: zeros."""
        return [
            tuple(np.zeros(len(U), np.float32) for _ in range(ARRAYS_OF_STATE[cell]))
            for cell, (_, U, _) in zip(self.cells, self.layers, strict=True)
        ]

    def read(self, character_id: int, states: list[State]) -> tuple[np.ndarray, list[State]]:
        """Read one character: the logits of the next one, (vocabulary,), and the new states."""
        x = self.embedding[character_id]
        new_states = []
        for cell, (W, U, b), state in zip(self.cells, self.layers, states, strict=True):
            state = STEPS[cell](x, state, W, U, b)
            new_states.append(state)
            x = state[0]  # h is what the layer above reads
        return x @ self.dense_kernel + self.dense_bias, new_states

    def encode(self, text: str) -> list[int]:
        return [self.ids.get(character, UNKNOWN) for character in text]


def choose(logits: np.ndarray, temperature: float, random: np.random.Generator) -> int:
    """The id to write: the likeliest at temperature 0 (under 1e-6), else drawn from softmax(logits / temperature)."""
    known = logits[UNKNOWN + 1 :].astype(np.float64)
    if temperature < 1e-6:
        return UNKNOWN + 1 + int(np.argmax(known))
    weights = np.exp((known - known.max()) / temperature)
    edges = np.cumsum(weights)
    return UNKNOWN + 1 + int(np.searchsorted(edges, random.random() * edges[-1], side="right"))


def write(model: Model, prompt: str, length: int, temperature: float, seed: int) -> Iterator[str]:
    """Read `prompt` (an empty one stands for a line break), then write `length` characters, one after another."""
    random = np.random.default_rng(seed)
    states = model.empty_states()
    for character_id in model.encode(prompt or model.start):
        logits, states = model.read(character_id, states)
    for _ in range(length):
        chosen = choose(logits, temperature, random)
        yield model.characters[chosen - 1]
        logits, states = model.read(chosen, states)


def nats(model: Model, ids: Iterable[int]) -> list[float]:
    """-ln p of each character but the first, as the network foresaw it while reading."""
    surprises: list[float] = []
    logits, states = None, model.empty_states()
    for character_id in ids:
        if logits is not None:
            exact = logits.astype(np.float64)
            highest = exact.max()
            surprises.append(float(np.log(np.exp(exact - highest).sum()) + highest - exact[character_id]))
        logits, states = model.read(character_id, states)
    return surprises


def say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="Write text with the model beside this script.")
    parser.add_argument("--prompt", default="", help="text to go on from (default: a line break)")
    parser.add_argument("--length", type=int, default=500, help="characters to write (default: 500)")
    parser.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest (default: 0.8)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another text (default: 1)")
    parser.add_argument("--score", metavar="TEXT", help="write nothing; say how well the model foresees TEXT")
    given = parser.parse_args()
    if given.temperature < 0 or given.length < 0 or given.seed < 0:
        parser.error("--temperature, --length and --seed can't be below 0")
    files = [Path(__file__).with_name(name) for name in ("model.npz", "model.safetensors")]
    model = Model(next((file for file in files if file.exists()), files[0]))
    if given.score is not None:
        if len(given.score) < 2:
            parser.error("--score needs two characters or more: the first is read, the others are foreseen")
        loss = float(np.mean(nats(model, model.encode(given.score))))
        say(f"loss {loss:.4f} nats, {loss / np.log(2):.4f} bits per character\n")
        return
    say(given.prompt)
    for character in write(model, given.prompt, given.length, given.temperature, given.seed):
        say(character)
    say("\n")


if __name__ == "__main__":
    main()
