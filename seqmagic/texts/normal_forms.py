"""Letters in another form than a vocabulary has them: é as one character, or as e and an accent after it.

Unicode has two spellings for one letter (UAX 15): composed (NFC), as most keyboards write it, and decomposed
(NFD), as some systems store it. They look the same, so a model trained on one is asked in the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from seqmagic.texts.vocabulary import Vocabulary

_LONGEST_CLUSTER = 64  # characters of one letter with its marks that are held back at the end of a piece


class NormalForms:
    """Puts letters into the form that a vocabulary has, where it lacks the one that they are in.

    Nothing else changes: a letter that the vocabulary has as it is, and one that it has in no form.

    Attributes:
        changed: Letters changed so far.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._known = frozenset(vocabulary.characters)
        self._example = ""
        self.changed = 0

    @property
    def sentence(self) -> str:
        """What was changed, for a notice."""
        letters = "1 letter was" if self.changed == 1 else f"{self.changed:,} letters were"
        form = "composed" if len(self._example) == 1 else "decomposed"
        points = " ".join(f"U+{ord(character):04X}" for character in self._example)
        return f"{letters} read in the {form} form, which the model knows, such as {self._example} ({points})"

    def fit(self, text: str) -> str:
        """`text` with its letters in the form that the vocabulary has."""
        outside = self._vocabulary.outside(text)
        if not outside:
            return text
        marks = "".join(re.escape(character) for character in set(text) if _continues(character))
        alone = "".join(re.escape(character) for character in outside)
        clusters = f"[^{marks}]?[{marks}]+|[{alone}]" if marks else f"[{alone}]"
        return re.sub(clusters, self._fit_letter, text, flags=re.DOTALL)

    def _fit_letter(self, match: re.Match[str]) -> str:
        letter = match.group()
        if self._known.issuperset(letter):
            return letter
        for form in (unicodedata.normalize("NFC", letter), unicodedata.normalize("NFD", letter)):
            if self._known.issuperset(form):
                self.changed += 1
                self._example = self._example or form
                return form
        return letter

    def fitted(self, pieces: Iterable[str]) -> Iterator[str]:
        """The same for a text in pieces; a letter may be cut in two by the end of one."""
        held = ""
        for piece in pieces:
            text = held + piece
            cut = _last_letter(text)
            held = text[cut:]
            if cut:
                yield self.fit(text[:cut])
        if held:
            yield self.fit(held)


def _last_letter(text: str) -> int:
    """Where the last letter of `text` begins, to which more marks may come."""
    start = len(text) - 1
    while start > 0 and _continues(text[start]) and start > len(text) - _LONGEST_CLUSTER:
        start -= 1
    return start


def _continues(character: str) -> bool:
    """Whether `character` belongs to the letter before it: a mark, or a later part of a Hangul syllable."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"
