"""What the gates of every cell do, under names that mean the same for all of them.

    name    LSTM            GRU               simple RNN
    keep    forget gate     z of Keras        none: nothing is kept as it is
    write   input gate      1 - z of Keras    none: everything is written
    read    output gate     none              none
    reset   none            reset gate        none

The z of Keras keeps; that of most articles writes, and is our `write`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmagic.insight.labels import ROLES

_LSTM = {"keep": "forget", "write": "input", "read": "output"}
_GRU = {"keep": "keep", "reset": "reset"}
BLOCKS = {"rnn": {}, "lstm": _LSTM, "gru": _GRU}  # the block of a kernel that is a gate of its own
MEMORY = {"rnn": "hidden_state", "lstm": "cell_state", "gru": "hidden_state"}  # what is carried on


def roles_of(cell: str) -> list[str]:
    """Those of `ROLES` that a cell has."""
    return [role for role in ROLES if role in BLOCKS[cell] or (cell, role) == ("gru", "write")]


def gates_by_role(cell: str, gates: Any) -> dict[str, np.ndarray]:
    """The gates of a replay by their names in `ROLES`: arrays of any shape."""
    found = {role: getattr(gates, block) for role, block in BLOCKS[cell].items()}
    if cell == "gru":
        found["write"] = 1 - gates.keep
    return {role: found[role] for role in roles_of(cell)}


def memory(cell: str, states: Any) -> np.ndarray:
    """What a cell carries on, within (-1, 1): tanh of c of an LSTM, else h."""
    return np.tanh(states.c) if cell == "lstm" else states.h
