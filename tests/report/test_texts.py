"""Every sentence in every language, with the same gaps to fill."""

from __future__ import annotations

import string

from seqmagic.insight.labels import LANGUAGES
from seqmagic.report import texts


def test_each_language_fills_the_same_gaps() -> None:
    for key, sentences in texts._TEXTS.items():
        assert len(sentences) == len(LANGUAGES)
        gaps = [{name for _, name, _, _ in string.Formatter().parse(one) if name is not None} for one in sentences]
        assert all(one == gaps[0] for one in gaps), key
        assert all(sentences), key


def test_lists_read_as_each_language_has_them() -> None:
    assert texts.Texts("en").listed(["a", "b", "c"]) == "a, b and c"
    assert texts.Texts("zh-TW").listed(["a", "b", "c"]) == "a、b 與 c"
    assert texts.Texts("en").listed(["a"]) == "a"
