"""The library in three calls: `seqmagic.load(run)` gives a model that generates, scores and steps.

    import seqmagic

    model = seqmagic.load("latest")
    for character in model.generate("ROMEO:", length=200, temperature=0.7, seed=1):
        print(character, end="")
    print(model.score("To be, or not to be").mean())

Nothing here imports TensorFlow. Errors are children of `seqmagic.SeqmagicError`, one line each.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from seqmagic.config import SampleConfig
from seqmagic.errors import ConfigError, SampleError
from seqmagic.network.trained import read_trained
from seqmagic.runs.find import latest_or_pretrained, models_folder, open_run
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord
from seqmagic.sampling.engine import Engine, FoldedNetwork, State
from seqmagic.sampling.writer import write
from seqmagic.texts.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained model, ready to use.

    Attributes:
        run: Where it came from; `run.name`, `run.path`.
        record: How it was trained: text, settings, results.
        vocabulary: The characters it knows; id i + 1 is `vocabulary.characters[i]`, id 0 any other character.
        network: Its weights.
    """

    run: Run
    record: RunRecord
    vocabulary: Vocabulary
    network: FoldedNetwork

    def generate(self, prompt: str | None = None, config: SampleConfig | None = None, **settings: Any) -> Iterator[str]:
        """Write one text, character by character, as it is made.

        Args:
            prompt: What the text goes on from; `None` for the default, a line break.
            config: How to write.
            settings: Fields of SampleConfig by name, which win over `config`: length (0: without end),
                temperature, top_k, top_p, min_p, repetition_penalty, stop, seed ...

        Raises:
            ConfigError: a setting is unknown or out of its range.
            SampleError: the prompt has characters that the model does not know, or settings contradict each other.
        """
        known = {field.name for field in dataclasses.fields(SampleConfig)}
        if strange := sorted(settings.keys() - known):
            raise ConfigError(f"there is no setting {strange[0]!r}; there are {', '.join(sorted(known))}")
        config = dataclasses.replace(config or SampleConfig(), **settings)
        if config.count != 1:
            raise ConfigError(f"generate writes one text, received count={config.count}; call it once for each seed")
        prompts = [] if prompt is None else [prompt]
        pieces = write(self.network, self.vocabulary, config, prompts)
        return (character for piece in pieces for character in piece.characters)

    def score(self, text: str) -> np.ndarray:
        """What each character of `text` but the first cost, in nats: -ln of the probability that it was given.

        The mean is the loss of the text, as `seqmagic evaluate` reports it. The text is read from an empty
        memory; characters that the model does not know are scored as its unknown symbol.

        Returns:
            (n - 1,) float32, n = len(text).
        """
        return Engine(self.network).score(self.vocabulary.encode(text))

    def step(self, state: State | None, characters: str) -> tuple[np.ndarray, State]:
        """Read `characters` on from `state` and say what may follow.

        Args:
            state: From an earlier call, which stays usable; `None` for an empty memory.
            characters: One or more.

        Returns:
            The logarithms of the probabilities of the next character by id, (V,) float32, and the new state.

        Raises:
            SampleError: no characters.
        """
        if not characters:
            raise SampleError("step reads one character or more; received ''")
        engine = Engine(self.network)
        if state is not None:
            engine.restore([state])
        logits = engine.read(self.vocabulary.encode(characters)).copy()
        logits -= logits.max()
        return logits - np.log(np.exp(logits).sum()), engine.state()


def load(run: str | os.PathLike[str] = "latest", *, models: str | os.PathLike[str] | None = None) -> Model:
    """The model of a run.

    Args:
        run: A name below the models folder, a path, `latest`, `best`, or the name of a pretrained run. `latest`
            is a pretrained one where nothing was trained yet.
        models: The models folder; by default SEQMAGIC_MODELS, else models/.

    Raises:
        RunError: there is no such run, or it can't be read.
    """
    folder = models_folder(models)
    name = os.fspath(run)
    return load_model(latest_or_pretrained(folder) if name == "latest" else open_run(folder, name))


def load_model(run: Run) -> Model:
    """The model of an opened run; errors as for `load`."""
    trained = read_trained(run)
    return Model(trained.run, trained.record, trained.vocabulary, FoldedNetwork.of(trained.network))
