"""How much memory a piece of writing needs, and whether there is as much."""

from __future__ import annotations

from seqmagic.config import SampleConfig, counted
from seqmagic.errors import SampleError
from seqmagic.machine import free_bytes
from seqmagic.sampling.stepper import FoldedNetwork

_PER_CHARACTER = 6  # bytes of a text that is being put together and then joined
_PER_TEXT = 1_000  # what Python keeps for one text beside its characters
_PER_NUMBER = 4  # float32
_ASSUMED_LENGTH = 10_000  # characters of a text without an end
_SHARE = 0.8  # of the free memory


def needed_bytes(network: FoldedNetwork, config: SampleConfig, texts: int, *, together: int) -> int:
    """An estimate of the memory that `texts` texts need, the weights left out.

    Args:
        together: Texts that advance side by side.
    """
    row = network.table.shape[1]
    units = sum(layer.units for layer in network.layers)
    # per stream: outputs, gates and products of each layer, the gathered input row, logits and noise
    numbers = 8 * units + row + 4 * network.vocabulary_size + 2**13
    kept = texts * (_PER_TEXT + _PER_CHARACTER * (config.length or _ASSUMED_LENGTH))
    return kept + min(texts, together) * numbers * _PER_NUMBER


def check_memory(network: FoldedNetwork, config: SampleConfig, texts: int, *, together: int) -> None:
    """Raise SampleError, with the figures, where `texts` texts would not fit into the free memory."""
    needed, free = needed_bytes(network, config, texts, together=together), free_bytes()
    if free is not None and needed > _SHARE * free:
        raise SampleError(
            f"{counted(texts, 'text')} of {config.length:,} characters need{'s' * (texts == 1)} about {_words(needed)} "
            f"of memory and {_words(free)} are free; lower --count or --length"
        )


def _words(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
