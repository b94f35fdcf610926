"""The spool: the same ids from memory and from a file, whatever widens, narrows or fails on the way."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmagic.errors import CorpusError
from seqmagic.texts import spool as spool_module
from seqmagic.texts.spool import Spool

WIDTHS = (np.uint8, np.uint16, np.uint32)


@pytest.mark.parametrize("threshold", [1, 40, 10**6])
@given(data=st.data())
def test_against_one_array(threshold: int, data: st.DataObject) -> None:
    """Append, widen, read back, replace: as NumPy does it with everything in one array."""
    widths = sorted(data.draw(st.lists(st.integers(0, 2), min_size=1, max_size=6)))
    chunks = []
    for width in widths:
        numbers = data.draw(st.lists(st.integers(0, 299 if width else 255), max_size=12))
        chunks.append(np.array(numbers, WIDTHS[width]))
    whole = np.concatenate(chunks)
    final = WIDTHS[data.draw(st.integers(0, widths[-1]))]
    new_ids = np.random.default_rng(len(whole)).integers(0, 256, 300).astype(final)
    new_ids = new_ids[: int(whole.max(initial=0)) + 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "SPOOL_BYTES", threshold)
        patch.setattr(spool_module, "BLOCK_BYTES", 8)
        with Spool(None) as spool:
            for chunk in chunks:
                spool.append(chunk)
            assert spool.length == len(whole)
            assert spool.dtype == whole.dtype
            start = data.draw(st.integers(0, len(whole)))
            stop = data.draw(st.integers(start, len(whole)))
            part = [number for block in spool.blocks(start, stop) for number in block.tolist()]
            assert part == whole[start:stop].tolist()
            if len(whole):
                spool.replace(new_ids)
                ids = spool.finish()
                in_file = whole.nbytes >= threshold
                assert isinstance(ids, np.memmap) == in_file
    if len(whole):
        # the ids outlive the spool
        assert ids.dtype == final
        assert ids.tolist() == new_ids[whole].tolist()
        with pytest.raises(ValueError, match="read-only"):
            ids[0] = 1


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SPOOL_BYTES", 4)
    with Spool(tmp_path) as spool:
        spool.append(np.arange(100, dtype=np.uint8))
        ids = spool.finish()
    assert isinstance(ids, np.memmap)
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SPOOL_BYTES", 4)
    with (
        Spool(tmp_path / "nowhere") as spool,
        pytest.raises(CorpusError, match=r"do not fit in .*nowhere .*No such file or directory; free some space"),
    ):
        spool.append(np.arange(100, dtype=np.uint8))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("size", [10, 100_000])
def test_no_space_is_one_clear_error(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the disk is full at a write, when buffers are flushed, or again when the file is closed."""
    monkeypatch.setattr(spool_module, "SPOOL_BYTES", 4)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("w+b"))  # noqa: SIM115
    with pytest.raises(CorpusError, match=r"No space left on device; free some space"), Spool(None) as spool:
        spool.append(np.ones(size, np.uint8))
        spool.append(np.ones(size, np.uint8))
        spool.finish()
