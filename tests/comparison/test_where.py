"""Where rows differ: the figures are those of the table and of the n-gram, and passages don't overlap."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seqmagic.cli.main import main
from seqmagic.comparison.record import Comparison, write_comparison
from seqmagic.comparison.rows import row_of
from seqmagic.comparison.where import ALL, PASSAGE, OfClass, Reader, Where, chosen_rows, where_rows_differ
from seqmagic.errors import RunError
from seqmagic.evaluation.baselines import measure_baselines
from seqmagic.evaluation.classes import CLASSES
from seqmagic.evaluation.units import bits
from seqmagic.runs.own_text import read_own_text
from tests.comparison.test_costs import long_text, with_its_own_loss
from tests.helpers import make_run, make_text

Call = Callable[..., Result]
__all__ = ["long_text"]  # a fixture


@pytest.fixture
def kept(models: Path, long_text: Path) -> Comparison:
    """A comparison of four runs, two of them of one cell, that was kept as `mine`."""
    runs = [
        with_its_own_loss(make_run(models, name, source=long_text, cell=cell, units=units, seed=seed))
        for name, cell, units, seed in (("a", "rnn", 6, 1), ("b", "lstm", 6, 1), ("c", "gru", 6, 1), ("d", "gru", 4, 2))
    ]
    own = read_own_text(runs[0], "validation")
    text = own.record.text
    baselines = measure_baselines(own.part("train"), own.ids, own.corpus.vocabulary.size)
    comparison = Comparison(
        name="mine",
        text={
            "source": text.source, "sha256": text.sha256, "characters": text.characters,
            "train": text.train, "validation": text.validation, "test": text.test,
        },
        rows=tuple(row_of(run.name, run.read_record()) for run in runs),
        baselines=tuple(baselines),
    )  # fmt: skip
    (models / "mine").mkdir()
    write_comparison(models / "mine", comparison)
    return comparison


def test_the_classes_add_up_to_the_losses_of_the_table(kept: Comparison, models: Path) -> None:
    found = where_rows_differ(kept, models)
    chosen = chosen_rows(kept)
    ngram = min(kept.baselines[2:], key=lambda one: one.loss)
    assert [one.run for one in found.readers] == [*(row.run for row in chosen), None]
    for reader, loss in zip(found.readers, [*(row.loss for row in chosen), ngram.loss], strict=True):
        assert reader.mean_bits == pytest.approx(bits(loss), rel=1e-6)
        *classes, whole = reader.classes
        assert [one.name for one in classes] == list(CLASSES) and whole.name == ALL
        assert sum(one.characters for one in classes) == whole.characters == found.characters
        assert sum(one.share_of_bits for one in classes) == pytest.approx(1)
        assert sum((one.bits or 0) * one.share for one in classes) == pytest.approx(whole.bits)
        right = sum((one.accuracy or 0) * one.characters for one in classes)
        assert right == pytest.approx(whole.characters * (whole.accuracy or 0))
    assert found.readers[-1].label == ngram.name and (found.readers[-1].classes[-1].accuracy or 0) > 0.5
    assert [row.cell for row in chosen] == ["rnn", "lstm", "gru"]


def test_passages_are_far_apart_and_the_farthest_comes_first(kept: Comparison, models: Path) -> None:
    second = ({"c", "d"} - {row.run for row in chosen_rows(kept)}).pop()
    found = where_rows_differ(kept, models, pair=["lstm", second])
    assert found.pair == ("lstm 1×6", f"gru 1×{6 if second == 'c' else 4} ({second})")
    sizes = [abs(one.difference) for one in found.passages]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 10
    places = sorted(one.at for one in found.passages)
    assert all(later - one >= PASSAGE for one, later in itertools.pairwise(places))
    whole = read_own_text_of("a", models)
    for one in found.passages:
        assert one.text == whole[one.at : one.at + PASSAGE]
        assert one.difference == pytest.approx(sum(one.bits[0]) - sum(one.bits[1]))


def test_the_sentence_says_what_the_difference_is_made_of() -> None:
    def reader(label: str, letters: float, spaces: float) -> Reader:
        whole = (letters + 3 * spaces) / 4
        figures = (("letters 4+", 0.25, letters), ("space", 0.75, spaces), (ALL, 1.0, whole))
        classes = [
            OfClass(name=name, characters=int(100 * share), share=share, bits=paid, share_of_bits=0.5, accuracy=0.5)
            for name, share, paid in figures
        ]
        return Reader(label=label, run=label, classes=tuple(classes))

    readers = (reader("gru", 3.0, 1.1), reader("rnn", 4.0, 1.0))
    found = Where(
        comparison="mine", part="test", characters=100, readers=readers, pair=("rnn", "gru"), passages=(), notes=()
    )
    assert found.sentence == (
        "gru pays 0.175 bits per character less than rnn: 0.250 less for letters 4+, 25 % of the characters, "
        "but 0.075 more for space."
    )
    assert dataclasses.replace(found, pair=()).sentence == ""
    same = dataclasses.replace(found, readers=(readers[0], dataclasses.replace(readers[0], label="rnn")))
    assert same.sentence == "rnn and gru pay the same, to a thousandth of a bit."


def read_own_text_of(name: str, models: Path) -> str:
    from seqmagic.runs.folder import Run

    own = read_own_text(Run(models / name), "validation")
    return own.corpus.vocabulary.decode(own.ids)


@pytest.mark.parametrize("pair", [["lstm", "n-gram"], ["c", "rnn 1x6"], ["lstm", "gru"]])
def test_a_row_has_several_names(pair: list[str], kept: Comparison, models: Path) -> None:
    assert len(where_rows_differ(kept, models, pair=pair).pair) == 2


def test_what_can_not_be_said(kept: Comparison, models: Path, long_text: Path) -> None:
    with pytest.raises(RunError, match="no row 'cat' with a loss; give two of rnn, lstm, gru and n-gram"):
        where_rows_differ(kept, models, pair=["lstm", "cat"])
    with pytest.raises(RunError, match="can't be compared"):
        where_rows_differ(dataclasses.replace(kept, comparable=False), models)
    with pytest.raises(RunError, match="no row of mine has a loss yet"):
        where_rows_differ(dataclasses.replace(kept, rows=()), models)
    make_text(models.parent, "nothing like it " * 200, "other.txt")
    (models / "b" / "model.keras").unlink()
    found = where_rows_differ(kept, models)
    left = [row.run for row in chosen_rows(kept) if row.run != "b"]
    assert [one.run for one in found.readers] == [*left, None] and found.notes[0].startswith("b can't be read: run b")
    shutil.rmtree(models / "b")
    make_run(models, "b", source=models.parent / "other.txt", cell="lstm")
    assert "b can't be read: it was trained anew since, or on another text." in where_rows_differ(kept, models).notes
    long_text.write_text("another text")
    with pytest.raises(RunError, match="has changed since the training"):
        where_rows_differ(kept, models)


def test_all_formats_have_the_numbers_of_the_document(kept: Comparison, models: Path, seqmagic: Call) -> None:
    document = json.loads(seqmagic("compare", "show", "mine", "--where", "--json").stdout)
    assert document == json.loads(json.dumps(where_rows_differ(kept, models).to_json()))
    *_, whole = document["readers"][0]["classes"]
    lines = seqmagic("compare", "show", "mine", "--where", "--format", "csv").stdout.splitlines()
    assert lines[len(CLASSES) + 1].endswith(
        f",all,{whole['characters']},1.0,{whole['bits']},{whole['share_of_bits']},{whole['accuracy']}"
    )
    for form in ("table", "markdown", "latex", "html"):
        shown = seqmagic("compare", "show", "mine", "--where", "--format", form).stdout
        for reader in document["readers"]:
            for one in reader["classes"]:
                if one["characters"]:
                    figures = (
                        f"{one['bits']:.2f}",
                        f"{100 * one['share_of_bits']:.1f}",
                        f"{100 * one['accuracy']:.1f}",
                    )
                    assert all(figure in shown for figure in figures), (form, one)


def test_sixty_columns_without_colours_have_marks_below_each_passage(kept: Comparison, models: Path) -> None:
    narrow = CliRunner(env={"SEQMAGIC_MODELS": str(models), "COLUMNS": "60"})
    result = narrow.invoke(main, ["compare", "show", "mine", "--where", "--rows", "lstm,gru"])
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line for line in lines if len(line) > 60] == []
    at = next(place for place, line in enumerate(lines) if line.startswith("1. at "))
    assert len(lines[at + 1]) == len(lines[at + 2]) == PASSAGE and set(lines[at + 2]) <= set("abcd01234")
    assert " ".join(result.stdout.split()).endswith("3 is +3, 4 is +4")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--where", "--learning"], "--where and --learning are two views; give one"),
        (["--rows", "a,b"], "--rows names the rows whose passages --where shows; give --where too"),
        (["--where", "--rows", "a"], "--rows takes two rows, A,B; received 'a'"),
        (["--where", "--rows", "a,a"], "--rows takes two rows, A,B; received 'a,a'"),
        (["--all"], "--all is for --learning; give that too"),
        (["--delay", "1"], "--delay is for --learning; give that too"),
        (["--learning", "--delay", "1", "--all"], "--all does not wait, and --delay does; give one"),
        (["--learning", "--format", "csv"], "--learning shows texts, which --format csv has no form for"),
        (["--where", "--against", "seconds"], "--against is for the curves, which --where does not draw; leave it out"),
        (["--where", "--format", "csv", "--json"], "--json and --format csv are two formats; give one"),
    ],
)
def test_contradictions_are_refused_in_one_line(arguments: list[str], words: str, seqmagic: Call) -> None:
    result = seqmagic("compare", "show", "mine", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1) and result.stderr.startswith(f"seqmagic: {words}")


def test_show_shows_what_compare_shows_and_knows_what_there_is(kept: Comparison, seqmagic: Call) -> None:
    assert seqmagic("compare", "show", "mine").stdout == seqmagic("compare", "mine").stdout
    assert "did you mean mine?" in seqmagic("compare", "show", "mime").stderr
    assert "a is a run and no comparison; see: seqmagic runs show a" in seqmagic("compare", "show", "a").stderr
    assert "there is mine" in seqmagic("compare", "show", "zzzzz").stderr


def test_a_text_called_show_is_reached_by_its_path(
    tmp_path: Path, seqmagic: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "show").write_text("x")
    assert "Missing argument 'NAME'" in seqmagic("compare", "show").stderr
    assert "show" in seqmagic("compare", "./show").stderr and "NAME" not in seqmagic("compare", "./show").stderr
