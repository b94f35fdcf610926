"""What every format is made from: the run, its network in NumPy, its vocabulary, and a text to check with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqmagic.errors import SeqmagicError
from seqmagic.network.keras_file import load_network
from seqmagic.network.network import Network
from seqmagic.runs.folder import Run
from seqmagic.runs.record import RunRecord
from seqmagic.texts.vocabulary import Vocabulary

CHECK_CHARACTERS = 200
LOSS_CHARACTERS = 5_000


@dataclass(frozen=True)
class Bundle:
    """A run read whole, ready to be written in any format.

    Attributes:
        run: The run folder.
        record: What its run.json holds.
        network: Its weights.
        vocabulary: Its characters.
        loss_text: Up to `LOSS_CHARACTERS` characters on which losses before and after are measured.
        text_source: What `loss_text` is, in words for the report.
    """

    run: Run
    record: RunRecord
    network: Network
    vocabulary: Vocabulary
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
    record = run.read_record()
    vocabulary = run.read_vocabulary()
    network = load_network(run)
    try:
        text, source = _validation_text(record, vocabulary), f"the validation text of {source_name(record)}"
    except SeqmagicError as problem:
        text, source = _made_up_text(run, vocabulary), f"a text made of the run's samples, as {problem}"
    return Bundle(run, record, network, vocabulary, text, source)


def source_name(record: RunRecord) -> str:
    """What the text of a run is called, without the folders of the machine on which it was read."""
    return "standard input" if record.text.source == "-" else Path(record.text.source).name


def write_vocabulary(folder: Path, vocabulary: Vocabulary) -> None:
    """Write vocabulary.json into an export: the id of `characters[i]` is i + 1, 0 stands for any other."""
    Run(folder).write_vocabulary(vocabulary)


def _validation_text(record: RunRecord, vocabulary: Vocabulary) -> str:
    """The start of the validation part; SeqmagicError, its message a clause, where it can't be had."""
    from seqmagic.texts.corpus import read_corpus

    text = record.text
    if text.source == "-":
        raise SeqmagicError("the text came from standard input")
    try:
        corpus = read_corpus(text.source, record.data, vocabulary=vocabulary, again=True)
    except SeqmagicError:
        raise SeqmagicError(f"the text {source_name(record)} is not here any more") from None
    if corpus.sha256 != text.sha256:
        raise SeqmagicError(f"the text {source_name(record)} has changed since the training")
    start, stop = text.validation
    if stop - start < CHECK_CHARACTERS:
        raise SeqmagicError(f"the validation text has fewer than {CHECK_CHARACTERS} characters")
    return vocabulary.decode(corpus.ids[start : min(stop, start + LOSS_CHARACTERS)])


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
