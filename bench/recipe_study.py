"""The study behind the recipe: is what it chooses the best there is, on texts of many kinds?

Each text is cut in three. Settings are chosen on the validation part, figures are reported on the test part, and two
of the texts are looked at only when the recipe is settled. A search begins at what the recipe chooses and changes one
setting at a time for as long as that helps. The length of a training is counted in readings of the text, about what
two quiet cores read in a minute, so that a result does not depend on what else the machine does.

    python bench/recipe_study.py texts                       # what there is to train on, and how often it is read
    nice -n 19 python bench/recipe_study.py run --worker 1/2 & nice -n 19 python bench/recipe_study.py run --worker 2/2
    python bench/recipe_study.py run --unseen                # the two texts kept for the end: the recipe, and around it
    python bench/recipe_study.py run --only 'lstm *' --with dropout=0 --most 1     # what one setting is worth
    python bench/recipe_study.py table                       # the gap of the recipe to the best found

Every finished training is a line of `bench/results/recipe_study.jsonl` and is not run again: the script can be stopped
and started at will, also after a change of the recipe, which only asks for the trainings that are new.

Some texts are made here, some come with Python, the others are files in the folder `--texts`; what is not there is
left out. `seqmagic data get` has tinyshakespeare, alice and paradise-lost; tang-poems.txt is any Chinese verse, and
tunes.txt the Nottingham Music Database in ABC notation (its cleaned files one after the other).
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import gettext
import hashlib
import json
import math
import re
import signal
import statistics
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recipe_study.jsonl"
LOCALES = Path("/usr/share/locale")
CELLS = ("lstm", "gru", "rnn")
SPEEDS = {"lstm": 55_000, "gru": 68_000, "rnn": 144_000}  # characters a second, 256 units, 65 distinct characters
SOFTMAX_FLOPS = 1.3e11  # what the products of a larger vocabulary reach there, a second
STEPS_A_CALL = 32
LOOKS = (0.6, 0.8, 1.0)  # shares of the training after which validation is read; the best look counts, as in a run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A text of the study.

    Attributes:
        make: How it is made; `None` for a file of the folder or a text that comes with Python.
        between_records: Where a collection is cut into what is put in another order.
        longest: In characters; what is longer is cut.
        is_unseen: Whether it is kept for the end.
    """

    kind: str
    make: Callable[[], str] | None = None
    between_records: str | None = None
    longest: int = 10**9
    is_unseen: bool = False


def shuffled(records: Iterable[str]) -> str:
    """Records in an order that has nothing to do with what is in them, so that the three parts are alike."""
    return "".join(sorted(set(records), key=lambda record: hashlib.sha256(record.encode()).digest()))


