"""seqmagic: train, compare, sample and evaluate recurrent character-level language models.

Importing the package imports nothing heavy: each public name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqmagic.api import Model as Model
    from seqmagic.api import Training as Training
    from seqmagic.api import compare as compare
    from seqmagic.api import evaluate as evaluate
    from seqmagic.api import load as load
    from seqmagic.api import sample as sample
    from seqmagic.api import train as train
    from seqmagic.comparison.blocks import Both as Both
    from seqmagic.comparison.record import Comparison as Comparison
    from seqmagic.config import DataConfig as DataConfig
    from seqmagic.config import ModelConfig as ModelConfig
    from seqmagic.config import SampleConfig as SampleConfig
    from seqmagic.config import TrainConfig as TrainConfig
    from seqmagic.errors import SeqmagicError as SeqmagicError
    from seqmagic.evaluation.baselines import Baseline as Baseline
    from seqmagic.evaluation.baselines import measure_baselines as measure_baselines
    from seqmagic.evaluation.evaluation import Score as Score
    from seqmagic.network.keras_file import load_network as load_network
    from seqmagic.network.network import Network as Network
    from seqmagic.runs.find import list_runs as list_runs
    from seqmagic.runs.find import open_run as open_run
    from seqmagic.runs.folder import Run as Run
    from seqmagic.sampling.sample import Sample as Sample
    from seqmagic.texts.corpus import Corpus as Corpus
    from seqmagic.texts.corpus import read_corpus as read_corpus
    from seqmagic.texts.vocabulary import Vocabulary as Vocabulary

__version__ = "0.2.0"

_HOME = {
    "Baseline": "seqmagic.evaluation.baselines",
    "Both": "seqmagic.comparison.blocks",
    "Comparison": "seqmagic.comparison.record",
    "Corpus": "seqmagic.texts.corpus",
    "DataConfig": "seqmagic.config",
    "Model": "seqmagic.api",
    "ModelConfig": "seqmagic.config",
    "Network": "seqmagic.network.network",
    "Run": "seqmagic.runs.folder",
    "Sample": "seqmagic.sampling.sample",
    "SampleConfig": "seqmagic.config",
    "Score": "seqmagic.evaluation.evaluation",
    "SeqmagicError": "seqmagic.errors",
    "TrainConfig": "seqmagic.config",
    "Training": "seqmagic.api",
    "Vocabulary": "seqmagic.texts.vocabulary",
    "compare": "seqmagic.api",
    "evaluate": "seqmagic.api",
    "list_runs": "seqmagic.runs.find",
    "load": "seqmagic.api",
    "load_network": "seqmagic.network.keras_file",
    "measure_baselines": "seqmagic.evaluation.baselines",
    "open_run": "seqmagic.runs.find",
    "read_corpus": "seqmagic.texts.corpus",
    "sample": "seqmagic.api",
    "train": "seqmagic.api",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'seqmagic' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
