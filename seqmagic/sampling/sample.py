"""A text that a model wrote, as Python has it: a str that shows itself, with the surprise of each character."""

from __future__ import annotations

import html
from collections.abc import Sequence

from seqmagic.config import counted
from seqmagic.evaluation.units import STEPS, step_of
from seqmagic.notebook import html_painted

SHOWN = 2000  # characters in a notebook
_IN_LINE = 32  # characters in a `repr`


class Sample(str):
    """What a model wrote, without the prompt. Everywhere but in a notebook and in its `repr` an ordinary str.

    Attributes:
        prompt: What it goes on from; "" where none was given.
        bits: (n,) What each character cost the model, in bits, before any filter: -log2 of its probability.
        run: The name of the model's run.
        seed: That of the random choices: the same one writes the same text.
    """

    prompt: str
    bits: tuple[float, ...]
    run: str
    seed: int | None

    def __new__(
        cls, characters: str, *, prompt: str = "", bits: Sequence[float] = (), run: str = "", seed: int | None = None
    ) -> Sample:
        """Raises ValueError where there are bits, but not one for each character."""
        if bits and len(bits) != len(characters):
            raise ValueError(f"{len(characters)} characters have {len(bits)} bits")
        made = super().__new__(cls, characters)
        made.prompt, made.bits, made.run, made.seed = prompt, tuple(bits), run, seed
        return made

    def __repr__(self) -> str:
        beginning = f"{self[:_IN_LINE]!r}{'…' * (len(self) > _IN_LINE)}"
        return f"Sample({', '.join([beginning, *self._facts()])})"

    def _repr_html_(self) -> str:
        steps = [step_of(bits) for bits in self.bits[:SHOWN]]
        left_out = len(self) - SHOWN
        parts = [f'<span style="opacity:0.6">{html.escape(self.prompt)}</span>' if self.prompt else ""]
        parts += [html_painted(self[:SHOWN], steps)]
        parts += [f"<b> … {left_out:,} more characters</b>" if left_out > 0 else ""]
        facts = [f"<b>{html.escape(self.run)}</b>"] if self.run else []
        facts += [*self._facts(), *([f"seed {self.seed}"] if self.seed is not None else [])]
        shown = f'<pre style="white-space:pre-wrap">{"".join(parts)}</pre><div>{", ".join(facts)}</div>'
        return f"{shown}<div>bits: {_legend()}</div>" if self.bits else shown

    def _facts(self) -> list[str]:
        length = counted(len(self), "character")
        return [length, f"{sum(self.bits) / len(self.bits):.2f} bits each"] if self.bits else [length]


def _legend() -> str:
    """A field of each step, named by the bits from which it begins."""
    names = ["0", *(f"{edge:g}" for edge in STEPS)]
    return " ".join(html_painted(f" {name}+ ", [step] * (len(name) + 3)) for step, name in enumerate(names))
