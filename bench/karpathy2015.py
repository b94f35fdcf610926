"""The table of Karpathy, Johnson and Fei-Fei (2015, "Visualizing and understanding recurrent networks") on any text.

A row for each size, a column for each cell and depth, the loss on the test part in nats per character. All models
of a row have nearly the parameters of the LSTM of one layer with that many units.

    python bench/karpathy2015.py tinyshakespeare --epochs 2
    python bench/karpathy2015.py my.txt --sizes 64,128,256,512 --minutes 30 --threads 4

Each field of size and depth is a comparison of its own, as `seqmagic compare` makes it: what is killed goes on
where it ended when the same command is given again, and what is complete is shown at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from seqmagic.comparison.compare import Compared, compare, resume
from seqmagic.comparison.record import Comparison, Plan, is_comparison, read_comparison
from seqmagic.comparison.rows import best_baseline
from seqmagic.comparison.series import RowFinished
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import SeqmagicError
from seqmagic.network.sizes import count_parameters, match_units
from seqmagic.texts.corpus import Corpus, read_trainable

CELLS = ("lstm", "rnn", "gru")  # in the order of the paper
DEPTHS = (1, 2, 3)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One comparison of the grid: the models of one size and depth."""

    size: int
    depth: int
    plan: Plan

    @property
    def name(self) -> str:
        return f"karpathy2015-{self.size}-{self.depth}"


def grid(sizes: Sequence[int], corpus: Corpus, training: TrainConfig) -> Iterator[Field]:
    """The fields in the order in which they are trained: the small models first."""
    model = ModelConfig()
    shape = {"embedding": model.embedding, "vocabulary_size": corpus.vocabulary.size}
    for size in sizes:
        target = count_parameters("lstm", units=size, layers=1, **shape)
        for depth in DEPTHS:
            plan = Plan(
                cells=CELLS,
                units=(match_units(target, "lstm", layers=depth, **shape),),
                layers=(depth,),
                seeds=(training.seed,),
                match="parameters",
                data=corpus.config,
                model=model,
                training=training,
            )
            yield Field(size=size, depth=depth, plan=plan)


def measure(field: Field, corpus: Corpus, models: Path) -> Comparison:
    """The comparison of a field: as it is there, or made, or taken up where it ended."""
    plan = field.plan
    if is_comparison(models / field.name):
        before = read_comparison(models / field.name)
        if before.plan != plan or before.text["sha256"] != corpus.sha256:
            sys.exit(f"{models / field.name} was made of another text or with other settings; give another --models")
        if before.status == "complete" and all(row.status == "complete" for row in before.rows):
            return before
        events = resume(field.name, models=models)
    else:
        events = compare(
            corpus, cells=plan.cells, units=plan.units, layers=plan.layers, match=plan.match, model=plan.model,
            training=plan.training, models=models, name=field.name, argv=sys.argv,
        )  # fmt: skip
    for event in events:
        if isinstance(event, RowFinished):
            loss = "no loss" if event.row.loss is None else f"validation loss {event.row.loss:.4f}"
            print(f"{field.name}: {event.row.label}, {loss}", file=sys.stderr, flush=True)
        if isinstance(event, Compared):
            return event.comparison
    raise RuntimeError("a comparison ended without a result")


def tables(found: dict[Field, Comparison]) -> Iterator[str]:
    """The losses as the paper has them, the lowest of a row in bold, and what stands behind each: Markdown."""
    rows = {(field.size, row.cell, field.depth): row for field, one in found.items() for row in one.rows}
    columns = [(cell, depth) for cell in CELLS for depth in DEPTHS]
    head = f"| size | {' | '.join(f'{cell} {depth}' for cell, depth in columns)} |"
    rule = "|---:" * (1 + len(columns)) + "|"
    losses, sizes = [head, rule], [head, rule]
    for size in dict.fromkeys(field.size for field in found):
        line = [rows.get((size, *column)) for column in columns]
        lowest = min((row.test_loss for row in line if row and row.test_loss is not None), default=None)
        shown = ["–" if row is None or row.test_loss is None else f"{row.test_loss:.3f}" for row in line]
        bold = [row is not None and row.test_loss == lowest and lowest is not None for row in line]
        losses.append(
            f"| {size} | {' | '.join(f'**{one}**' if best else one for one, best in zip(shown, bold, strict=True))} |"
        )
        behind = [
            "–" if row is None or row.results is None else f"{row.units} ({row.results.parameters:,})" for row in line
        ]
        sizes.append(f"| {size} | {' | '.join(behind)} |")
    yield "\n".join(losses)
    ngram = next((best for one in found.values() if (best := best_baseline(one.baselines))), None)
    if ngram is not None and ngram.test_loss is not None:
        yield f"The best n-gram ({ngram.name}) has {ngram.test_loss:.3f}."
    yield "Units of each layer, and parameters:"
    yield "\n".join(sizes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", metavar="TEXT")
    parser.add_argument("--sizes", type=lambda words: [int(word) for word in words.split(",")], default=[64, 128])
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--test", type=float, default=0.05, help="share of the text [default: 0.05]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--models", type=Path, default=Path("models/karpathy2015"), help="folder of the runs")
    options = parser.parse_args()
    budget = {} if options.epochs is None else {"epochs": options.epochs}
    budget |= {} if options.minutes is None else {"minutes": options.minutes}
    try:
        corpus = read_trainable(options.text, DataConfig(test=options.test))
        training = TrainConfig(seed=options.seed, threads=options.threads, **budget)
        found: dict[Field, Comparison] = {}
        for field in grid(options.sizes, corpus, training):
            found[field] = measure(field, corpus, options.models)
            if found[field].status == "interrupted":
                print("interrupted; the same command goes on from here", file=sys.stderr)
                break
    except SeqmagicError as problem:
        sys.exit(f"error: {problem}")
    print("\n\n".join(tables(found)))
    return 130 if any(one.status == "interrupted" for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
