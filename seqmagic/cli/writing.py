"""What `seqmagic sample` does with a model: stream its texts, gather them, and say how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqmagic.api import Model
from seqmagic.cli.console import one_line
from seqmagic.cli.show.page import Page
from seqmagic.cli.show.painting import Painter
from seqmagic.config import SampleConfig
from seqmagic.sampling.endings import fit_stops, idle_settings
from seqmagic.sampling.pieces import Piece, Text, gather, in_order
from seqmagic.sampling.prompts import begin_record, default_prompt, fit_prompt, listed, prompt_notices
from seqmagic.sampling.writer import check, write

if TYPE_CHECKING:
    from seqmagic.sampling.novelty import Novelty


@dataclass
class Assignment:
    """One model, and the texts asked of it.

    Attributes:
        prompts: As the model can read them; none where the default is to be used.
        surprise: Whether each character comes with its probability.
        training: Ids of the training text, where novelty is to be measured.
        characters, seconds: Written so far, and the time that took.
    """

    model: Model
    config: SampleConfig
    prompts: Sequence[str]
    surprise: bool
    training: Any = None
    characters: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def pieces(self) -> Iterator[Piece]:
        """The texts as they are written; what can't be written is refused at once."""
        model = self.model
        return self._timed(
            write(
                model.network,
                model.vocabulary,
                self.config,
                self.prompts,
                surprise=self.surprise,
                record_end=model.record_end,
            )
        )

    def _timed(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        started = time.perf_counter()
        for piece in pieces:
            self.characters += len(piece.characters)
            self.seconds = time.perf_counter() - started
            yield piece

    def prompt_of(self, text: int) -> str:
        """What text number `text` goes on from."""
        if not self.prompts:
            return "" if self.model.record_end else default_prompt(self.model.vocabulary)
        return self.prompts[text // self.config.count]

    def shown_prompt(self, text: int) -> str:
        """The part of it that stands before the text: nothing where nobody gave a prompt."""
        return self.prompt_of(text) if self.prompts else ""

    def texts(self) -> list[Text]:
        """All texts, whole."""
        return gather(self.pieces())

    @property
    def characters_per_second(self) -> float:
        return self.characters / self.seconds if self.seconds else 0.0

    def novelty(self, texts: Sequence[str]) -> Novelty | None:
        """How new the texts are, where that was asked for."""
        if self.training is None:
            return None
        from seqmagic.sampling.novelty import measure_novelty  # reads texts: a third of what sampling imports

        return measure_novelty(texts, self.training, self.model.vocabulary)


def assign(
    model: Model,
    config: SampleConfig,
    prompts: Sequence[str],
    *,
    skip_unknown: bool,
    surprise: bool,
    novelty: bool,
    tell: Callable[[str], None],
) -> Assignment:
    """The assignment for `model`; `tell` gets what of the prompts and settings was left out or has no effect."""
    fitted = [fit_prompt(prompt, model.vocabulary, skip_unknown=skip_unknown) for prompt in prompts]
    if skipped := "".join(dict.fromkeys("".join(outside for _, outside in fitted))):
        tell(f"left out of the prompt, as {model.run.name} never saw them: {one_line(listed(skipped))}")
    if model.record_end is not None:
        beginnings = [begin_record(prompt, model.record_end)[1:] for prompt, _ in fitted]
        fitted = [(prompt, outside) for prompt, (_, outside) in zip(beginnings, fitted, strict=True) if prompt]
    check(model.network, model.vocabulary, config, max(1, len(prompts)) * config.count)
    said = [line for prompt in prompts for line in prompt_notices(prompt, model.vocabulary)]
    said += idle_settings(fit_stops(config, model.vocabulary), model.vocabulary)
    for line in dict.fromkeys(said):
        tell(f"{model.run.name}: {one_line(line)}")
    training = None
    if novelty:
        from seqmagic.sampling.novelty import training_ids

        training = training_ids(model.run)
    return Assignment(model, config, [prompt for prompt, _ in fitted], surprise, training)


def write_texts(
    assignment: Assignment, page: Page, *, separator: str | None, painter: Painter | None
) -> tuple[list[str], bool]:
    """Write the texts onto `page`, each after its prompt and with a line break at its end.

    Between two of them stands the line `separator`, or nothing where it is None.

    Returns:
        The texts without their prompts, kept only where their novelty is to be measured; and whether Ctrl-C
        ended them.
    """
    kept: list[list[str]] = []

    def begin(text: int) -> None:
        page.write(f"{separator}\n" if text and separator is not None else "")
        prompt = page.shown(assignment.shown_prompt(text))
        page.write(painter.prompt(prompt) if painter else prompt)
        kept.append([])

    pieces = in_order(assignment.pieces())
    begin(0)  # a long prompt shows while the model still reads it
    try:
        for piece in pieces:
            if piece.text == len(kept):
                begin(piece.text)
            shown = page.shown(piece.characters)
            page.write(painter.add(shown, piece.probabilities) if painter else shown)
            if assignment.training is not None:
                kept[-1].append(piece.characters)
            if piece.last:
                page.write(f"{painter.end() if painter else ''}\n")
        interrupted = False
    except KeyboardInterrupt:
        page.write(f"{painter.end() if painter else ''}\n")
        interrupted = True
    return ["".join(characters) for characters in kept], interrupted


def document(assignment: Assignment) -> dict[str, Any]:
    """The texts and how they came about, for JSON."""
    texts = assignment.texts()
    samples: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        samples.append({"prompt": assignment.prompt_of(number), "text": text.characters})
        if assignment.surprise:
            samples[-1]["probabilities"] = [round(probability, 6) for probability in text.probabilities]
    result: dict[str, Any] = {
        "run": assignment.model.run.name,
        "seed": assignment.config.seed,
        "samples": samples,
        "characters_per_second": assignment.characters_per_second,
    }
    novelty = assignment.novelty([text.characters for text in texts])
    if novelty is not None:
        result["novelty"] = {
            "longest_copy": novelty.longest,
            "copied": novelty.copied,
            "grams": novelty.grams,
            "new_share": novelty.new_share,
        }
    return result


def summary(assignment: Assignment) -> str:
    """The line that says how the texts came about."""
    return (
        f"{assignment.model.run.name}: {assignment.characters:,} characters in {assignment.seconds:.2f} s "
        f"({assignment.characters_per_second:,.0f} characters/s), seed {assignment.config.seed}"
    )


def novelty_lines(name: str, novelty: Novelty) -> list[str]:
    """What was found about copying, in words."""
    if not novelty.grams:
        return [f"{name}: the texts are too short to say whether they are copied"]
    share = f"{novelty.new_share:.1%} of the {novelty.grams:,} runs of 8 characters"
    lines = [f"{name}: {share} are not in its training text"]
    if novelty.longest:
        lines.append(f"longest run copied word for word, {novelty.longest} characters: {one_line(novelty.copied)}")
    return lines
