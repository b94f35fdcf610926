"""A training that begins with another run: old characters keep ids and weights, sizes are taken over, losses told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqmagic.config import CELLS, DataConfig, ModelConfig, TrainConfig
from seqmagic.errors import ConfigError, RunError
from seqmagic.evaluation.evaluation import evaluate
from seqmagic.evaluation.scorer import NetworkScorer
from seqmagic.network.keras_file import load_network
from seqmagic.network.network import Network
from seqmagic.runs.find import open_run
from seqmagic.runs.folder import Run
from seqmagic.texts.corpus import Corpus, read_corpus
from seqmagic.training.events import Finished, Started
from seqmagic.training.finetune import SIZES, Base, extended
from seqmagic.training.resume import More, resume
from seqmagic.training.session import Session
from seqmagic.training.train import train
from tests.helpers import make_run, make_text, random_weights
from tests.training.test_resume import Killed, kill_before

NEW = "".join(f"Größe {number}: ängstlich, übel & ẞ…\n" for number in range(80))


@pytest.fixture
def base(models: Path, text: Path) -> Base:
    make_run(models, "old", source=text, cell="gru", units=6, embedding=4)
    return Base.find(models, "old")


def corpus_for(base: Base, folder: Path, text: str = NEW) -> Corpus:
    path = make_text(folder, text, "new.txt")
    return read_corpus(str(path), DataConfig(), extending=base.trained.vocabulary)


def test_the_vocabulary_is_kept_and_extended_never_reordered(base: Base, tmp_path: Path) -> None:
    known = base.trained.vocabulary.characters
    corpus = corpus_for(base, tmp_path)
    assert corpus.vocabulary.characters[: len(known)] == known
    new = corpus.vocabulary.characters[len(known) :]
    assert new == tuple(sorted(set(NEW) - set(known))) and "ß" in new
    assert corpus.vocabulary.decode(corpus.ids) == NEW
    assert read_corpus(corpus.source, DataConfig(min_count=9999), extending=base.trained.vocabulary).vocabulary == (
        base.trained.vocabulary
    )


@pytest.mark.parametrize("cell", CELLS)
def test_old_characters_keep_their_weights_and_what_they_mean(cell: str) -> None:
    sizes: dict[str, Any] = {"units": 5, "layers": 2, "embedding": 3}
    old = random_weights(cell, vocabulary_size=7, **sizes)
    fresh = random_weights(cell, vocabulary_size=9, **sizes, seed=2)
    found = extended(old, fresh)
    assert [array.shape for array in found] == [array.shape for array in fresh]
    assert {array.dtype for array in found} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found[0][:7], old[0])
    np.testing.assert_array_equal(found[0][7:], fresh[0][7:])
    for a, b in zip(found[1:-2], old[1:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found[-2][:, :7], old[-2])
    np.testing.assert_array_equal(found[-1][:7], old[-1])
    np.testing.assert_allclose(found[-1][7:], old[-1][1:].mean())
    assert [a is b or np.array_equal(a, b) for a, b in zip(extended(old, old), old, strict=True)] == [True] * len(old)


def test_sizes_are_taken_over_and_a_contradiction_is_one_line(base: Base) -> None:
    own = base.trained.record.model
    found = base.sizes(ModelConfig(dropout=0.3), given={"dropout"})
    assert [getattr(found, name) for name in SIZES] == [getattr(own, name) for name in SIZES] and found.dropout == 0.3
    assert base.sizes(ModelConfig(units=6, cell="gru"), given={"units", "cell"}) == base.sizes(ModelConfig(), given=())
    for name, value in (("units", 7), ("layers", 2), ("embedding", 64), ("cell", "lstm")):
        with pytest.raises(ConfigError) as caught:
            base.sizes(ModelConfig(**{name: value}), given={name})
        kept = getattr(own, name)
        assert f"run old has --{name} {kept}, received {value}; leave it out" in str(caught.value)
    with pytest.raises(RunError, match="there is no run 'none'"):
        Base.find(base.trained.run.path.parent, "none")


def begin(base: Base, corpus: Corpus, models: Path, name: str = "tuned") -> list[Any]:
    training = TrainConfig(epochs=2.0, batch_size=4, sequence_length=16, learning_rate=0.01)
    model = base.sizes(ModelConfig(dropout=0.1), given=())
    return list(train(corpus, model=model, training=training, models=models, name=name, base=base))


@pytest.mark.tf
def test_losses_are_those_of_both_texts_before_and_after(
    base: Base, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = corpus_for(base, tmp_path)
    started, *_, end = begin(base, corpus, models)
    assert isinstance(started, Started) and isinstance(end, Finished)
    found = end.run.read_record().fine_tuned
    assert found is not None and (found.run, found.new_characters) == ("old", 10)
    assert found.created == base.trained.record.created
    own_text = read_corpus(base.trained.record.text.source, DataConfig(), vocabulary=base.trained.vocabulary)

    def loss(network: Network, ids: np.ndarray) -> float:
        return evaluate(NetworkScorer(network), ids).loss

    kept = load_network(end.run)
    assert found.after == end.results.validation_loss
    assert found.after == pytest.approx(loss(kept, corpus.part("validation")), abs=1e-4)
    assert found.own_after == pytest.approx(loss(kept, own_text.part("validation")), abs=1e-4)
    assert found.before is not None and found.own_before is not None and found.after < found.before
    alone = loss(base.trained.network, own_text.part("validation"))
    assert alone <= found.own_before < alone + 0.8  # new characters take a little of the probability
    assert any(
        f"begins with the weights of old, 10 new characters: validation loss {found.before:.4f}" in line
        for line in started.lines
    )

    # the same, killed on the way
    shutil.copytree(end.run.path, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        from seqmagic.training import checkpoint, trainer

        patch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
        patch.setattr(checkpoint, "SHARE", 1e9)
        patch.setattr(trainer, "MOST_STEPS", 1)
        kill_before(30, patch)
        begin(base, corpus, models, "cut")
    *_, went_on = resume(open_run(models, "cut"))
    assert isinstance(went_on, Finished)
    for a, b in zip(load_network(went_on.run).arrays, kept.arrays, strict=True):
        np.testing.assert_array_equal(a, b)
    assert went_on.run.read_record().fine_tuned == found

    # and without the run that it began with
    shutil.rmtree(base.trained.run.path)
    monkeypatch.setattr(Session, "sample", lambda self, weights: "")
    first, *_, longer = resume(open_run(models, "cut"), more=More(epochs=0.5))
    assert "the loss on the text of old is not measured: that run is gone" in first.lines
    assert isinstance(longer, Finished)
    record = longer.run.read_record().fine_tuned
    assert record is not None and record.own_before == found.own_before and record.own_after is None


@pytest.mark.tf
def test_a_text_that_is_gone_is_said_and_the_weights_are_those_of_the_run(
    base: Base, models: Path, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text.unlink()
    seen: list[list[np.ndarray]] = []
    score = Session.validation_score

    def watched(self: Session) -> Any:
        seen.append(self.state.weights)
        return score(self)

    monkeypatch.setattr(Session, "validation_score", watched)
    started, *_, end = begin(base, corpus_for(base, tmp_path), models)
    assert "the loss on the text of old is not measured: the text bottles.txt is not here any more" in started.lines
    found = end.run.read_record().fine_tuned
    assert (found.own_before, found.own_after) == (None, None) and found.before > found.after
    old = base.trained.network.arrays
    known = len(old[0])
    np.testing.assert_array_equal(seen[0][0][:known], old[0])
    np.testing.assert_array_equal(seen[0][-2][:, :known], old[-2])
    assert Run(models / "tuned").read_vocabulary().characters[: known - 1] == base.trained.vocabulary.characters
