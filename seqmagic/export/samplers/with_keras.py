"""Writes text with model.keras. Needs Keras and one of its backends: python sample.py --help"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow, where it is the backend, would greet
import keras
import numpy as np

parser = argparse.ArgumentParser(description="Write text with model.keras.")
parser.add_argument("--prompt", default="", help="text to go on from (default: a line break)")
parser.add_argument("--length", type=int, default=500, help="characters to write (default: 500)")
parser.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest (default: 0.8)")
parser.add_argument("--seed", type=int, default=1, help="another seed, another text (default: 1)")
given = parser.parse_args()


def say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


model = keras.saving.load_model(Path(__file__).with_name("model.keras"), compile=False)
known = json.loads(Path(__file__).with_name("vocabulary.json").read_text(encoding="utf-8"))["characters"]
ids = {character: number for number, character in enumerate(known, 1)}  # 0 stands for every other character
start = "\n" if "\n" in ids else known[0]
embedding, dense = model.get_layer(index=1), model.get_layer(index=-1)
cells = [layer.cell for layer in model.layers if hasattr(layer, "cell")]  # a cell is one step of its layer
states = [cell.get_initial_state(batch_size=1) for cell in cells]
random = np.random.default_rng(given.seed)

read = [ids.get(character, 0) for character in given.prompt or start]
say(given.prompt)
for _ in range(given.length):
    for character_id in read:
        x = embedding(np.array([character_id]))
        for n, cell in enumerate(cells):
            x, states[n] = cell(x, states[n])
    scores = keras.ops.convert_to_numpy(dense(x))[0, 1:].astype(np.float64)  # without id 0: never written
    if given.temperature >= 1e-6:  # colder ones count as 0
        # the largest of scores/temperature + Gumbel noise is a draw from softmax
        scores = scores / given.temperature + random.gumbel(size=len(scores))
    read = [1 + int(np.argmax(scores))]
    say(known[read[0] - 1])
say("\n")
