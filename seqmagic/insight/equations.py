"""The equations of each cell as they are computed, with what each is called and does; `network.cells` has the code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """One equation.

    Attributes:
        symbol: What it computes.
        formula: How; * is by element, · a product with a matrix, `before` marks the step before.
        label: Its name, a key of `seqmagic.insight.labels`.
        role: The neutral name of a gate, where it is one (`seqmagic.insight.roles`).
        block: The block of the kernels that it has, where it has one.
        meaning: What it does, in a sentence.
    """

    symbol: str
    formula: str
    label: str
    role: str | None
    block: str | None
    meaning: str


EQUATIONS = {
    "rnn": (
        Equation(
            "h", "tanh(x·W + h_before·U + b)", "hidden_state", None, "candidate",
            "The whole memory and the output at once; it is written anew with every character.",
        ),
    ),
    "lstm": (
        Equation(
            "f", "sigmoid(x·W_f + h_before·U_f + b_f)", "forget_gate", "keep", "forget",
            "How much of the cell state stays: 1 keeps all of it, 0 forgets it.",
        ),
        Equation(
            "i", "sigmoid(x·W_i + h_before·U_i + b_i)", "input_gate", "write", "input",
            "How much of the candidate is written into the cell state.",
        ),
        Equation(
            "g", "tanh(x·W_g + h_before·U_g + b_g)", "candidate", None, "candidate",
            "What could be written, from -1 to 1.",
        ),
        Equation(
            "c", "f * c_before + i * g", "cell_state", None, None,
            "The memory: what was kept and what was written, added up; no matrix stands in its way.",
        ),
        Equation(
            "o", "sigmoid(x·W_o + h_before·U_o + b_o)", "output_gate", "read", "output",
            "How much of the memory is shown to the next step and the layer above.",
        ),
        Equation("h", "o * tanh(c)", "hidden_state", None, None, "The output: the part of the memory that is shown."),
    ),
    "gru": (
        Equation(
            "z", "sigmoid(x·W_z + b_z + h_before·U_z + d_z)", "update_gate", "keep", "keep",
            "How much of the old state stays. Most articles call 1 - z by this name: there z writes.",
        ),
        Equation(
            "r", "sigmoid(x·W_r + b_r + h_before·U_r + d_r)", "reset_gate", "reset", "reset",
            "How much of the old state the candidate sees.",
        ),
        Equation(
            "g", "tanh(x·W_g + b_g + r * (h_before·U_g + d_g))", "candidate", None, "candidate",
            "What could be written, from -1 to 1.",
        ),
        Equation(
            "h", "z * h_before + (1 - z) * g", "hidden_state", None, None,
            "Memory and output at once: what is not kept is written, by one gate.",
        ),
    ),
}  # fmt: skip
