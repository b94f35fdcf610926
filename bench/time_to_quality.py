"""Loss against seconds: this tool, the same with stock Keras layers, and a PyTorch LSTM, on the same split.

    python bench/time_to_quality.py my.txt --minutes 1 --units 256

One after another, each alone on the machine. Ours runs as the command that a user types. The PyTorch script
(where PyTorch is installed, or with --torch-python) gets the same streams, batch, budget, start of the weights,
learning-rate schedule, clipping, dropout and AdamW, so that what differs is what computes. `PyTorch, as it comes`
is the same script with PyTorch's own start of the weights, momentum and clipping at 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COUNTS = ("characters", "parameters")
Result = dict[str, Any]  # history: (seconds, validation loss) at each evaluation; characters read; parameters


def train_with_seqmagic(text: str, engine: str, **settings: Any) -> Result:
    """What `seqmagic train` reaches with settings as its options have them, and its record."""
    with tempfile.TemporaryDirectory() as models:
        options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [
            sys.executable, "-m", "seqmagic", "--models", models, "train", text, "--name", "run",
            "--engine", engine, "--quiet", *options,
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = Path(models) / "run"
        rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
        record = json.loads((run / "run.json").read_text())
    history = [(row["seconds"], row["validation_loss"]) for row in rows]
    return {"history": history, "record": record, **{name: record["results"][name] for name in COUNTS}}


def train_with_torch(settings: dict[str, Any]) -> Result:
    """The same training with torch.nn.LSTM; runs in an interpreter that has PyTorch and needs nothing of ours."""
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(1)
    text = Path(settings["text"]).read_text(encoding="utf-8")
    cut = max(int(len(text) * 0.9), len(text) - 1_000_000)
    characters = {character: i + 1 for i, character in enumerate(sorted(set(text[:cut])))}
    ids = torch.tensor([characters.get(character, 0) for character in text])
    train, validation, size = ids[:cut], ids[cut:], len(characters) + 1
    batch, length = settings.get("batch_size", 16), settings.get("sequence_length", 64)
    units, seconds = settings["units"], 60.0 * settings["minutes"]
    embedding, lstm, dense = nn.Embedding(size, 64), nn.LSTM(64, units, batch_first=True), nn.Linear(units, size)
    model, same = nn.ModuleList([embedding, lstm, dense]), settings["same_start"]
    beta, clip, warm_up = (0.8, 5.0, 0.01) if same else (0.9, 1.0, 0.03)
    kernels = [dense.weight, lstm.weight_ih_l0, lstm.weight_hh_l0]
    if same:
        nn.init.uniform_(embedding.weight, -1.0, 1.0)
        nn.init.xavier_uniform_(dense.weight, 4.0)
        nn.init.xavier_uniform_(lstm.weight_ih_l0)
        nn.init.orthogonal_(lstm.weight_hh_l0, 0.25)
        for bias in (dense.bias, lstm.bias_ih_l0, lstm.bias_hh_l0):
            nn.init.zeros_(bias)
        nn.init.ones_(lstm.bias_ih_l0.data[units : 2 * units])
    rest = [weight for weight in model.parameters() if not any(weight is kernel for kernel in kernels)]
    adam = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": settings["weight_decay"]}, {"params": rest, "weight_decay": 0.0}],
        betas=(beta, 0.99),
    )
    drop = nn.Dropout(settings["dropout"])

    def evaluate() -> float:
        """64 streams that read 128 characters first, as ours does."""
        share, warm_up, total = math.ceil((len(validation) - 129) / 64), 128, 0.0
        starts = torch.arange(64)[:, None] * share
        position = (starts + torch.arange(share + warm_up)[None]).clamp(max=len(validation) - 2)
        counted = torch.arange(share + warm_up)[None] >= torch.where(starts > 0, warm_up, 0)
        counted = counted & (starts + torch.arange(share + warm_up)[None] < len(validation) - 1)
        with torch.no_grad():
            hidden, _ = lstm(embedding(validation[position]))
            nats = nn.functional.cross_entropy(
                dense(hidden).flatten(0, 1), validation[position + 1].flatten(), reduction="none"
            )
            total = float(nats[counted.flatten()].double().sum())
        return total / (len(validation) - 1)

    starts = np.arange(batch) * ((len(train) - 1) // batch)
    state, started, history, marks = None, time.monotonic(), [], 1
    reserve, step = 0.0, 0
    while (fraction := (time.monotonic() - started) / (seconds - reserve)) < 1.0:
        peak = settings["rate"]
        rising = fraction < warm_up
        rate = peak * (0.01 + 0.99 * fraction / warm_up) if rising else peak * (1 - fraction) / (1 - warm_up)
        for group in adam.param_groups:
            group["lr"] = rate
        window = train[(starts[:, None] + step * length + np.arange(length + 1)) % (len(train) - 1)]
        hidden, state = lstm(embedding(window[:, :-1]), state)
        state = tuple(part.detach() for part in state)
        logits = dense(hidden * drop(torch.ones(batch, 1, units)))  # one mask for the window
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        adam.step()
        step += 1
        if fraction > marks / 6:
            marks += 1
            before = time.monotonic()
            history.append((before - started, evaluate()))
            reserve = time.monotonic() - before
    history.append((time.monotonic() - started, evaluate()))
    parameters = sum(weight.numel() for weight in model.parameters())
    return {"history": history, "characters": step * batch * length, "parameters": parameters}


def in_python(interpreter: str, settings: dict[str, Any], *, threads: int | None = None) -> Result | str:
    """`train_with_torch` in an interpreter that has PyTorch, or what went wrong in one line."""
    environment = {**os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
    command = [interpreter, __file__, settings["text"], "--worker", json.dumps(settings)]
    worker = subprocess.run(command, capture_output=True, text=True, env=environment)
    if worker.returncode == 0:
        return json.loads(worker.stdout)
    return (worker.stderr.strip().splitlines() or ["it ended without a word"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--rate", type=float, default=0.009, help="peak learning rate")
    parser.add_argument("--torch-python", default=sys.executable, metavar="PATH", help="an interpreter with PyTorch")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(train_with_torch(json.loads(arguments.worker))))
        return
    names = ("minutes", "units", "dropout", "weight_decay")
    settings = {name: getattr(arguments, name) for name in names}
    ours = {"cell": "lstm", "layers": 1, "learning_rate": arguments.rate, **settings}
    histories = {
        who: train_with_seqmagic(arguments.text, engine, **ours)["history"]
        for who, engine in (("seqmagic", "auto"), ("stock Keras", "keras"))
    }
    settings |= {"text": arguments.text, "rate": arguments.rate}
    for who, same_start in (("PyTorch", True), ("PyTorch, as it comes", False)):
        found = in_python(arguments.torch_python, {**settings, "same_start": same_start})
        if isinstance(found, str):
            print(f"{who}: left out: {found}", file=sys.stderr)
        else:
            histories[who] = found["history"]
    print(f"lstm 1x{arguments.units}, {arguments.minutes:g} minutes; validation loss (at second)")
    for name, history in histories.items():
        print(f"{name:21}", "  ".join(f"{loss:.3f} ({seconds:.0f})" for seconds, loss in history))
    if arguments.json:
        arguments.json.write_text(json.dumps(histories, indent=2) + "\n")


if __name__ == "__main__":
    main()
