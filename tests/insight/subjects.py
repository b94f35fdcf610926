"""Subjects whose network and text are made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from seqmagic.insight.passages import held_out
from seqmagic.insight.subjects import Subject, open_subject
from seqmagic.network.network import Network
from tests.helpers import make_run, make_text
from tests.insight.networks import SYMBOLS

ALPHABET = "abcdefg"  # with the unknown character, SYMBOLS ids


def subject_of(folder: Path, name: str, network: Network, ids: np.ndarray) -> Subject:
    """`network` as the run `name` of the text of `ids`, of which a tenth is held out."""
    assert len(ALPHABET) == SYMBOLS - 1
    text = "".join(ALPHABET[number - 1] for number in ids)
    run = make_run(folder, name, source=make_text(folder, text, "text.txt"), cell="rnn")
    return replace(open_subject(run, held_out(run)), network=network)
