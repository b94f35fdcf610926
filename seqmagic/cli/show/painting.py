"""Colours for characters by the probability that the model gave them, and the legend."""

from __future__ import annotations

from collections.abc import Sequence

# from the likely to the surprising: lowest probability, its words, the codes of a terminal
BANDS = (
    (0.5, "50 % or more", ""),
    (0.2, "20 %", "36"),
    (0.05, "5 %", "33"),
    (0.01, "1 %", "35"),
    (0.0, "less", "1;31"),
)
_RESET = "\x1b[0m"
_DIM = "2"


def band(probability: float) -> int:
    """Which of `BANDS` a probability falls into."""
    return next(number for number, (lowest, _, _) in enumerate(BANDS) if probability >= lowest)


def paint(characters: str, probabilities: Sequence[float]) -> str:
    """`characters` with codes for a terminal, a colour for each run of one band; plain without probabilities."""
    if not probabilities:
        return characters
    painted, current = [], ""
    for character, probability in zip(characters, probabilities, strict=True):
        code = BANDS[band(probability)][2]
        if code != current:
            painted.append(f"\x1b[{code}m" if code and not current else f"{_RESET}\x1b[{code}m" if code else _RESET)
            current = code
        painted.append(character)
    return "".join(painted) + (_RESET if current else "")


def dim(characters: str) -> str:
    """`characters` darker than the rest."""
    return f"\x1b[{_DIM}m{characters}{_RESET}"


def legend() -> str:
    """One painted line that says what the colours mean."""
    words = ", ".join(f"\x1b[{code}m{words}{_RESET}" if code else words for _, words, code in BANDS)
    return f"probability of each character: {words}"
