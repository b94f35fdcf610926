"""What goes between a comparison and the processes of its rows arrives as it was sent."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from seqmagic.comparison.entries import Entry
from seqmagic.comparison.messages import Job, Message, Problem, Ready, Result, corpus_of, from_line, text_facts, to_line
from seqmagic.comparison.processes import shared_ids
from seqmagic.comparison.rows import Row
from seqmagic.config import DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import RunError, SeqmagicError
from seqmagic.runs.folder import Run
from seqmagic.runs.record import HistoryRow, Results
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training.events import Evaluated, Finished, Progress, Started
from tests.helpers import make_results, make_text

RUN = Run(Path("models/bottles-lstm-1x6"))


@pytest.fixture
def corpus(text: Path) -> Corpus:
    return read_corpus(str(text), DataConfig())


def there(message: Message, corpus: Corpus) -> Message:
    line = to_line(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    return from_line(line[:-1], corpus)


def test_events_arrive_as_they_were(corpus: Corpus) -> None:
    history = HistoryRow(step=3, epoch=1 / 3, train_loss=None, validation_loss=0.1 + 0.2)
    for event in (
        Ready(),
        Started(
            run=RUN, corpus=corpus, lines=("a processor",), details=("1.2 s",), settings={"units": 6, "engine": None}
        ),
        Progress(fraction=0.1, train_loss=1 / 7, characters_per_second=1e9, seconds_left=2.5, epoch=0.3, step=7),
        Evaluated(row=history, sample='"\n\ud800\u2028你好\x00', best=True),
        Finished(run=RUN, status="complete", results=make_results(1.25), notes=("so it is",), details=()),
        Result(row=Row(cell="gru", layers=1, units=6, seed=3, run="mine", results=make_results(2 / 3))),
        Result(row=Row(cell="gru", layers=None, units=None, seed=3, status="failed", error="no\nsuch thing")),
    ):
        assert there(event, corpus) == event
    arrived = there(Evaluated(row=history, sample="", best=False), corpus)
    assert isinstance(arrived, Evaluated) and dict(arrived.row) == dict(history)  # what it has not is still not there


def test_figures_of_numpy_arrive_as_python_has_them(corpus: Corpus) -> None:
    progress = Progress(
        fraction=0.5, train_loss=np.float32(1.5), characters_per_second=np.float64(2), seconds_left=1.0, epoch=1.0
    )  # type: ignore[arg-type]
    arrived = there(progress, corpus)
    assert arrived == progress and isinstance(arrived, Progress) and type(arrived.train_loss) is float


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device", "a/run.json"), RunError("a, b")])
def test_problems_arrive_with_their_kind(error: OSError | SeqmagicError, corpus: Corpus) -> None:
    arrived = there(Problem(error=error), corpus)
    assert isinstance(arrived, Problem)
    assert (type(arrived.error), str(arrived.error)) == (type(error), str(error))


@pytest.mark.parametrize("given", [DataConfig(test=0.1), DataConfig(records="line", split_seed=3)])
def test_a_job_arrives_with_its_text(given: DataConfig, tmp_path: Path) -> None:
    characters = "".join(f"{chr(0x4E00 + number)}{number % 7} green\n" for number in range(400))
    sent = read_corpus(str(make_text(tmp_path, characters)), given)
    job = Job(
        text=text_facts(sent),
        entry=Entry(cell="rnn", layers=None, units=8, seed=5),
        model=ModelConfig(embedding=4, dropout=0.25),
        training=TrainConfig(minutes=0.5, prompt="\udcff"),
        models=tmp_path,
        name=None,
        argv=("compare", "x"),
    )
    arrived = Job.from_line(job.to_line())
    assert (arrived.entry, arrived.model, arrived.training) == (job.entry, job.model, job.training)
    assert (arrived.models, arrived.name, arrived.argv) == (job.models, job.name, job.argv)
    with shared_ids(sent, tmp_path) as file:
        assert [path.name for path in tmp_path.iterdir()] == ["bottles.txt"]  # the file with the ids has no name
        corpus = corpus_of(arrived.text, file)
    assert corpus.ids.dtype == sent.ids.dtype and (corpus.ids == sent.ids).all() and not corpus.ids.flags.writeable
    assert (corpus.vocabulary, corpus.config, corpus.boundary) == (sent.vocabulary, sent.config, sent.boundary)
    assert (corpus.train, corpus.validation, corpus.test) == (sent.train, sent.validation, sent.test)
    assert (corpus.sha256, corpus.bytes, corpus.notices) == (sent.sha256, sent.bytes, sent.notices)


def test_no_results_are_none(corpus: Corpus) -> None:
    finished = Finished(run=RUN, status="failed", results=Results())
    assert there(finished, corpus) == finished
