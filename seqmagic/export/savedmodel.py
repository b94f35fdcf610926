"""The SavedModel: text in, text out, with the whole loop in the graph and TensorFlow as its only need.

Signatures, each with named inputs and outputs (docs/serving.md has their shapes): `generate`, which is
`serving_default` as well, `score`, `step`, `initial_state` and `vocabulary`.

No XLA in here: TensorFlow Serving refuses a function compiled by XLA unless it was started with a flag for
it, and its GPU build has no compiler at all. A plain loop runs everywhere.

Axes: B texts of a request, P characters of the longest, T time, V vocabulary, N characters written.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from seqmagic.evaluation import units
from seqmagic.export import choose
from seqmagic.export.bundle import Bundle
from seqmagic.export.graph import GraphNetwork, NetworkWeights, States
from seqmagic.export.readme import example_prompt, write_readme
from seqmagic.export.savedmodel_usage import usage
from seqmagic.network.network import Network
from seqmagic.sampling.prompts import default_prompt
from seqmagic.texts.vocabulary import UNKNOWN_CHARACTER, Vocabulary, code_points

LONGEST = 1_000_000  # characters that one text may be asked for
LARGEST = 10_000_000  # characters of all texts of a request, each counted as long as the longest
MOST_STATES = 100_000  # texts for which one request may ask for empty states
_LIMITS = f"""One text may be asked for {LONGEST:,} characters; all texts of a request together, each counted as long
  as the longest, for {LARGEST:,}, written or read; `initial_state` gives up to {MOST_STATES:,}."""

CHECK = """
import json
import sys

import tensorflow as tf

folder, request = sys.argv[1], json.load(open(sys.argv[2]))
signatures = tf.saved_model.load(folder).signatures
states = signatures["initial_state"](batch_size=tf.constant(1))
answer = signatures["step"](ids=tf.constant([request["ids"]]), **states)
loss = signatures["score"](texts=tf.constant([request["loss_text"]]))["loss"]
print(json.dumps({
    "probabilities": answer["probabilities"][0].numpy().tolist(),
    "nats": float(loss[0]),
    "versions": {"tensorflow": tf.__version__},
}))
"""


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Write the SavedModel and its README.md into `folder`."""
    server = TextServer(bundle.network, bundle.vocabulary)
    tf.saved_model.save(server, str(folder), signatures=server.signatures())
    write_readme(
        folder,
        bundle,
        title="TensorFlow SavedModel",
        quantize=quantize,
        contents={
            "saved_model.pb, fingerprint.pb": "the graph",
            "variables/": "the weights, float32",
        },
        usage=usage(example_prompt(bundle), server.network, bundle.vocabulary.size, limits=_LIMITS),
    )


class Characters(tf.Module):
    """Text to ids and back inside a graph: `seqmagic.texts.vocabulary.Vocabulary`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(name="characters")
        points = code_points("".join(vocabulary.characters)).astype(np.int32)
        order = np.argsort(points)
        self._sorted_points = tf.constant(points[order])
        self._sorted_ids = tf.constant(order.astype(np.int32) + 1)
        self._points = tf.constant(np.concatenate([code_points(UNKNOWN_CHARACTER).astype(np.int32), points]))

    def encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The ids of `texts` (B,), (B, P) int32 filled up with 0, and how many each has, (B,) int32.

        A character outside the vocabulary is 0; so is a byte that is no UTF-8.
        """
        points = tf.strings.unicode_decode(texts, "UTF-8")
        longest = tf.reduce_max(tf.concat([[0], points.row_lengths()], axis=0))
        room = points.nrows() * longest
        words = f"the texts, filled up to the longest, must have at most {LARGEST} characters; received"
        with tf.control_dependencies([tf.debugging.Assert(room <= LARGEST, [words, room])]):
            points = tf.identity(points)
        flat = points.flat_values
        place = tf.minimum(tf.searchsorted(self._sorted_points, flat), tf.size(self._sorted_points) - 1)
        known = tf.equal(tf.gather(self._sorted_points, place), flat)
        ids = points.with_flat_values(tf.where(known, tf.gather(self._sorted_ids, place), 0))
        return ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32)

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """The texts (B,) of `ids` (B, N); id 0 becomes U+FFFD."""
        points = tf.ensure_shape(tf.gather(self._points, ids), (None, None))
        return tf.strings.unicode_encode(points, "UTF-8")

    def each(self) -> tf.Tensor:
        """The character of every id, (V,) string."""
        return tf.strings.unicode_encode(self._points[:, tf.newaxis], "UTF-8")


