"""What `seqmagic train TEXT --minutes N` reaches, nothing else given, over several seeds.

    python bench/reached.py tinyshakespeare.txt [--minutes 1,3,10] [--seeds 3] [--json FILE]

One training after another, each alone on the machine as far as this script can see to it; a line for each as it ends,
then the table. The loss is that of the run's record: of the whole validation part, by the weights that are kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def reach(text: str, *, minutes: float, seed: int) -> dict[str, Any]:
    """One training by its command, and what its record says."""
    with tempfile.TemporaryDirectory() as models:
        command = [sys.executable, "-m", "seqmagic", "--models", models, "--quiet", "train", text, "--name", "run"]
        subprocess.run(
            [*command, "--minutes", f"{minutes:g}", "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL
        )
        record = json.loads((Path(models) / "run" / "run.json").read_text())
    model, training, results = record["model"], record["training"], record["results"]
    return {
        "minutes": minutes,
        "seed": seed,
        "model": f"{model['cell']} {model['layers']}x{model['units']}",
        "dropout": model["dropout"],
        "weight_decay": training["weight_decay"],
        "rate": training["learning_rate"],
        "readings": results["epochs"],
        "loss": results["validation_loss"],
        "device": record["environment"]["device"],
    }


def print_table(rows: list[dict[str, Any]]) -> None:
    """A row for each budget: what was chosen with each seed, and the mean of the losses."""
    print("\n| minutes | chosen | readings | validation, by seed | mean |")
    print("| --- | --- | --- | --- | --- |")
    for minutes in dict.fromkeys(row["minutes"] for row in rows):
        own = [row for row in rows if row["minutes"] == minutes]
        chosen = ", ".join(dict.fromkeys(f"{row['model']} dropout {row['dropout']:g}" for row in own))
        readings = statistics.median(row["readings"] for row in own)
        losses = [row["loss"] for row in own]
        each = " · ".join(f"{loss:.4f}" for loss in losses)
        print(f"| {minutes:g} | {chosen} | {readings:.1f} | {each} | **{statistics.mean(losses):.4f}** |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", metavar="FILE")
    parser.add_argument("--minutes", default="1,3,10", metavar="N,...", help="budgets (default 1,3,10)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="1 to N (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="kept after every training")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for minutes in map(float, arguments.minutes.split(",")):
        for seed in range(1, 1 + arguments.seeds):
            rows.append(reach(arguments.text, minutes=minutes, seed=seed))
            print(", ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    print_table(rows)


if __name__ == "__main__":
    main()
