"""Writes text with model.tflite. Needs ai-edge-litert and NumPy: python sample.py --help"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

parser = argparse.ArgumentParser(description="Write text with model.tflite.")
parser.add_argument("--prompt", default="", help="text to go on from (default: a line break)")
parser.add_argument("--length", type=int, default=300, help="characters to write (default: 300)")
parser.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest (default: 0.8)")
parser.add_argument("--seed", type=int, default=1, help="another seed, another text (default: 1)")
given = parser.parse_args()


def say(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


known = json.loads(Path(__file__).with_name("vocabulary.json").read_text(encoding="utf-8"))["characters"]
ids = {character: number for number, character in enumerate(known, 1)}  # 0 stands for every other character
start = "\n" if "\n" in ids else known[0]
model = Interpreter(str(Path(__file__).with_name("model.tflite")))
step, generate = model.get_signature_runner("step"), model.get_signature_runner("generate")
shapes = {name: detail["shape"] for name, detail in step.get_input_details().items() if name != "ids"}
length_of_a_call = generate.get_input_details()["uniforms"]["shape"][0]
random = np.random.default_rng(given.seed)

*before, last = [ids.get(character, 0) for character in given.prompt or start]
states = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
for character_id in before:
    result = step(ids=np.array([character_id], np.int32), **states)
    states = {name: result[name] for name in shapes}
say(given.prompt)
left = given.length
while left > 0:  # generate reads the last character itself, and stops before reading the last that it wrote
    result = generate(
        ids=np.array([last], np.int32),
        temperature=np.float32(given.temperature),
        uniforms=random.random(length_of_a_call, dtype=np.float32),
        **states,
    )
    states, last = {name: result[name] for name in shapes}, result["ids"][-1]
    say("".join(known[character_id - 1] for character_id in result["ids"][:left]))
    left -= length_of_a_call
say("\n")
