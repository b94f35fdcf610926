"""A trained model: the run, its record, its vocabulary and its network, read whole and known to fit each other."""

from __future__ import annotations

from dataclasses import dataclass

from seqmagic.network.keras_file import network_of
from seqmagic.network.network import Network
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord
from seqmagic.texts.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A run read whole.

    Attributes:
        run: Where it came from; `run.name`, `run.path`.
        record: How it was trained: text, settings, results.
        network: Its weights.
        vocabulary: The characters it knows; id i + 1 is `vocabulary.characters[i]`, id 0 any other character.
    """

    run: Run
    record: RunRecord
    network: Network
    vocabulary: Vocabulary


def read_trained(run: Run) -> TrainedModel:
    """The model of `run`, each of its files read once; `network_of` holds the weights against vocabulary and record.

    Raises:
        RunError: a file is missing or corrupt, or they are not of one training.
    """
    record, vocabulary = run.read_record(), run.read_vocabulary()
    return TrainedModel(run, record, network_of(run, record, vocabulary), vocabulary)
