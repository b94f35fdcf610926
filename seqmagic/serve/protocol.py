"""What goes over the wire: a completion request in OpenAI's form, its answer, its errors.

A token is a character. What a request leaves out is as in `seqmagic sample`: 500 characters, temperature 0.8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from seqmagic import __version__
from seqmagic.config import SampleConfig
from seqmagic.errors import SampleError, SeqmagicError
from seqmagic.sampling.endings import fit_stops
from seqmagic.sampling.prompts import default_prompt, fit_prompt, listed
from seqmagic.sampling.writer import with_seed
from seqmagic.serve.engine import Order, Piece, Score
from seqmagic.texts.vocabulary import Vocabulary

DEFAULTS = SampleConfig()
FINGERPRINT = f"seqmagic-{__version__}"
STOPS_AT_MOST = 4  # as with OpenAI
SCORED_AT_MOST = 100_000  # characters of an answer with logprobs; each takes up to a kilobyte while it is made

Stop = Annotated[str, Meta(min_length=1)]


class Refused(Exception):  # noqa: N818
    """A request can't be answered; `status` and the error document say why."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None, kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.document = error_document(message, kind=kind or _KINDS.get(status, "invalid_request_error"), code=code,
                                       param=param)  # fmt: skip


_KINDS = {401: "authentication_error", 500: "server_error", 503: "server_error"}


