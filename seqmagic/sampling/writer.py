"""Writing: from a network, prompts and settings to texts, a character at a time.

    Network -> FoldedNetwork -> Stepper (logits) -> Sampler (characters) -> Ending (where it ends) -> Piece

Texts are numbered prompt by prompt: with `count` texts each, text i goes on from prompt i // count and
draws with random stream i % count. So a text depends neither on how many there are nor on the other
prompts; but for rounding, as several texts share one matrix product.
"""

from __future__ import annotations

import dataclasses
import itertools
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError
from seqmagic.network.network import Network
from seqmagic.network.probabilities import softmax
from seqmagic.sampling.endings import fit_stops
from seqmagic.sampling.pieces import Piece, Track
from seqmagic.sampling.prompts import begin_record, default_prompt, fit_prompt
from seqmagic.sampling.sampler import Sampler, banned_ids
from seqmagic.sampling.stepper import FoldedNetwork, State, Stepper
from seqmagic.sampling.threads import WORTH_SHARING, ThreadChooser, available_threads, blas_threads
from seqmagic.sampling.working_memory import check_memory
from seqmagic.texts.vocabulary import UNKNOWN_CHARACTER, Vocabulary

TOGETHER = 5  # as many texts as it takes for one product of matrices to beat that many with a vector
GROUP = 64  # texts that advance together at most
BLOCK = 16  # characters of one text that are handed over together at most


_Choose = Callable[[np.ndarray], Any]  # logits -> the id of a character, or of one for each text
_Step = Callable[[Any], np.ndarray]  # that id, or those -> logits


class _Job(NamedTuple):
    """A text to be written.

    Attributes:
        text: Its number.
        stream: That of its random stream.
        prompt: (n,) integer, the ids it goes on from, without the end that a record begins after.
        state, logits: The memory after the prompt, and the logits (V,) of the character that follows.
    """

    text: int
    stream: int
    prompt: np.ndarray
    state: State
    logits: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Desk:
    """What all texts of one call share."""

    network: FoldedNetwork
    vocabulary: Vocabulary
    config: SampleConfig
    seed: int
    surprise: bool
    reading: ThreadChooser
    writing: ThreadChooser
    record_end: str | None

    def track(self, text: int) -> Track:
        return Track(text, self.config, self.record_end)

    def sampler(self, jobs: Sequence[_Job]) -> Sampler:
        return Sampler(
            self.config,
            self.vocabulary,
            seed=self.seed,
            numbers=[job.stream for job in jobs],
            prompts=[job.prompt for job in jobs],
        )


def with_seed(config: SampleConfig) -> SampleConfig:
    """`config` with its seed decided."""
    return config if config.seed is not None else dataclasses.replace(config, seed=secrets.randbelow(2**32))


def write(
    network: FoldedNetwork,
    vocabulary: Vocabulary,
    config: SampleConfig,
    prompts: Sequence[str] = (),
    *,
    surprise: bool = False,
    record_end: str | None = None,
) -> Iterator[Piece]:
    """Write `config.count` texts for each prompt.

    A few texts are written one after the other, more of them side by side: their pieces come interleaved.

    Args:
        network: The weights, laid out.
        vocabulary: That of the run.
        config: How to write; without a seed a new one is drawn.
        prompts: What to go on from; none for the default prompt.
        surprise: Whether pieces carry probabilities: the model's own, before any filter.
        record_end: What ends a record of the text that the model was trained on (`texts.records`): each text is one
            record, and a prompt the beginning of one. None for a model of one text from start to end.

    Raises:
        SampleError: a prompt does not fit the vocabulary, settings contradict each other, or the texts
            would not fit into the memory.
    """
    config = fit_stops(with_seed(config), vocabulary)
    prompts = [fit_prompt(prompt, vocabulary)[0] for prompt in prompts]
    if record_end is not None:
        prompts = [begin_record(prompt, record_end) for prompt in prompts or [""]]
    prompts = prompts or [default_prompt(vocabulary)]
    texts = len(prompts) * config.count
    check(network, vocabulary, config, texts)
    side_by_side = texts >= TOGETHER
    threads, cores = blas_threads(), available_threads()
    alone = cores if network.bytes_per_step >= WORTH_SHARING else 1
    desk = _Desk(
        network,
        vocabulary,
        config,
        seed=config.seed or 0,
        surprise=surprise,
        reading=ThreadChooser(threads, alone),
        writing=ThreadChooser(threads, cores if side_by_side else alone),
        record_end=record_end,
    )
    return _write_all(desk, [vocabulary.encode(prompt) for prompt in prompts], side_by_side=side_by_side)


def check(network: FoldedNetwork, vocabulary: Vocabulary, config: SampleConfig, texts: int) -> None:
    """Raise SampleError where settings contradict each other, this vocabulary or the free memory."""
    banned_ids(config, vocabulary)
    if config.length == 0 and texts > 1:
        raise SampleError(f"--length 0 writes one text until Ctrl-C, not {texts:,}; give a length")
    if config.length and config.min_length > config.length:
        raise SampleError(
            f"--min-length {config.min_length} is more than --length {config.length}; lower it or raise --length"
        )
    check_memory(network, config, texts, together=GROUP)


def write_text(
    network: Network | FoldedNetwork,
    vocabulary: Vocabulary,
    config: SampleConfig,
    prompt: str | None = None,
    *,
    record_end: str | None = None,
) -> str:
    """One whole text, without its prompt; otherwise as `write`."""
    folded = FoldedNetwork.of(network) if isinstance(network, Network) else network
    config = dataclasses.replace(config, count=1)
    pieces = write(folded, vocabulary, config, [] if prompt is None else [prompt], record_end=record_end)
    return "".join(piece.characters for piece in pieces)


