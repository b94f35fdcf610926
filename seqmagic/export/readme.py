"""The README.md that goes into every export: what the model is, which characters it knows, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqmagic import __version__
from seqmagic.export.bundle import Bundle, source_name
from seqmagic.network.cells import CELLS
from seqmagic.texts.vocabulary import Vocabulary

_MARKDOWN = frozenset("\\`*_{}[]<>&|~#!$")  # that begin something inside a line
_SHOWN = 2_000  # a Chinese vocabulary has thousands of characters; the README lists the first of them


def write_readme(
    folder: Path, bundle: Bundle, *, title: str, quantize: str, contents: Mapping[str, str], usage: str
) -> None:
    """Write README.md into an export.

    Args:
        folder: The export.
        bundle: What was exported.
        title: What it is now: "TensorFlow SavedModel".
        quantize: Number format of its weights.
        contents: Each file of the export and what it holds.
        usage: Markdown with examples that work as they stand.
    """
    listing = "\n".join(f"- `{name}`: {words}" for name, words in contents.items())
    text = (
        f"# {inline(bundle.record.name)}: {title}\n\n"
        f"A character-level language model, trained and exported with seqmagic {__version__}. "
        "It works without seqmagic.\n\n"
        f"## Files\n\n{listing}\n\n"
        f"## Use\n\n{usage.strip()}\n\n"
        f"## Vocabulary\n\n{_vocabulary_words(bundle.vocabulary)}\n\n"
        f"## Configuration\n\n{_configuration_table(bundle, quantize)}\n"
    )
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def example_prompt(bundle: Bundle) -> str:
    """A prompt for examples: the first word of the check text, or its first characters, free of quotes."""
    plain = "".join(
        character if character.isprintable() and character not in "\"'\\`$!;" else " "
        for character in bundle.check_text
    )
    words = [word.lstrip("-") for word in plain.split() if word.strip("-")]  # a leading - would be an option
    return next((word for word in words if len(word) >= 3), words[0] if words else "a")[:20]


def inline(words: str) -> str:
    """Words that came with a run, and may be anything, as one line of Markdown that shows them as they are."""
    return "".join(f"\\{sign}" if sign in _MARKDOWN else _shown(sign) for sign in words)


def _vocabulary_words(vocabulary: Vocabulary) -> str:
    shown = "".join(map(_shown, vocabulary.characters[:_SHOWN]))
    more = "" if len(vocabulary.characters) <= _SHOWN else f" The first {_SHOWN:,} of them:"
    return (
        f"{len(vocabulary.characters):,} characters have the ids 1 to {len(vocabulary.characters)}, "
        "in this order; id 0 stands for every other one. A character that is not here is read as id 0, and "
        f"id 0 is never written.{more}\n\n"
        # indented, not fenced: a vocabulary may hold any number of backticks
        f"    {shown}"
    )


def _shown(character: str) -> str:
    """A character as it stands; what can't be seen or would break the line as an escape."""
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _configuration_table(bundle: Bundle, quantize: str) -> str:
    record, network = bundle.record, bundle.network
    cell = CELLS[network.layers[0].cell]
    units = [layer.weights.recurrent_kernel.shape[0] for layer in network.layers]
    text = f"{source_name(record)} ({record.text.characters:,} characters, sha256 {record.text.sha256})"
    rows = {
        "cell": f"{cell.name} (gates: {', '.join(cell.gates)})",
        "layers × units": f"{len(units)} × {units[0]}",
        "embedding": str(network.embedding.shape[1]),
        "vocabulary": f"{network.vocabulary_size} ids, the unknown one included",
        "parameters": f"{network.parameters:,}",
        "weights": {"none": "float32"}.get(quantize, quantize),
        "trained on": text,
        "trained": record.created,
    }
    loss = record.loss
    if loss is not None:
        rows["validation loss"] = f"{loss:.4f} nats per character"
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {inline(value)} |" for name, value in rows.items())])
