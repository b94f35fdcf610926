"""What gates, states and candidates are called where they are shown: one table, by neutral key."""

from __future__ import annotations

_LABELS = {
    "keep": "keep",
    "write": "write",
    "read": "read",
    "reset": "reset",
    "candidate": "candidate",
    "cell_state": "cell state",
    "hidden_state": "hidden state",
    "forget_gate": "forget gate",
    "input_gate": "input gate",
    "output_gate": "output gate",
    "update_gate": "update gate",
    "reset_gate": "reset gate",
}


def label(key: str) -> str:
    """The words for a key of the table, such as "keep" or "forget_gate"."""
    return _LABELS[key]
