"""Keras models from elsewhere: a .keras file and the characters that its ids stand for, ready to be looked into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic import files
from seqmagic.config import DataConfig
from seqmagic.errors import ConfigError, CorpusError, RunError
from seqmagic.insight.excerpts import Excerpt, passage_of
from seqmagic.insight.replay import check_replay
from seqmagic.insight.subjects import Subject
from seqmagic.network.keras_file import StockModel, load_stock_model
from seqmagic.runs.folder import Run
from seqmagic.texts.sources import text_pieces
from seqmagic.texts.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A .keras file with its vocabulary; the network's ids are those of `vocabulary`.

    `takes_unknown` says whether the model has an id for characters that it does not know.
    """

    path: Path
    model: StockModel
    vocabulary: Vocabulary
    takes_unknown: bool


def read_model_file(path: Path, vocabulary: str | None) -> ModelFile:
    """The model in `path`, its ids in the order of `vocabulary`: a JSON list, or a text with just its characters.

    Raises:
        RunError: the file is no model that can be replayed, or the vocabulary has another size.
        ConfigError: there is no vocabulary.
    """
    if not path.is_file():
        raise RunError(f"there is no file {path}; give the path of a .keras file, or the name of a run")
    model = load_stock_model(path)
    beside = path.parent / "vocabulary.json"
    if vocabulary is None and not beside.is_file():
        raise ConfigError(
            f"{path} does not say what its ids stand for; give --vocabulary FILE: its characters in the order of "
            "their ids as a JSON list, or the text that it was trained on"
        )
    source = vocabulary or str(beside)
    characters = _characters(source)
    found, needed = len(characters), model.network.vocabulary_size
    if found not in (needed, needed - 1):
        raise RunError(
            f"{source} has {found:,} characters and {path} knows {needed:,}: needed are {needed:,}, "
            f"or {needed - 1:,} where id 0 is for unknown ones"
        )
    takes_unknown = found == needed - 1
    if not takes_unknown:  # a vocabulary of ours begins with the unknown character: an id that is never read
        first = np.zeros((1, model.network.embedding.shape[1]), np.float32)
        network = model.network
        network = replace(
            network,
            embedding=np.concatenate([first, network.embedding]),
            dense_kernel=np.insert(network.dense_kernel, 0, 0, axis=1),
            dense_bias=np.insert(network.dense_bias, 0, -1e9),
        )
        model = replace(model, network=network)
    return ModelFile(path, model, Vocabulary(characters), takes_unknown)


def _characters(source: str) -> list[str]:
    """The characters in a vocabulary file, in the order of their ids; of a text, those in it, sorted."""
    if source.endswith(".json"):
        document: Any = files.read_json(Path(source), error=RunError, limit=2 * files.JSON_LIMIT)
        if isinstance(document, dict):
            document = document.get("characters")
        if isinstance(document, list) and document[:1] in (["[UNK]"], [""]):  # StringLookup's word for the unknown one
            document = document[1:]
        if not isinstance(document, list) or not all(isinstance(one, str) and len(one) == 1 for one in document):
            raise RunError(f"{source} is no vocabulary: needed is a JSON list of single characters, each once")
        return document
    found: set[str] = set()
    for piece in text_pieces(source, DataConfig()):
        found.update(piece)
    return sorted(found)


def open_model_file(file: ModelFile, excerpt: Excerpt) -> Subject:
    """The model, ready to read `excerpt`.

    Raises:
        CorpusError: it doesn't know characters and has no id for those.
        RunError: it can't be replayed.
    """
    outside = file.vocabulary.outside(excerpt.before + excerpt.text)
    if outside and not file.takes_unknown:
        raise CorpusError(
            f"{file.path} does not know the characters {outside[:20]!r} and has no id for unknown ones; leave them out"
        )
    passage = passage_of(excerpt, file.vocabulary, str(file.path))
    error = check_replay(file.model.network, passage.ids, file.path.name)
    return Subject(Run(file.path), None, file.model.network, passage, error, file.vocabulary, file.model)
