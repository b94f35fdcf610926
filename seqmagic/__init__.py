"""seqmagic: train, compare, sample and evaluate recurrent character-level language models.

Importing the package imports nothing heavy: each public name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqmagic.api import Model as Model
    from seqmagic.api import load as load
    from seqmagic.baselines import Baseline as Baseline
    from seqmagic.baselines import measure_baselines as measure_baselines
    from seqmagic.config import DataConfig as DataConfig
    from seqmagic.config import ModelConfig as ModelConfig
    from seqmagic.config import SampleConfig as SampleConfig
    from seqmagic.config import TrainConfig as TrainConfig
    from seqmagic.corpus import Corpus as Corpus
    from seqmagic.corpus import read_corpus as read_corpus
    from seqmagic.errors import SeqmagicError as SeqmagicError
    from seqmagic.evaluation import evaluate as evaluate
    from seqmagic.network import Network as Network
    from seqmagic.network import load_network as load_network
    from seqmagic.runs import Run as Run
    from seqmagic.runs import list_runs as list_runs
    from seqmagic.runs import open_run as open_run
    from seqmagic.training.loop import train as train
    from seqmagic.vocabulary import Vocabulary as Vocabulary

__version__ = "0.1.0"

_HOME = {
    "Baseline": "seqmagic.baselines",
    "Corpus": "seqmagic.corpus",
    "DataConfig": "seqmagic.config",
    "Model": "seqmagic.api",
    "ModelConfig": "seqmagic.config",
    "Network": "seqmagic.network",
    "Run": "seqmagic.runs",
    "SampleConfig": "seqmagic.config",
    "SeqmagicError": "seqmagic.errors",
    "TrainConfig": "seqmagic.config",
    "Vocabulary": "seqmagic.vocabulary",
    "evaluate": "seqmagic.evaluation",
    "list_runs": "seqmagic.runs",
    "load": "seqmagic.api",
    "load_network": "seqmagic.network",
    "measure_baselines": "seqmagic.baselines",
    "open_run": "seqmagic.runs",
    "read_corpus": "seqmagic.corpus",
    "train": "seqmagic.training.loop",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'seqmagic' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
