"""A written text: an ordinary str, and what a notebook shows of it."""

from __future__ import annotations

import copy
import json
import pickle
import re

import pytest

from seqmagic.sampling.sample import SHOWN, Sample


def words_in(shown: str) -> str:
    return re.sub(r"<[^>]*>", "", shown)


def test_it_is_a_str_and_keeps_what_is_known_of_it() -> None:
    sample = Sample("a <b>\n", prompt="x", bits=[0.1, 1, 2, 3, 5, 7], run="tiny", seed=3)
    assert sample == "a <b>\n" and f"{sample}" == "a <b>\n" and json.dumps(sample) == '"a <b>\\n"'
    assert type(sample.upper()) is str and {sample: 1}["a <b>\n"] == 1
    for again in (copy.copy(sample), copy.deepcopy(sample), pickle.loads(pickle.dumps(sample))):
        assert (again, again.bits, again.prompt, again.run, again.seed) == (
            sample, sample.bits, "x", "tiny", 3,
        )  # fmt: skip
    with pytest.raises(ValueError, match="2 characters have 1 bits"):
        Sample("ab", bits=[1.0])


def test_its_line_is_short() -> None:
    assert repr(Sample("ab\n", bits=[1, 2, 3])) == "Sample('ab\\n', 3 characters, 2.00 bits each)"
    assert repr(Sample("a")) == "Sample('a', 1 character)"
    assert repr(Sample("a" * 5000)) == f"Sample('{'a' * 32}'…, 5,000 characters)"


def test_a_notebook_paints_it_and_obeys_nothing_of_it() -> None:
    shown = Sample("<b>&", prompt="<i>", bits=[0, 0, 7, 7], run="<run>", seed=5)._repr_html_()
    text, facts, legend = words_in(shown.replace("</pre>", "\n").replace("</div>", "\n")).splitlines()
    assert text == "&lt;i&gt;&lt;b&gt;&amp;"
    assert facts == "&lt;run&gt;, 4 characters, 3.50 bits each, seed 5"
    assert legend.split() == ["bits:", "0+", "0.5+", "1+", "2+", "4+", "6+"]
    assert '&lt;b<span style="background:#993404;color:#fff">&gt;&amp;</span></pre>' in shown


def test_a_long_text_is_cut_where_one_sees_it() -> None:
    for bits in ([], [1.0] * 3000):
        shown = Sample("é" * 3000, bits=bits)._repr_html_()
        assert shown.count("é") == SHOWN and " … 1,000 more characters" in shown
    assert "more characters" not in Sample("é" * SHOWN)._repr_html_()
    assert "<span" not in Sample("plain")._repr_html_() and "bits" not in Sample("plain")._repr_html_()
