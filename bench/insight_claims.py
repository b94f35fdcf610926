"""What the four claims about rnn, lstm and gru come to in runs that were trained side by side: a table for each text.

    seqmagic compare TEXT --cells rnn,gru,lstm --match parameters --units 256 --layers 1 --epochs 20
    python bench/insight_claims.py RUN... [--models DIR]

Runs of one text belong together. Each figure is one that `seqmagic measure` or `inspect` prints, with its interval
(95 %).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from typing import Any

Document = dict[str, Any]


def seqmagic(*arguments: str) -> Document:
    """The JSON document that a command prints."""
    done = subprocess.run([sys.executable, "-m", "seqmagic", *arguments, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"seqmagic {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def with_interval(value: float | None, interval: list[float | None] | None, form: str) -> str:
    """ "0.81 (0.80 to 0.82)"."""
    if value is None:
        return "–"
    if interval is None or None in interval:
        return f"{value:{form}}"
    return f"{value:{form}} ({interval[0]:{form}} to {interval[1]:{form}})"


def rows_of_a_text(names: list[str], models: str) -> list[tuple[str, list[str]]]:
    """Name and figures of each row of the table, a figure for each run."""

    def measured(*words: str) -> list[Document]:
        return seqmagic(*words, *names, "--models", models)["models"]

    gradient, memory = measured("measure", "gradient"), measured("measure", "memory")
    closers, gates = measured("measure", "closers"), measured("inspect", "gates", "--lesion")
    losses = [seqmagic("runs", "show", name, "--models", models)["results"] for name in names]

    def interval_row(title: str, found: list[Document], name: str, form: str) -> tuple[str, list[str]]:
        return title, [with_interval(one[name], one.get(f"{name}_interval"), form) for one in found]

    trained = [one["trained"] for one in gradient]
    rows = [
        ("parameters", [f"{one['parameters']:,}" for one in gradient]),
        ("validation loss, bits", [f"{one['bits_per_character']:.3f}" for one in losses]),
        interval_row("gradient kept per character", trained, "rho", ".3f"),
        ("the same, lags 10–50 · 50–200", [
            f"{one['rho_by_window']['10-50']:.3f} · {one['rho_by_window']['50-200']:.3f}" for one in trained
        ]),
        ("R² of exponential · power law", [f"{one['r2_exponential']:.3f} · {one['r2_power']:.3f}" for one in trained]),
        ("kept by untrained models", [", ".join(f"{seed['rho']:.2f}" for seed in one["fresh"]) for one in gradient]),
        interval_row("k90, characters", memory, "k90", "d"),
        interval_row("k99, characters", memory, "k99", "d"),
        interval_row("effective context, characters", memory, "effective_context", "d"),
        ("p(right closer), 1–9 · 10–39 · 40 and more", [" · ".join(by_distance(one)) for one in closers]),
    ]  # fmt: skip
    for gate in ("keep", "write", "read", "reset"):
        rows.append((f"{gate} held at its mean, bits more", [lesion(one, gate) for one in gates]))
    rows.append(("coupling of write and keep, median", [coupling(one) for one in gates]))
    return rows


def by_distance(model: Document) -> list[str]:
    """Mean probability of the right closer over bins put together; fewer than 20 cases say nothing."""
    found = []
    for low, high in ((1, 9), (10, 39), (40, None)):
        bins = [one for one in model["by_distance"] if one["from"] >= low and (high is None or one["from"] <= high)]
        bins = [one for one in bins if one["probability"] is not None]
        cases = sum(one["cases"] for one in bins)
        mean = sum(one["probability"] * one["cases"] for one in bins) / cases if cases else None
        found.append("–" if mean is None else f"{mean:.2f}")
    return found


def lesion(model: Document, gate: str) -> str:
    """Bits per character more with the gate of the first layer at its mean."""
    for one in model["lesion"]:
        if (one["layer"], one["gate"], one["to"]) == (1, gate, "mean"):
            return with_interval(one["difference_bits"], one["interval"], "+.2f")
    return "–"


def coupling(model: Document) -> str:
    """The median over units of the first layer."""
    found = model["layers"][0].get("coupling")
    return "–" if found is None else f"{found['median_correlation']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--models", default="models")
    arguments = parser.parse_args()
    texts: dict[str, list[str]] = defaultdict(list)
    for name in arguments.runs:
        texts[seqmagic("runs", "show", name, "--models", arguments.models)["text"]["source"]].append(name)
    for text, names in texts.items():
        print(f"\n{text.rpartition('/')[2]}\n")
        print(f"| | {' | '.join(names)} |\n| --- |{' --- |' * len(names)}")
        for title, figures in rows_of_a_text(names, arguments.models):
            print(f"| {title} | {' | '.join(figures)} |")


if __name__ == "__main__":
    main()
