"""What every format is made from: the run, its network in NumPy, its vocabulary, and a text to check with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from seqmagic.network.trained import TrainedModel, read_trained
from seqmagic.runs.folder import Run
from seqmagic.runs.own_text import OwnTextError, read_own_text
from seqmagic.runs.own_text import source_name as source_name
from seqmagic.texts.vocabulary import Vocabulary

CHECK_CHARACTERS = 200
LOSS_CHARACTERS = 5_000


@dataclass(frozen=True, eq=False)
class Bundle(TrainedModel):
    """A trained model with a text, ready to be written in any format.

    Attributes:
        loss_text: Up to `LOSS_CHARACTERS` characters on which losses before and after are measured.
        text_source: What `loss_text` is, in words for the report.
    """

    loss_text: str
    text_source: str

    @property
    def check_text(self) -> str:
        """The first `CHECK_CHARACTERS` characters of `loss_text`: an export must agree on each of them."""
        return self.loss_text[:CHECK_CHARACTERS]


def read_bundle(run: Run) -> Bundle:
    """Read `run` for an export.

    The text is the start of the run's validation text where its source is still there and unchanged,
    else one made of the run's samples and characters; `text_source` says which.

    Raises:
        RunError: the run is corrupt or has no model.
    """
    model = read_trained(run)
    text, source = _validation_text(model)
    network = dataclasses.replace(model.network, boundary=None)  # what reads an export knows of no records
    return Bundle(model.run, model.record, network, model.vocabulary, text, source)


def write_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write vocabulary.json into an export: the id of `characters[i]` is i + 1, 0 stands for any other."""
    Run(folder).write_vocabulary(vocabulary)


def _validation_text(model: TrainedModel) -> tuple[str, str]:
    """The start of the validation part, or, where that can't be had, a text made up; and what it is."""
    start, stop = model.record.text.validation
    if stop - start < CHECK_CHARACTERS:
        problem = f"the validation text has fewer than {CHECK_CHARACTERS} characters"
    else:
        try:
            ids = read_own_text(model.run, "validation").ids[:LOSS_CHARACTERS]
            return model.vocabulary.decode(ids), f"the validation text of {source_name(model.record)}"
        except OwnTextError as gone:
            problem = gone.brief
    return _made_up_text(model.run, model.vocabulary), f"a text made of the run's samples, as {problem}"


def _made_up_text(run: Run, vocabulary: Vocabulary) -> str:
    """The run's own samples, then its characters again and again: the same for the same run."""
    try:
        lines = run.samples_path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        lines = []
    samples = "".join(line for line in lines if not line.startswith("--- "))
    known = samples.translate(dict.fromkeys(map(ord, vocabulary.outside(samples))))
    characters = "".join(vocabulary.characters)
    repeats = -(-CHECK_CHARACTERS // max(1, len(characters)))
    return (known + characters * repeats)[: min(max(len(known), CHECK_CHARACTERS), LOSS_CHARACTERS)]
