"""From a bundle to one self-contained HTML page: template, style, script and weights put together."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path
from typing import Any

import numpy as np

from seqmagic import __version__
from seqmagic.config import SampleConfig
from seqmagic.drawing.look import content_policy, embed_json, fill, look
from seqmagic.errors import ExportError
from seqmagic.export.bundle import Bundle, source_name
from seqmagic.export.readme import write_readme
from seqmagic.export.web.check import PAGE_STARTS
from seqmagic.export.weights import cells_of, named_arrays, to_float16
from seqmagic.network.network import Network
from seqmagic.sampling.writer import write_text
from seqmagic.texts.records import record_end
from seqmagic.texts.vocabulary import Vocabulary

BYTES_AT_MOST = 20_000_000  # of weights in the page: above, browsers on phones take long or give up
BINS = 9  # as in sampler.js
EXAMPLE_CHARACTERS = 500
_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./sampler\.js";\n', re.MULTILINE)
_NAMES = {"rnn": "simple recurrent network", "lstm": "LSTM", "gru": "GRU"}


def write(bundle: Bundle, folder: Path, *, quantize: str) -> None:
    """Fill `folder` with index.html and README.md.

    Raises:
        ExportError: the model is too large for a page, or a weight for float16.
    """
    (folder / "index.html").write_bytes(build_page(bundle).encode("utf-8"))
    write_readme(
        folder,
        bundle,
        title="web page",
        quantize=quantize,
        contents={"index.html": "the model, the sampler and the page, in one file"},
        usage=_USAGE,
    )


def build_page(bundle: Bundle) -> str:
    """The whole page. What comes from the run (name, source, characters) is escaped: it may be anything."""
    described = describe_model(bundle.network, bundle.vocabulary)
    script = "\n" + read_asset("sampler.js") + "\n" + PAGE_STARTS + "\n" + _IMPORT.sub("", read_asset("page.js"))
    style = look() + read_asset("page.css")
    example_prompt, example = write_example(bundle)
    return fill(
        read_asset("page.html"),
        {
            "policy": html.escape(content_policy(script=script, style=style, webassembly=True)),
            "name": html.escape(bundle.record.name),
            "description": html.escape(_description(bundle)),
            "prompt": html.escape("\n" + bundle.record.training.prompt if bundle.record.training.prompt else ""),
            "example_prompt": _in_element(example_prompt),
            "example": _in_element(example),
            "legend": legend(),
            "characters": f"{len(bundle.vocabulary.characters):,}",
            "version": __version__,
            "style": style,
            "script": script,
            "model": embed_json(described),
        },
    )


def write_example(bundle: Bundle) -> tuple[str, str]:
    """The text that the page opens with: the prompt of the training, as far as the model knows it, and what follows."""
    prompt = bundle.record.training.prompt or ""
    prompt = prompt.translate(dict.fromkeys(map(ord, bundle.vocabulary.outside(prompt))))
    config = SampleConfig(length=EXAMPLE_CHARACTERS, temperature=0.8, seed=1)
    end = record_end(bundle.record.data)
    return prompt, write_text(bundle.network, bundle.vocabulary, config, prompt or None, record_end=end)


def describe_model(network: Network, vocabulary: Vocabulary) -> dict[str, Any]:
    """What `openModel` of sampler.js takes: JSON with the weights as float16 in base64.

    Raises:
        ExportError: more weights than a page should hold, or one that float16 can't.
    """
    size = 4 * -(-2 * network.parameters // 3)
    if size > BYTES_AT_MOST:
        raise ExportError(
            f"the weights would take {size / 1e6:.1f} MB of the page, {BYTES_AT_MOST / 1e6:.0f} MB are the most; "
            "export a smaller model, or this one with --format onnx"
        )
    halves = to_float16(named_arrays(network))
    content = b"".join(np.ascontiguousarray(array, "<f2").tobytes() for array in halves.values())
    return {
        "cells": cells_of(network),
        "characters": list(vocabulary.characters),
        "shapes": [array.shape for array in halves.values()],
        "weights": base64.b64encode(content).decode("ascii"),
    }


def legend() -> str:
    """The list items of the legend: one for each bin of surprise, painted like the text."""
    labels = [str(bits) for bits in range(BINS - 1)] + [f"{BINS - 1}+"]
    return "".join(f'<li class="bits-{number}">{label}</li>' for number, label in enumerate(labels))


def read_asset(name: str) -> str:
    """A file of this folder: sampler.js, page.js, page.css or page.html."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def _in_element(text: str) -> str:
    """`text` as the content of an element; a carriage return would be read as a line feed where it stands as it is."""
    return html.escape(text).replace("\r", "&#13;")


def _description(bundle: Bundle) -> str:
    network, record = bundle.network, bundle.record
    layers = len(network.layers)
    words = (
        f"A character-level {_NAMES[network.layers[0].cell]} with {layers} layer{'s' if layers > 1 else ''} of "
        f"{network.units:,} units, {network.parameters:,} weights, trained on {source_name(record)}."
    )
    bits = None if record.results is None else record.results.bits_per_character
    if bits is None:
        return words
    return f"{words} On text that it had not seen it needs {bits:.2f} bits per character."


_USAGE = """
Open `index.html` in a browser, from the disk or from any web server. It needs no network and sends nothing.

It opens with an example. Prompt, temperature, top-k, top-p, length and seed are in the form; "Copy" takes the text
along; "Colour by surprise" paints each character by how
little the model expected it. A length of 0 reads the prompt alone and says how well it was foreseen.

The weights are rounded to float16. At temperature 0 the page therefore writes what the rounded model
writes; that is what `seqmagic sample` writes unless two characters are almost equally likely somewhere, and
from there on the texts may differ. At other temperatures a seed gives the same text every time, but another
one than in seqmagic, which draws its numbers in another way.
"""