def translations(language: str) -> str:
    """The messages of the programs on this machine in a language, one after the other."""
    messages: list[str] = []
    for path in sorted(LOCALES.glob(f"{language}/LC_MESSAGES/*.mo")):
        try:
            with path.open("rb") as file:
                catalog: Mapping[Any, str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        except (OSError, ValueError):
            continue
        messages += [f"{said}\n" for original, said in catalog.items() if original and said not in ("", original)]
    return shuffled(messages)


def character_table() -> str:
    """Unicode's characters that have names of their own, as comma-separated values."""
    rows = []
    for code in range(0x20000):
        name = unicodedata.name(chr(code), "")
        if name and not name.startswith(("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT", "CJK COMPAT")):
            fields = (name, unicodedata.category(chr(code)), unicodedata.bidirectional(chr(code)))
            rows.append(f"{code:04X},{','.join(fields)},{unicodedata.decomposition(chr(code))}\n")
    return shuffled(rows)


TEXTS = {
    "tinyshakespeare": Text(kind="plays"),
    "alice": Text(kind="English prose"),
    "tang-poems": Text(kind="Chinese verse"),
    "tunes": Text(kind="music notation", between_records=r"(?=^X:)"),
    "python-docs": Text(kind="manual, prose and code"),
    "finnish": Text(kind="agglutinative, messages", make=lambda: translations("fi")),
    "python-source": Text(kind="source code", longest=4_000_000),
    "character-table": Text(kind="CSV", make=character_table, longest=700_000),
    "paradise-lost": Text(kind="English verse", is_unseen=True),
    "russian": Text(kind="Cyrillic, messages", make=lambda: translations("ru"), is_unseen=True),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One training, as absolute values: what the recipe would choose may change, this does not."""

    text: str
    cell: str
    readings: float
    rate: float
    dropout: float
    weight_decay: float
    batch_size: int = 16
    sequence_length: int = 64
    units: int = 256
    seed: int = 1

    @property
    def words(self) -> str:
        """The settings that a search moves."""
        regularised = f"dropout {self.dropout:g} decay {self.weight_decay:g}"
        return f"rate {self.rate:g} {regularised} batch {self.batch_size} window {self.sequence_length}"


def rounded(value: float) -> float:
    return float(f"{value:.3g}")


def scaled(name: str, factor: float) -> Callable[[Settings], Settings | None]:
    def change(settings: Settings) -> Settings:
        changed: dict[str, Any] = {name: rounded(getattr(settings, name) * factor)}
        return dataclasses.replace(settings, **changed)

    return change


def shifted_dropout(by: float) -> Callable[[Settings], Settings | None]:
    def change(settings: Settings) -> Settings | None:
        dropout = rounded(min(0.6, max(0.0, settings.dropout + by)))
        return None if dropout == settings.dropout else dataclasses.replace(settings, dropout=dropout)

    return change


def other_batch(factor: float) -> Callable[[Settings], Settings | None]:
    """A batch of another size, with the rate that goes with it."""

    def change(settings: Settings) -> Settings | None:
        size = round(settings.batch_size * factor)
        return dataclasses.replace(settings, batch_size=size, rate=rounded(settings.rate * factor**0.5))

    return change


# Each setting of a search: the changes to try, one direction and then, where that did not help, the other.
MOVES: tuple[tuple[Callable[[Settings], Settings | None], ...], ...] = (
    (scaled("rate", 1.4), scaled("rate", 0.7)),
    (scaled("weight_decay", 2.0), scaled("weight_decay", 0.5)),
    (shifted_dropout(0.1), shifted_dropout(-0.1)),
    (other_batch(0.5), other_batch(2.0)),
    (scaled("rate", 1.2), scaled("rate", 0.84)),
)


def search(start: Settings) -> Generator[Settings, float, None]:
    """Settings worth a training, one after the other; the validation loss of each is sent back."""
    best, lowest = start, (yield start)
    for directions in MOVES:
        for change in directions:
            before = lowest
            while (tried := change(best)) is not None:
                loss = yield tried
                if loss >= lowest:
                    break
                best, lowest = tried, loss
            if lowest < before:
                break


def next_of(steps: Generator[Settings, float, None], losses: Mapping[Settings, float]) -> tuple[int, Settings] | None:
    """The first training that a series lacks, and how many it has had; `None` where it is at its end."""
    tried = next(steps)
    for count in range(1000):
        if tried not in losses:
            return count, tried
        try:
            tried = steps.send(losses[tried])
        except StopIteration:
            break
    return None


def readings_of(cell: str, *, units: int, characters: int, vocabulary_size: int) -> float:
    """How often two quiet cores read a training part in a minute, to two digits."""
    seconds = (units / 256) ** 2 / SPEEDS[cell] + 6.0 * units * max(0, vocabulary_size - 66) / SOFTMAX_FLOPS
    return float(f"{60.0 / seconds / characters:.2g}")


class Study:
    """The texts that are there, read and cut, and the trainings on them.

    Args:
        folder: Where the texts are that are not made here.
        units, seed: Of every model.
    """

    def __init__(self, folder: Path | None, *, units: int = 256, seed: int = 1) -> None:
        self.folder = folder
        self.units = units
        self.seed = seed
        self._corpora: dict[str, Any] = {}

    def corpus(self, name: str) -> Any:
        """The text, 8/10 to train on, a tenth to choose by, a tenth to report on; `None` where it is not there."""
        from seqmagic.config import DataConfig
        from seqmagic.errors import CorpusError
        from seqmagic.texts.builtin import builtin_names, builtin_pieces
        from seqmagic.texts.corpus import read_corpus

        if name not in self._corpora:
            text = TEXTS[name]
            if text.make is not None:
                characters = text.make()
            elif name in builtin_names():
                characters = "".join(builtin_pieces(name))
            elif self.folder is not None and (self.folder / f"{name}.txt").exists():
                characters = (self.folder / f"{name}.txt").read_text("utf-8")
            else:
                characters = ""
            if text.between_records is not None:
                characters = shuffled(re.split(text.between_records, characters, flags=re.MULTILINE))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"{name}.txt")
                path.write_text(characters[: text.longest], "utf-8", newline="")
                try:
                    self._corpora[name] = read_corpus(str(path), DataConfig(validation=0.1, test=0.1))
                except CorpusError:
                    self._corpora[name] = None
        return self._corpora[name]

    def pairs(self, *, unseen: bool, only: Sequence[str] = ("*",)) -> list[tuple[str, str]]:
        """The texts and cells of the search, or of the confirmation; only those that one of the patterns names."""
        names = [name for name, text in TEXTS.items() if text.is_unseen == unseen and self.corpus(name) is not None]
        return [
            (name, cell)
            for cell in CELLS
            for name in names
            if any(fnmatch.fnmatch(f"{cell} {name}", pattern) for pattern in only)
        ]

    def plan(self, text: str, cell: str) -> tuple[Any, float]:
        """The recipe's plan for a minute's readings of a text, and the readings."""
        from seqmagic.config import ModelConfig, TrainConfig
        from seqmagic.training.recipe import make_plan

        corpus = self.corpus(text)
        characters, size = len(corpus.part("train")), corpus.vocabulary.size
        readings = readings_of(cell, units=self.units, characters=characters, vocabulary_size=size)
        plan = make_plan(
            ModelConfig(cell=cell, units=self.units), TrainConfig(epochs=readings),
            characters=characters, vocabulary_size=size, device="cpu", measure_flops=lambda: math.nan,
        )  # fmt: skip
        return plan, readings

    def recipe(self, text: str, cell: str) -> Settings:
        """What the recipe chooses."""
        plan, readings = self.plan(text, cell)
        return Settings(
            text=text, cell=cell, readings=readings, rate=plan.training.learning_rate, dropout=plan.model.dropout,
            weight_decay=plan.training.weight_decay, batch_size=plan.training.batch_size,
            sequence_length=plan.training.sequence_length, units=self.units, seed=self.seed,
        )  # fmt: skip

    def train(self, settings: Settings) -> dict[str, Any]:
        """Train as `seqmagic train` does, counted in readings, and evaluate both parts at the best look."""
        from seqmagic.evaluation.evaluation import evaluate
        from seqmagic.training.schedule import make_schedule
        from seqmagic.training.session import EngineScorer, Session

        plan, _ = self.plan(settings.text, settings.cell)
        plan = dataclasses.replace(
            plan,
            model=dataclasses.replace(plan.model, dropout=settings.dropout),
            training=dataclasses.replace(
                plan.training, learning_rate=settings.rate, weight_decay=settings.weight_decay, seed=settings.seed,
                batch_size=settings.batch_size, sequence_length=settings.sequence_length,
            ),
        )  # fmt: skip
        corpus = self.corpus(settings.text)
        started = time.monotonic()
        session = Session(corpus, plan, threads=1)
        session.compile()
        total = max(1, round(settings.readings * session.steps_per_epoch))
        schedule = make_schedule(settings.rate)
        looks = [round(share * total) for share in LOOKS]
        scorer = EngineScorer(session.engine, session.model.trainable_weights)
        found: dict[str, Any] = {"validation": None, "test": None, "look": None}
        losses: list[float] = []
        for look in looks:
            while session.state.step < look:
                step = session.state.step
                rates = [schedule(n / total) for n in range(step, min(look, step + STEPS_A_CALL))]
                losses += session.take_steps(rates)[0]
                if not math.isfinite(losses[-1]):
                    return {**found, "train": None, "seconds": round(time.monotonic() - started, 1)}
            validation = session.validation_score().loss
            if found["validation"] is None or validation < found["validation"]:
                test = evaluate(scorer, corpus.part("test")).loss
                found = {"validation": validation, "test": test, "look": look / total}
        train = statistics.fmean(losses[-200:])
        return {**found, "train": train, "seconds": round(time.monotonic() - started, 1)}


def finished() -> dict[Settings, dict[str, Any]]:
    """The trainings so far."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    return {Settings(**row.pop("settings")): row for row in rows}


def losses_of(rows: Mapping[Settings, Mapping[str, Any]], part: str) -> dict[Settings, float]:
    """The loss of each training on a part; infinite where it diverged."""
    return {settings: math.inf if row[part] is None else row[part] for settings, row in rows.items()}


def run(study: Study, pairs: Sequence[tuple[str, str]], *, instead: Mapping[str, float], most: int) -> None:
    """Go on with the searches for texts and cells, those first that have had the fewest trainings.

    SIGTERM ends it after the training that is going on.

    Args:
        instead: Settings where a search begins with something else than the recipe.
        most: Trainings of each search.
    """
    from seqmagic.training.device import start_tensorflow

    start_tensorflow(1)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    RESULTS.parent.mkdir(exist_ok=True)
    changed: dict[str, Any] = dict(instead)
    starts = [dataclasses.replace(study.recipe(*pair), **changed) for pair in pairs]
    while not stopped.is_set():
        losses = losses_of(finished(), "validation")
        nexts = [next_of(search(start), losses) for start in starts]
        open_ones = [found for found in nexts if found is not None and found[0] < most]
        if not open_ones:
            return
        _, settings = min(open_ones, key=lambda found: found[0])
        row = {"settings": dataclasses.asdict(settings), **study.train(settings)}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        figures = " ".join("diverged" if row[part] is None else f"{row[part]:.4f}" for part in ("validation", "test"))
        print(f"{figures}  {settings.text} {settings.cell}: {settings.words} ({row['seconds']} s)", flush=True)


def texts(study: Study) -> None:
    """The texts, as Markdown."""
    print("| text | kind | characters | distinct | readings in a minute: lstm, gru, rnn |")
    print("| --- | --- | --- | --- | --- |")
    for name, text in TEXTS.items():
        if (corpus := study.corpus(name)) is None:
            print(f"| {name} | {text.kind} | not there | | |")
            continue
        readings = ", ".join(f"{study.recipe(name, cell).readings:g}" for cell in CELLS)
        unseen = ", kept for the end" if text.is_unseen else ""
        sizes = f"{len(corpus.ids):,} | {len(corpus.vocabulary.characters):,}"
        print(f"| {name} | {text.kind}{unseen} | {sizes} | {readings} |")


def table(study: Study) -> None:
    """The gap of the recipe to the best found, on the test part, as Markdown."""
    rows = finished()
    validation, test = losses_of(rows, "validation"), losses_of(rows, "test")
    print("| text | cell | recipe | best found | gap on test | its settings |\n| --- | --- | --- | --- | --- | --- |")
    gaps: dict[bool, list[float]] = {False: [], True: []}
    for unseen in (False, True):
        for text, cell in study.pairs(unseen=unseen):
            recipe = study.recipe(text, cell)
            known = [s for s in rows if (s.text, s.cell, s.units, s.seed) == (text, cell, recipe.units, recipe.seed)]
            if recipe not in rows or len(known) == 1:
                continue
            best = min(known, key=validation.__getitem__)
            gap = test[recipe] - test[best]
            gaps[unseen].append(gap)
            found = "the recipe" if best == recipe else best.words
            print(f"| {text} | {cell} | {test[recipe]:.4f} | {test[best]:.4f} | {gap:+.4f} | {found} |")
    for unseen, name in ((False, "texts of the search"), (True, "texts kept for the end")):
        if gaps[unseen]:
            middle, worst = statistics.median(gaps[unseen]), max(gaps[unseen])
            print(f"\n{name}: median gap {middle:+.4f}, worst {worst:+.4f}, {len(gaps[unseen])} searches")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("texts", "run", "table"))
    parser.add_argument("--texts", type=Path, metavar="FOLDER", help="where the texts are that are not made here")
    parser.add_argument("--units", type=int, default=256, help="width of the models")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", default="1/1", metavar="I/N", help="this process's share of the searches")
    parser.add_argument("--unseen", action="store_true", help="the texts kept for the end instead of the others")
    parser.add_argument(
        "--with", action="append", dest="instead", default=[], metavar="NAME=VALUE",
        help="begin with rate, dropout or weight_decay at this instead of the recipe's; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--only", action="append", metavar="PATTERN", help="searches such as 'lstm *' or '* alice'; may be repeated"
    )
    parser.add_argument("--most", type=int, default=1000, metavar="N", help="trainings of each search")
    arguments = parser.parse_args()
    study = Study(arguments.texts, units=arguments.units, seed=arguments.seed)
    if arguments.action == "texts":
        texts(study)
    elif arguments.action == "table":
        table(study)
    else:
        worker, workers = map(int, arguments.worker.split("/"))
        pairs = study.pairs(unseen=arguments.unseen, only=arguments.only or ("*",))
        instead = {name: float(value) for name, _, value in (setting.partition("=") for setting in arguments.instead)}
        run(study, pairs[worker - 1 :: workers], instead=instead, most=arguments.most)


if __name__ == "__main__":
    main()
