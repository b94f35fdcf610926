"""Models of one size: the units, or the width of a head, with which each comes near to a number of parameters.

Axes: V alphabet, E embedding, H width of the attention head.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seqmagic.errors import ConfigError
from seqmagic.network.sizes import count_parameters, match_units
from seqmagic.probes.settings import ATTENTION

EMBEDDINGS = (16, 15, 17, 14, 18, 13, 19, 12, 20)  # the first with which a model comes near enough to its size
TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The size of a model: units of its layer, or width of its head."""

    cell: str
    units: int
    embedding: int
    parameters: int


def attention_shapes(*, vocabulary_size: int, embedding: int, units: int) -> dict[str, tuple[int, ...]]:
    """Of the weights of an attention head, in their order: (V, E), three times (2E, H), (H, V), (V,)."""
    head = (2 * embedding, units)
    return {
        "embedding": (vocabulary_size, embedding),
        "query_kernel": head,
        "key_kernel": head,
        "value_kernel": head,
        "dense_kernel": (units, vocabulary_size),
        "dense_bias": (vocabulary_size,),
    }


def shapes_of(cells: Sequence[str], parameters: int, *, vocabulary_size: int) -> list[Shape]:
    """The shape with which each of `cells`, `ATTENTION` among them or not, comes within 2 % of `parameters`.

    Raises:
        ConfigError: one has none.
    """
    return [_shape_of(cell, parameters, vocabulary_size) for cell in cells]


def _shape_of(cell: str, parameters: int, vocabulary_size: int) -> Shape:
    shapes = [_nearest(cell, parameters, embedding, vocabulary_size) for embedding in EMBEDDINGS]
    for shape in shapes:
        if abs(shape.parameters / parameters - 1) <= TOLERANCE:
            return shape
    nearest = min(shapes, key=lambda shape: abs(shape.parameters - parameters))
    raise ConfigError(
        f"--params {parameters} can't be met within {TOLERANCE:.0%} by {cell}, the nearest being "
        f"{nearest.parameters}; give more parameters"
    )


def _nearest(cell: str, parameters: int, embedding: int, vocabulary_size: int) -> Shape:
    if cell == ATTENTION:
        fixed, more = (
            sum(
                map(math.prod, attention_shapes(vocabulary_size=vocabulary_size, embedding=embedding, units=n).values())
            )
            for n in (0, 1)
        )
        units = max(1, round((parameters - fixed) / (more - fixed)))
        return Shape(cell=cell, units=units, embedding=embedding, parameters=fixed + units * (more - fixed))
    units = match_units(parameters, cell, layers=1, embedding=embedding, vocabulary_size=vocabulary_size)
    count = count_parameters(cell, units=units, layers=1, embedding=embedding, vocabulary_size=vocabulary_size)
    return Shape(cell=cell, units=units, embedding=embedding, parameters=count)
