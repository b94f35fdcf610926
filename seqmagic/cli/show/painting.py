"""Surprise in a text that is being written: characters on a ramp of colours by their bits, or above digits."""

from __future__ import annotations

from collections.abc import Sequence

from seqmagic.drawing.words import cells
from seqmagic.evaluation import units

_RESET = "\x1b[0m"
_DIM = "2"


class Painter:
    """Shows how surprised a model was by each character, on the scale of `inspect surprise`.

    With colours each character stands on the one of its step. Without them (a pipe, a file, NO_COLOR, TERM=dumb) a
    text comes line by line, and below each line stands one of digits, from 0, expected, to 5.
    """

    def __init__(self, *, system: str | None, width: int) -> None:
        """For a terminal with these colours (see `strips.colour_system`, None for none) and of this width."""
        self._codes = None if system is None else _codes(system)
        self._width = width
        self._line: list[tuple[str, str]] = []  # characters with their digit, where there are no colours

    @property
    def has_colours(self) -> bool:
        return self._codes is not None

    def prompt(self, text: str) -> str:
        """What to write for characters that nobody predicted."""
        if self._codes is None:
            return self._above_digits(text, " " * len(text))
        return dim(text) if text else ""

    def add(self, characters: str, probabilities: Sequence[float]) -> str:
        """What to write for characters and the probability that each had; lines without colours are kept till full."""
        steps = [step_of(probability) for probability in probabilities]
        if self._codes is None:
            return self._above_digits(characters, "".join(map(str, steps)))
        return paint(characters, steps, self._codes)

    def end(self) -> str:
        """What is still to be written at the end of a text, without a line break."""
        return self._flushed().removesuffix("\n") if self._line else ""

    def line(self, characters: str, probabilities: Sequence[float]) -> tuple[str, str]:
        """One line by itself: as `add` writes it with colours, and its digits where there are none."""
        if self._codes is not None:
            return self.add(characters, probabilities), ""
        digits = [str(step_of(probability)) for probability in probabilities]
        return characters, _below(list(zip(characters, digits, strict=True)))

    def legend(self) -> str:
        """One line that says what the colours or digits mean."""
        from seqmagic.cli.show.surprise import bin_words

        if self._codes is None:
            return "bits of each character: " + ", ".join(
                f"{step} is {words}" for step, words in enumerate(bin_words())
            )
        pairs = zip(self._codes, bin_words(), strict=True)
        return "bits of each character: " + " ".join(f"{code}{words}{_RESET if code else ''}" for code, words in pairs)

    def _above_digits(self, characters: str, digits: str) -> str:
        written = ""
        for character, digit in zip(characters, digits, strict=True):
            if character == "\n":
                written += self._flushed()
                continue
            if sum(cells(sign) for sign, _ in self._line) + cells(character) > self._width:
                written += self._flushed()
            self._line.append((" " if character == "\t" else character, digit))
        return written

    def _flushed(self) -> str:
        """The line that is kept, and its digits."""
        text, digits = "".join(character for character, _ in self._line), _below(self._line)
        self._line.clear()
        return f"{text}\n{digits}\n" if digits else f"{text}\n"


def _below(line: Sequence[tuple[str, str]]) -> str:
    """The digits of characters, each under its own."""
    return "".join(f"{digit:{cells(character)}}" for character, digit in line if cells(character)).rstrip()


def step_of(probability: float) -> int:
    """The step of a character that had this probability, from 0."""
    return units.step_of(units.bits_of(probability))


def paint(characters: str, steps: Sequence[int], codes: Sequence[str]) -> str:
    """`characters` with the code of the step of each, one code for a run of the same step."""
    painted, current = [], ""
    for character, step in zip(characters, steps, strict=True):
        code = codes[step] if character != "\n" else ""  # some terminals would fill the next line
        if code != current:
            painted.append((_RESET if current else "") + code)
            current = code
        painted.append(character)
    return "".join(painted) + (_RESET if current else "")


def _codes(system: str) -> list[str]:
    """What begins each step on a terminal of these colours; nothing for the first."""
    from rich.color import ColorSystem
    from rich.style import Style

    from seqmagic.cli.show.strips import RISING

    kinds = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT}
    kind = kinds.get(system, ColorSystem.STANDARD)
    styles = RISING.styles(system) or ()
    return [Style.parse(style).render("|", color_system=kind).split("|")[0] if style else "" for style in styles]


def dim(characters: str) -> str:
    """`characters` darker than the rest."""
    return f"\x1b[{_DIM}m{characters}{_RESET}"
