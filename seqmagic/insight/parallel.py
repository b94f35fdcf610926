"""Pieces of work side by side, one core each: NumPy lets go of Python's lock in its products.

One thread for a piece and several pieces at once beat several threads for one product after the other,
above all where somebody else needs a core; and every piece is computed in the same way on any machine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from seqmagic.sampling.threads import available_threads, blas_threads

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")


def side_by_side(work: Callable[[Piece], Answer], pieces: Iterable[Piece]) -> list[Answer]:
    """`work` on each piece, in as many threads as the process may use; the answers in the order of the pieces."""
    todo = list(pieces)
    workers = min(available_threads(), len(todo))
    if workers <= 1:
        return [work(piece) for piece in todo]
    with _one_thread_each(), ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(work, todo))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for the pieces at hand alone
            raise


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    threads = blas_threads()
    if threads is None:
        yield
        return
    before = threads.get()
    threads.set(1)
    try:
        yield
    finally:
        threads.set(before)