def _write_all(desk: _Desk, prompts: Sequence[np.ndarray], *, side_by_side: bool) -> Iterator[Piece]:
    with desk.reading.at_work():
        jobs = _jobs(desk, prompts)
        if not side_by_side:
            for job in jobs:
                yield from _write_one(desk, job)
        else:
            while group := list(itertools.islice(jobs, GROUP)):
                yield from _write_group(desk, group)


def _jobs(desk: _Desk, prompts: Sequence[np.ndarray]) -> Iterator[_Job]:
    """The texts in order; a prompt is read when its first text is asked for."""
    reader = Stepper(desk.network)
    beginning = reader.state()
    for index, prompt in enumerate(prompts):
        reader.restore([beginning])
        logits = reader.read(prompt, desk.reading.wrap).copy()
        state = reader.state()
        prompt = prompt if desk.record_end is None else prompt[1:]
        for stream in range(desk.config.count):
            yield _Job(index * desk.config.count + stream, stream, prompt, state, logits)


def _write_one(desk: _Desk, job: _Job) -> Iterator[Piece]:
    """One text from beginning to end."""
    stepper = Stepper(desk.network)
    stepper.restore([job.state])
    step, choose = desk.writing.wrap(stepper.step), desk.sampler([job]).choose
    alphabet, logits = (UNKNOWN_CHARACTER, *desk.vocabulary.characters), job.logits.copy()
    track = desk.track(job.text)
    if track.watched or desk.surprise:
        length = desk.config.length
        yield from _write_watched(track, alphabet, choose, step, logits, length=length, surprise=desk.surprise)
    else:
        for characters in _write_blocks(alphabet, choose, step, logits, length=desk.config.length):
            yield Piece(job.text, characters)
    yield track.last()


def _write_blocks(
    alphabet: Sequence[str], choose: _Choose, step: _Step, logits: np.ndarray, *, length: int
) -> Iterator[str]:
    """`length` characters, or characters without end: one at first, then more and more at a time.

    Handing over each character by itself would cost up to a tenth of the time of writing it.
    """
    chosen: int | None = None
    for block in _blocks(length or sys.maxsize):
        characters = []
        for _ in range(block):
            if chosen is not None:
                logits = step(chosen)
            chosen = choose(logits)
            characters.append(alphabet[chosen])
        yield "".join(characters)


def _blocks(length: int) -> Iterator[int]:
    """1, 2, 4, up to `BLOCK`, until they add up to `length`."""
    block = 1
    while length > 0:
        yield min(block, length)
        length -= block
        block = min(2 * block, BLOCK)


def _write_watched(
    track: Track,
    alphabet: Sequence[str],
    choose: _Choose,
    step: _Step,
    logits: np.ndarray,
    *,
    length: int,
    surprise: bool,
) -> Iterator[Piece]:
    """The same, each character looked at: it may end the text, or its probability is wanted."""
    probability = None
    for position in itertools.count(1):
        if surprise:
            distribution = softmax(logits)
        chosen = choose(logits)
        if surprise:
            probability = float(distribution[chosen])
        if piece := track.add(alphabet[chosen], probability):
            yield piece
        if position == length or track.ended:
            return
        logits = step(chosen)


def _write_group(desk: _Desk, jobs: Sequence[_Job]) -> Iterator[Piece]:
    """Several texts side by side, one character of each per step."""
    stepper = Stepper(desk.network, len(jobs))
    stepper.restore([job.state for job in jobs])
    logits, sampler = np.stack([job.logits for job in jobs]), desk.sampler(jobs)
    if desk.surprise or desk.track(0).watched:
        yield from _watch_group(desk, jobs, stepper, sampler, logits)
        return
    step = desk.writing.wrap(stepper.step)
    ids: np.ndarray | None = None
    for block in _blocks(desk.config.length):
        written = np.empty((len(jobs), block), np.intp)
        for position in range(block):
            if ids is not None:
                logits = step(ids)
            ids = written[:, position] = sampler.choose(logits)
        for job, row in zip(jobs, written, strict=True):
            yield Piece(job.text, desk.vocabulary.decode(row))
    for job in jobs:
        yield Piece(job.text, "", last=True)


def _watch_group(
    desk: _Desk, jobs: Sequence[_Job], stepper: Stepper, sampler: Sampler, logits: np.ndarray
) -> Iterator[Piece]:
    """The same, each character looked at; texts that have ended make room."""
    step = desk.writing.wrap(stepper.step)
    tracks: list[Track | None] = [desk.track(job.text) for job in jobs]
    characters = (UNKNOWN_CHARACTER, *desk.vocabulary.characters)
    for position in range(1, desk.config.length + 1):
        distribution = softmax(logits) if desk.surprise else None
        ids = sampler.choose(logits)
        for row, (track, chosen) in enumerate(zip(tracks, ids.tolist(), strict=True)):
            if track is None:
                continue
            probability = None if distribution is None else float(distribution[row, chosen])
            if piece := track.add(characters[chosen], probability):
                yield piece
            if track.ended or position == desk.config.length:
                yield track.last()
                tracks[row] = None
        going = [row for row, track in enumerate(tracks) if track is not None]
        if not going:
            return
        if 2 <= len(going) <= len(tracks) // 2:  # half of the columns would be worked out for nothing
            states = [stepper.state(row) for row in going]
            stepper = Stepper(desk.network, len(going))
            stepper.restore(states)
            step = desk.writing.wrap(stepper.step)
            sampler.keep(going)
            tracks, ids = [tracks[row] for row in going], ids[going]
        logits = step(ids)
