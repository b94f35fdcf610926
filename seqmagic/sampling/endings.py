"""Where a text ends before its full length: stop texts, blank lines, ends of sentences."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from seqmagic.config import SampleConfig
from seqmagic.sampling.prompts import spelled
from seqmagic.texts.normal_forms import NormalForms
from seqmagic.texts.vocabulary import Vocabulary

_BLANK_LINE = "\n\n"
_CLOSING = "\"'”’»)\\]」』）"
_SENTENCE = re.compile(rf"[.!?…][{_CLOSING}]*\s\Z|[。！？][{_CLOSING}]*[^{_CLOSING}。！？]\Z")
_NAMED = 8  # how many characters a notice spells out
_SENTENCE_MARKS = ".!?…。！？"
_SENTENCE_REACH = 16  # characters before the end of the text that the pattern may need


class Ending:
    """Watches one text grow and says where it ends.

    What ends a text is not part of it: the stop text, the blank line, the space after the sentence. So
    characters that may turn out to be the beginning of a stop text are held back until that is decided.
    A record ends at its end, also before `min_length`: what the model learned goes no further.
    """

    def __init__(self, config: SampleConfig, record_end: str | None = None) -> None:
        self._record_end = record_end
        blank_line = [_BLANK_LINE] if config.stop_at == "blank-line" else []
        self._stops: Sequence[str] = [*config.stop, *blank_line]
        self._at_sentence = config.stop_at == "sentence"
        self._minimum = config.min_length
        self._held = ""
        self._tail = ""  # the last characters let through
        self._written = 0
        self._inked = False  # whether something other than white space was written
        self.reached = False

    def push(self, character: str) -> str:
        """Take the next character; return what can be written now, perhaps nothing."""
        if character == self._record_end:
            self.reached = True
            return self.finish()
        self._held += character
        for stop in self._stops:
            length = self._written + len(self._held) - len(stop)
            if self._held.endswith(stop) and length >= self._minimum and (self._inked or stop != _BLANK_LINE):
                self.reached = True
                return self._release(len(self._held) - len(stop))
        if self._at_sentence and self._written >= self._minimum and _SENTENCE.search(self._tail + self._held):
            self.reached = True
            return self._release(len(self._held) - 1)
        return self._release(len(self._held) - self._undecided())

    def finish(self) -> str:
        """The text ends here, by its length or that of its record: what was held back."""
        return self._release(len(self._held))

    def _undecided(self) -> int:
        """How many of the held characters may be the beginning of a stop text."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0

    def _release(self, count: int) -> str:
        released, self._held = self._held[:count], self._held[count:]
        self._written += count
        self._tail = (self._tail + released)[-_SENTENCE_REACH:]
        self._inked = self._inked or (not released.isspace() and bool(released))
        return released


def make_ending(config: SampleConfig, record_end: str | None = None) -> Ending | None:
    """What ends a text early; None where only its length does. `record_end` ends one that is a record."""
    if not config.stop and config.stop_at == "length" and record_end is None:
        return None
    return Ending(config, record_end)


def fit_stops(config: SampleConfig, vocabulary: Vocabulary) -> SampleConfig:
    """`config` with the letters of its stop texts in the form, composed or decomposed, that the vocabulary has."""
    forms = NormalForms(vocabulary)
    stop = tuple(forms.fit(text) for text in config.stop)
    return config if stop == config.stop else dataclasses.replace(config, stop=stop)


def idle_settings(config: SampleConfig, vocabulary: Vocabulary) -> list[str]:
    """What in `--stop`, `--stop-at` and `--ban` can have no effect with this vocabulary, a sentence each."""
    notices = []
    if never := vocabulary.outside(config.ban or ""):
        more = f" and {len(never) - _NAMED} more" if len(never) > _NAMED else ""
        names = ", ".join(map(spelled, never[:_NAMED])) + more
        notices.append(f"--ban has no effect on {names}: the model never saw {'it' if len(never) == 1 else 'them'}")
    banned = frozenset(config.ban or "")
    writable = frozenset(vocabulary.characters) - banned
    for stop in config.stop:
        if reason := _why_never(stop, vocabulary, banned):
            notices.append(f"--stop {spelled(stop)} ends no text: {reason}")
    if config.stop_at == "blank-line" and "\n" not in writable:
        notices.append(f"--stop-at blank-line ends no text: {_why_never(_BLANK_LINE, vocabulary, banned)}")
    if config.stop_at == "sentence" and writable.isdisjoint(_SENTENCE_MARKS):
        notices.append(f"--stop-at sentence ends no text: the model can write none of {_SENTENCE_MARKS}")
    return notices


def _why_never(stop: str, vocabulary: Vocabulary, banned: frozenset[str]) -> str:
    """Why `stop` can't be written; empty where it can."""
    if outside := vocabulary.outside(stop):
        return f"the model never saw {', '.join(map(spelled, outside))}, so it can't write it"
    if never := [character for character in stop if character in banned]:
        return f"{spelled(never[0])} is banned"
    return ""
