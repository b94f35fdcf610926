"""The questions: where the answer stands, that it is determined, and what the sequences are made of."""

from __future__ import annotations

import re

import numpy as np
import pytest

from seqmagic.probes.settings import TASK_NAMES
from seqmagic.probes.tasks import COPIED, DEEPEST, TASKS, Sequences, Task


def drawn(name: str, distance: int, *, length: int, count: int = 64) -> tuple[Task, Sequences]:
    task = TASKS[name]
    return task, task.make(np.random.default_rng(3), np.full(count, distance), length)


def lines(task: Task, ids: np.ndarray) -> list[str]:
    return ["".join(task.alphabet[number] for number in row) for row in ids]


def test_every_task_has_a_name_of_the_command_line() -> None:
    assert tuple(TASKS) == TASK_NAMES


@pytest.mark.parametrize("name", TASK_NAMES)
def test_symbols_and_filler_are_apart(name: str) -> None:
    task = TASKS[name]
    assert len(set(task.alphabet)) == len(task.alphabet)
    sequences = task.draw(np.random.default_rng(0), 200, farthest=16, length=16 + task.frame)
    assert sequences.ids.shape == (200, 16 + task.frame)
    assert sequences.answers.shape == (200, task.answers)
    assert sequences.ids.dtype == sequences.answers.dtype == np.int32
    assert set(np.unique(sequences.answers)) == set(range(task.symbols))
    assert set(np.unique(sequences.ids)) == set(range(len(task.alphabet)))
    assert set(np.unique(sequences.distances)) == set(range(task.step, 17, task.step))
    share = np.bincount(sequences.answers.ravel(), minlength=task.symbols) / sequences.answers.size
    assert share == pytest.approx(np.full(task.symbols, task.chance), abs=0.1)


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_seed_decides(name: str) -> None:
    task = TASKS[name]
    one, same, other = (
        task.draw(np.random.default_rng(seed), 8, farthest=8, length=8 + task.frame) for seed in (1, 1, 2)
    )
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert (one.ids != other.ids).any()


@pytest.mark.parametrize(("distance", "length"), [(1, 3), (1, 66), (5, 20), (64, 66), (128, 130)])
def test_recall_asks_for_the_one_capital(distance: int, length: int) -> None:
    task, sequences = drawn("recall", distance, length=length)
    for line, answer in zip(lines(task, sequences.ids), lines(task, sequences.answers), strict=True):
        assert re.fullmatch(rf"[abcd]*{answer}[abcd]{{{distance}}}\?", line), line


@pytest.mark.parametrize(("distance", "length"), [(1, 21), (7, 40), (128, 148)])
def test_copy_asks_for_all_symbols_in_their_order(distance: int, length: int) -> None:
    task, sequences = drawn("copy", distance, length=length)
    for line, answer in zip(lines(task, sequences.ids), lines(task, sequences.answers), strict=True):
        assert re.fullmatch(rf"\.*{answer}\.{{{distance}}}\?{{{COPIED}}}", line), line


@pytest.mark.parametrize(("distance", "length"), [(2, 7), (2, 69), (16, 30), (64, 69), (128, 133)])
def test_dyck2_asks_what_closes_the_innermost_bracket(distance: int, length: int) -> None:
    task, sequences = drawn("dyck2", distance, length=length)
    answers = lines(task, sequences.answers)
    for line, answer, depth in zip(lines(task, sequences.ids), answers, sequences.depths, strict=True):
        assert re.fullmatch(r"\.?[][()]+\?", line), line
        stack: list[tuple[str, int]] = []
        for place, character in enumerate(line[:-1]):
            if character in "([":
                stack.append((character, place))
                assert len(stack) <= DEEPEST
            elif character != ".":
                assert stack.pop()[0] == {")": "(", "]": "["}[character]
        assert len(stack) == depth
        opener, place = stack[-1]
        assert answer == {"(": ")", "[": "]"}[opener]
        assert len(line) - 2 - place == distance
    assert set(sequences.depths) == {1, 2, 3}
