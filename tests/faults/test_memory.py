"""A limit on memory that a network does not fit into: one line, whoever notices it first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seqmagic.cli.main import explain
from tests.faults.processes import Training, is_orderly

LINE = "not enough memory; make --units, --batch-size or the text smaller"


@pytest.mark.tf
def test_tensorflow_that_gets_no_memory() -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[6000,24000]")
    assert explain(caught.value) == explain(MemoryError()) == (1, LINE)


@pytest.mark.tf
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bounds memory as Linux does")
def test_a_network_that_does_not_fit(models: Path, text: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (5 * 10**9, 5 * 10**9))"
    with Training(models, text, "--epochs", "1", "--units", "8000", "--layers", "2", before=limit) as training:
        assert training.end() == 1
    assert is_orderly(training) is None and training.said[-1] == f"seqmagic: {LINE}", training.words
    assert list(models.iterdir()) == []
