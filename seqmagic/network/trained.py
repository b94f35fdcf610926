"""A trained model: the run, its record, its vocabulary and its network, read whole and known to fit each other."""

from __future__ import annotations

from dataclasses import dataclass

from seqmagic.errors import RunError
from seqmagic.network.keras_file import load_network
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
    """The model of `run`.

    Raises:
        RunError: a file is missing or corrupt, or they are not of one training.
    """
    record, vocabulary, network = run.read_record(), run.read_vocabulary(), load_network(run)
    trained = TrainedModel(run, record, network, vocabulary)
    _check_configuration(trained)
    return trained


def _check_configuration(trained: TrainedModel) -> None:
    """Raise RunError where the record names another network; `load_network` has compared the vocabulary's size."""
    model, network = trained.record.model, trained.network
    units = network.layers[0].weights.recurrent_kernel.shape[0]
    pairs = {
        "cell": (model.cell, network.layers[0].cell),
        "layers": (model.layers, len(network.layers)),
        "units": (model.units, units),
        "embedding": (model.embedding, network.embedding.shape[1]),
    }
    for name, (recorded, found) in pairs.items():
        if recorded is not None and recorded != found:
            raise RunError(
                f"{trained.run.model_path} has {name} {found}, {trained.run.record_path} says {recorded}: "
                "they are not of one training; restore the one that was changed"
            )