def error_document(message: str, *, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's clients understand it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class StreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """What a stream has beside the text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None  # OpenAI's; there is none here, which is what false asks for


class CompletionRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of POST /v1/completions."""

    model: Annotated[str, Meta(description="Name of a run that is served; the first where none is named.")] | None = (
        None
    )
    prompt: (
        str
        | Annotated[list[str], Meta(min_length=1, description="Several prompts; each gets n texts.")]
        | None
    ) = None  # fmt: skip
    max_tokens: Annotated[int, Meta(ge=0, description="Characters to write after each prompt.")] | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, description="Texts for each prompt.")] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="The same one writes the same text.")] | None = None
    stop: Stop | Annotated[list[Stop], Meta(max_length=STOPS_AT_MOST)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    echo: Annotated[bool, Meta(description="Begin each text with its prompt.")] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    best_of: Annotated[int, Meta(ge=1, le=1, description="No more than 1: every text is handed over.")] | None = None
    frequency_penalty: Annotated[float, Meta(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Meta(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, float], Meta(max_length=0)] | None = None
    suffix: Annotated[str, Meta(max_length=0)] | None = None
    user: str | None = None


class Limits(NamedTuple):
    """How much one request may ask for.

    Attributes:
        length: Characters of a text.
        texts: Texts: prompts times n.
        body: Bytes of a request.
    """

    length: int
    texts: int
    body: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that can be answered.

    Attributes:
        model: Name of the run.
        prompts: As the model reads them.
        config: How to write; `count` texts for each prompt.
        length: Characters of each text.
        request: As it came.
    """

    model: str
    prompts: tuple[str, ...]
    config: SampleConfig
    length: int
    request: CompletionRequest

    @property
    def texts(self) -> int:
        return len(self.prompts) * self.config.count

    def prompt_of(self, text: int) -> str:
        return self.prompts[text // self.config.count]


def read_request(body: bytes) -> CompletionRequest:
    """The request in `body`.

    Raises:
        Refused: it is no JSON, or not what the interface takes.
    """
    try:
        return msgspec.json.decode(body, type=CompletionRequest)
    except msgspec.ValidationError as problem:
        message, _, place = str(problem).partition(" - at `$")
        param = place.rstrip("`").lstrip(".") or None
        if param and param.startswith("prompt"):
            message += "; a prompt is text, or a list of texts: there are no tokens but characters"
        raise Refused(400, f"{param}: {message}" if param else message, param=param) from problem
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Refused(400, f"the body must be a JSON object: {problem}") from problem


def check_request(request: CompletionRequest, model: str, vocabulary: Vocabulary, limits: Limits) -> Asked:
    """What `request` asks of `model`.

    Raises:
        Refused: it asks for more than it may, or has characters that the model does not know.
    """
    given = [request.prompt] if request.prompt is None or isinstance(request.prompt, str) else request.prompt
    count, length = request.n or 1, request.max_tokens
    if len(given) * count > limits.texts:
        raise Refused(
            400, f"n: {len(given)} prompts times n={count} are more than the {limits.texts} texts of one request; "
            "send several requests", param="n",
        )  # fmt: skip
    if length is not None and length > limits.length:
        raise Refused(
            400, f"max_tokens: {length:,} is more than the {limits.length:,} characters that a text may have here",
            param="max_tokens",
        )  # fmt: skip
    stop = () if request.stop is None else (request.stop,) if isinstance(request.stop, str) else tuple(request.stop)
    try:
        config = SampleConfig(
            temperature=DEFAULTS.temperature if request.temperature is None else request.temperature,
            top_p=DEFAULTS.top_p if request.top_p is None else request.top_p,
            seed=request.seed,
            stop=stop,
            count=count,
        )
        prompts = tuple(_fitting(prompt, model, vocabulary) for prompt in given)
    except SeqmagicError as problem:
        raise Refused(400, str(problem)) from problem
    length = min(DEFAULTS.length, limits.length) if length is None else length
    read = max(map(len, prompts)) if request.echo else 0
    if request.logprobs is not None and len(prompts) * count * (read + length) > SCORED_AT_MOST:
        raise Refused(
            400,
            f"logprobs: {len(prompts) * count} texts of {read + length:,} characters are more than the "
            f"{SCORED_AT_MOST:,} characters that get logprobs in one request; ask for fewer",
            param="logprobs",
        )
    return Asked(
        model=model,
        prompts=prompts,
        config=fit_stops(with_seed(config), vocabulary),
        length=length,
        request=request,
    )


def _fitting(prompt: str | None, model: str, vocabulary: Vocabulary) -> str:
    """The prompt as the model can read it; the default one where it is missing or empty."""
    if not prompt:
        return default_prompt(vocabulary)
    try:
        fitting, outside = fit_prompt(prompt, vocabulary, skip_unknown=True)
    except SampleError:
        fitting, outside = "", prompt
    if outside:
        named = listed("".join(dict.fromkeys(outside))[:20]).strip()
        raise Refused(400, f"prompt: {model} never saw these characters: {named}; leave them out", param="prompt")
    return fitting


def make_orders(asked: Asked, vocabulary: Vocabulary, receive: Callable[[Piece], None]) -> list[Order]:
    """What the engine is to do for it: an order for each prompt."""
    request = asked.request
    return [
        Order(
            prompt=vocabulary.encode(prompt),
            config=asked.config,
            length=asked.length,
            first=number * asked.config.count,
            likeliest=request.logprobs,
            scored=bool(request.echo) and request.logprobs is not None,
            at_once=bool(request.stream),
            receive=receive,
        )
        for number, prompt in enumerate(asked.prompts)
    ]


class Choice:
    """One text of an answer as it grows: numbers its characters and says its scores in OpenAI's form."""

    def __init__(self, asked: Asked, number: int) -> None:
        self._number = number
        self._likeliest = asked.request.logprobs
        self._offset = 0
        self.characters = 0  # written, without the prompt

    def document(self, text: str, scores: Sequence[Score], ended: str) -> dict[str, Any]:
        """The next part of it, or all."""
        return {
            "text": text,
            "index": self._number,
            "logprobs": None if self._likeliest is None else self._logprobs(scores),
            "finish_reason": ended or None,
        }

    def _logprobs(self, scores: Sequence[Score]) -> dict[str, Any]:
        start = self._offset
        self._offset += len(scores)
        return {
            "tokens": [score.character for score in scores],
            "token_logprobs": [score.logarithm for score in scores],
            "top_logprobs": [self._alternatives(score) for score in scores] if self._likeliest else None,
            "text_offset": list(range(start, self._offset)),
        }

    @staticmethod
    def _alternatives(score: Score) -> dict[str, float] | None:
        """The likeliest characters, and the written one; nothing for what nothing came before."""
        return None if score.logarithm is None else {**dict(score.likeliest), score.character: score.logarithm}


def head(asked: Asked, *, id: str, created: int) -> dict[str, Any]:
    """What every document of an answer begins with. `seed` is ours: it writes the same texts again."""
    return {
        "id": id,
        "object": "text_completion",
        "created": created,
        "model": asked.model,
        "system_fingerprint": FINGERPRINT,
        "seed": asked.config.seed,
    }


def usage(asked: Asked, written: int) -> dict[str, int]:
    """Characters read and written; a prompt is read once however many texts follow."""
    read = sum(map(len, asked.prompts))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
