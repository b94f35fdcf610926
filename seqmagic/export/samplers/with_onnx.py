"""Writes text with model.onnx. Needs onnxruntime, which brings NumPy: python sample.py --help"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

parser = argparse.ArgumentParser(description="Write text with model.onnx.")
parser.add_argument("--prompt", default="", help="text to go on from (default: a line break)")
parser.add_argument("--length", type=int, default=500, help="characters to write (default: 500)")
parser.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest (default: 0.8)")
parser.add_argument("--seed", type=int, default=1, help="another seed, another text (default: 1)")
given = parser.parse_args()


def say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


model = Path(__file__).with_name("model.onnx")
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
known = json.loads(session.get_modelmeta().custom_metadata_map["vocabulary"])["characters"]
ids = {character: number for number, character in enumerate(known, 1)}  # 0 stands for every other character
start = "\n" if "\n" in ids else known[0]
random = np.random.default_rng(given.seed)

# the inputs are the ids and then the states; the outputs are the logits and then the new states
states = {state.name: np.zeros((1, state.shape[1]), np.float32) for state in session.get_inputs()[1:]}
read = [ids.get(character, 0) for character in given.prompt or start]
say(given.prompt)
for _ in range(given.length):
    logits, *new_states = session.run(None, {"ids": np.array([read], np.int64), **states})
    states = dict(zip(states, new_states, strict=True))
    scores = logits[0, -1, 1:].astype(np.float64)  # without id 0, which is never written
    if given.temperature >= 1e-6:  # colder ones count as 0
        # the largest of scores/temperature + Gumbel noise is a draw from softmax
        scores = scores / given.temperature + random.gumbel(size=len(scores))
    read = [1 + int(np.argmax(scores))]
    say(known[read[0] - 1])
say("\n")