class TextServer(tf.Module):
    """The network with the signatures that a server shows."""

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        super().__init__(name="seqmagic")
        self.network = GraphNetwork(network)
        self.characters = Characters(vocabulary)
        self.empty_prompt = default_prompt(vocabulary)

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """The functions to save under their names."""
        return {
            "serving_default": self.generate,
            "generate": self.generate,
            "score": self.score,
            "step": self._make_step(),
            "initial_state": self.initial_state,
            "vocabulary": self.vocabulary,
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.string, "prompts"),
            tf.TensorSpec((), tf.int32, "length"),
            tf.TensorSpec((), tf.float32, "temperature"),
            tf.TensorSpec((), tf.int32, "top_k"),
            tf.TensorSpec((), tf.float32, "top_p"),
            tf.TensorSpec((), tf.int32, "seed"),
        ]
    )
    def generate(
        self,
        prompts: tf.Tensor,
        length: tf.Tensor = tf.constant(200),  # noqa: B008 - only a tensor becomes the signature's default
        temperature: tf.Tensor = tf.constant(1.0),  # noqa: B008
        top_k: tf.Tensor = tf.constant(0),  # noqa: B008
        top_p: tf.Tensor = tf.constant(1.0),  # noqa: B008
        seed: tf.Tensor = tf.constant(0),  # noqa: B008
    ) -> dict[str, tf.Tensor]:
        """Write `length` characters after each of `prompts` (B,): texts (B,), without the prompts.

        temperature 0 takes the likeliest character. top_k 0 and top_p 1 leave nothing out; top-k comes
        before top-p, both after the temperature. The i-th text depends on the i-th prompt, the seed and i.
        """
        with tf.control_dependencies(_refusals(prompts, length, temperature, top_k, top_p)):
            length = tf.identity(length)  # what takes memory follows from the two that were checked
            prompts = tf.where(tf.equal(tf.strings.length(prompts), 0), self.empty_prompt, prompts)
        ids, counts = self.characters.encode(prompts)
        batch = tf.shape(ids)[0]
        weights = self.network.read()
        states = self.network.read_ragged(weights, ids, counts - 1, self.network.initial_states(batch))
        last = tf.gather(ids, counts - 1, batch_dims=1)
        uniforms = choose.uniforms(seed, batch, length)

        def write(weights: NetworkWeights, pick: choose.Pick) -> tf.Tensor:
            return self.network.write(weights, last, states, uniforms=uniforms, pick=pick)[0]

        # one loop for each way to choose, so that none pays for another's work in every step
        tempered = weights._replace(
            dense_kernel=weights.dense_kernel / temperature, dense_bias=weights.dense_bias / temperature
        )
        unfiltered = tf.logical_and(tf.equal(top_k, 0), top_p >= 1.0)
        written = tf.case(
            [
                (temperature < choose.COLDEST, lambda: write(weights, choose.likeliest)),
                (unfiltered, lambda: write(tempered, choose.by_chance)),
            ],
            default=lambda: write(tempered, choose.among_likeliest(top_k, top_p)),
        )
        return {"texts": self.characters.decode(written)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "texts")])
    def score(self, texts: tf.Tensor) -> dict[str, tf.Tensor]:
        """How well each of `texts` (B,) is predicted, its first character aside.

        Returns:
            loss (B,), nats per character; bits_per_character (B,); characters (B,) int32, how many were
            predicted. A text of fewer than two characters has no loss: NaN.
        """
        ids, counts = self.characters.encode(texts)
        predicted = tf.maximum(counts - 1, 0)
        weights = self.network.read()

        def body(position: tf.Tensor, states: States, nats: tf.Tensor) -> tuple[tf.Tensor, States, tf.Tensor]:
            output, states = self.network.step(weights, ids[:, position], states)
            lost = tf.nn.sparse_softmax_cross_entropy_with_logits(
                ids[:, position + 1], tf.matmul(output, weights.dense_kernel) + weights.dense_bias
            )
            counted = tf.where(position < predicted, tf.cast(lost, tf.float64), tf.constant(0.0, tf.float64))
            return position + 1, states, nats + counted

        batch = tf.shape(ids)[0]
        start = (
            tf.constant(0),
            self.network.initial_states(batch),
            tf.zeros((batch,), tf.float64),
        )
        last = tf.reduce_max(predicted)
        _, _, nats = tf.while_loop(lambda position, *_: position < last, body, start)
        loss = tf.cast(nats / tf.cast(predicted, tf.float64), tf.float32)
        return {"loss": loss, "bits_per_character": units.bits(loss), "characters": predicted}

    def _make_step(self) -> tf.types.experimental.GenericFunction:
        """The function behind the signature `step`, whose inputs depend on the cell and the layers."""
        specs = [tf.TensorSpec((None, None), tf.int32, "ids"), *self.network.state_specs(None)]

        @tf.function(input_signature=specs)
        def step(ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
            """Read `ids` (B, T) from `states`: probabilities (B, T, V) after each one, and the new states."""
            weights = self.network.read()

            def body(
                position: tf.Tensor, states: States, outputs: tf.TensorArray
            ) -> tuple[tf.Tensor, States, tf.TensorArray]:
                output, states = self.network.step(weights, ids[:, position], states)
                return position + 1, states, outputs.write(position, output)

            time = tf.shape(ids)[1]
            outputs = tf.TensorArray(tf.float32, size=time, element_shape=(None, weights.dense_kernel.shape[0]))
            start = (tf.constant(0), self.network.nested(states), outputs)
            _, after, outputs = tf.while_loop(lambda position, *_: position < time, body, start)
            logits = tf.tensordot(outputs.stack(), weights.dense_kernel, 1) + weights.dense_bias
            probabilities = tf.transpose(tf.nn.softmax(logits), (1, 0, 2))
            return {"probabilities": probabilities, **self.network.named(after)}

        return step

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32, "batch_size")])
    def initial_state(self, batch_size: tf.Tensor) -> dict[str, tf.Tensor]:
        """The states of `batch_size` texts before their first character, by name, (B, U) each."""
        words = f"batch_size must be from 0 to {MOST_STATES}; received"
        allowed = (batch_size >= 0) & (batch_size <= MOST_STATES)
        with tf.control_dependencies([tf.debugging.Assert(allowed, [words, batch_size])]):
            batch_size = tf.identity(batch_size)
        return self.network.named(self.network.initial_states(batch_size))

    @tf.function(input_signature=[tf.TensorSpec((), tf.string, "unknown")])
    def vocabulary(self, unknown: tf.Tensor = tf.constant(UNKNOWN_CHARACTER)) -> dict[str, tf.Tensor]:  # noqa: B008
        """The character of every id, (V,) string, with `unknown` for id 0.

        The input is there because the REST interface of TensorFlow Serving can't call a signature
        without one.
        """
        return {"characters": tf.concat([[unknown], self.characters.each()[1:]], axis=0)}


def _refusals(
    prompts: tf.Tensor, length: tf.Tensor, temperature: tf.Tensor, top_k: tf.Tensor, top_p: tf.Tensor
) -> list[tf.Operation]:
    """Checks that end a request with INVALID_ARGUMENT and these words."""
    characters = tf.size(prompts, tf.int64) * tf.cast(length, tf.int64)
    allowed = {
        f"length must be from 1 to {LONGEST}; received": (length, (length >= 1) & (length <= LONGEST)),
        f"prompts times length must be at most {LARGEST}; received": (characters, characters <= LARGEST),
        "temperature must be 0 or more; received": (
            temperature,
            (temperature >= 0.0) & (temperature < math.inf),
        ),
        "top_k must be 0, which keeps all, or more; received": (top_k, top_k >= 0),
        "top_p must be above 0 and at most 1; received": (top_p, (top_p > 0.0) & (top_p <= 1.0)),
    }
    return [tf.debugging.Assert(holds, [words, value]) for words, (value, holds) in allowed.items()]
