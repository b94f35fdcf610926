"""A minimal PyTorch sampler of characters, what `bench/sample_speed.py` compares with; needs torch alone.

python bench/torch_sampling.py make MODEL CELL LAYERS UNITS      random weights into the file MODEL
python bench/torch_sampling.py write MODEL LENGTH                text on standard output
python bench/torch_sampling.py steady CELL LAYERS UNITS STREAMS SECONDS    characters per second
"""

from __future__ import annotations

import sys
import time

import torch

VOCABULARY = 66
EMBEDDING = 64
CELLS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
TEMPERATURE = 0.8
LONGEST = 2_000  # steps timed at most


class Model(torch.nn.Module):
    def __init__(self, cell: str, layers: int, units: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, EMBEDDING)
        self.recurrent = CELLS[cell](EMBEDDING, units, layers, batch_first=True)
        self.dense = torch.nn.Linear(units, VOCABULARY)

    def forward(self, ids, state=None):
        outputs, state = self.recurrent(self.embedding(ids), state)
        return self.dense(outputs[:, -1]), state


def choose(logits: torch.Tensor) -> torch.Tensor:
    return torch.multinomial(torch.softmax(logits / TEMPERATURE, dim=-1), 1)


def write(path: str, length: int) -> None:
    saved = torch.load(path)
    model = Model(saved["cell"], saved["layers"], saved["units"])
    model.load_state_dict(saved["weights"])
    model.eval()
    with torch.inference_mode():
        ids, state = torch.zeros(1, 1, dtype=torch.long), None
        for _ in range(length):
            logits, state = model(ids, state)
            ids = choose(logits)
            print(chr(32 + ids.item()), end="", flush=True)
    print()


def steady(cell: str, layers: int, units: int, streams: int, seconds: float) -> float:
    model = Model(cell, layers, units).eval()
    with torch.inference_mode():
        ids, state = torch.zeros(streams, 1, dtype=torch.long), None
        steps, started = 0, time.perf_counter()
        warm = None
        while steps < LONGEST and (warm is None or time.perf_counter() - warm < seconds):
            logits, state = model(ids, state)
            ids = choose(logits)
            ids.tolist()
            steps += 1
            if warm is None and (steps == 50 or time.perf_counter() - started > seconds):
                steps, warm = 0, time.perf_counter()
    return streams * steps / (time.perf_counter() - warm)


def main() -> None:
    command, *arguments = sys.argv[1:]
    if command == "make":
        path, cell, layers, units = arguments
        weights = Model(cell, int(layers), int(units)).state_dict()
        torch.save({"cell": cell, "layers": int(layers), "units": int(units), "weights": weights}, path)
    elif command == "write":
        write(arguments[0], int(arguments[1]))
    else:
        cell, layers, units, streams, seconds = arguments
        print(steady(cell, int(layers), int(units), int(streams), float(seconds)), torch.__version__)


if __name__ == "__main__":
    main()
