"""What gates, states and candidates are called where they are shown, in each language: one table, by neutral key."""

from __future__ import annotations

ENGLISH, TRADITIONAL_CHINESE = LANGUAGES = ("en", "zh-TW")

ROLES = ("keep", "write", "read", "reset")  # what a gate does, in the order in which gates are shown

_LABELS = {  # in the order of LANGUAGES
    "keep": ("keep", "保留"),
    "write": ("write", "寫入"),
    "read": ("read", "讀出"),
    "reset": ("reset", "重置"),
    "candidate": ("candidate", "候選值"),
    "cell_state": ("cell state", "單元狀態"),
    "hidden_state": ("hidden state", "隱藏狀態"),
    "forget_gate": ("forget gate", "遺忘門"),
    "input_gate": ("input gate", "輸入門"),
    "output_gate": ("output gate", "輸出門"),
    "update_gate": ("update gate", "更新門"),
    "reset_gate": ("reset gate", "重置門"),
    "rnn": ("simple RNN", "簡單 RNN"),
    "lstm": ("LSTM", "LSTM"),
    "gru": ("GRU", "GRU"),
    "attention": ("attention", "注意力"),
}


def label(key: str, language: str = ENGLISH) -> str:
    """The words for a key of the table, such as "keep" or "forget_gate", in one of `LANGUAGES`."""
    return _LABELS[key][LANGUAGES.index(language)]
