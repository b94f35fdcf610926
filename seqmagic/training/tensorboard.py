"""The events of a training as event files that TensorBoard reads: curves, what the model writes, the settings.

Written with TensorFlow alone. What TensorBoard's own package would add is a name for the kind of each value, and of
the settings a small message, which is made here. Importing this imports no TensorFlow.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmagic import files
from seqmagic.runs.record import Scalar
from seqmagic.training.events import Evaluated, Event, Finished, Progress, Started

if TYPE_CHECKING:
    import tensorflow as tf

SECONDS = 1.0  # between two points of what is written while steps are taken
SETTINGS_TAG = "_hparams_/session_start_info"


class EventFiles:
    """Writes what it is shown of one training. A disk that takes no more ends the writing, not the training.

    A run has a folder of its own with its first weights, and not before: what comes earlier waits until then.

    Args:
        folder: Where a folder with the name of the run is made; None for `tensorboard` inside the run.
        clock: Seconds, monotonic.

    Attributes:
        problem: Why nothing is written any more, in a clause; None where all was.
    """

    def __init__(self, folder: Path | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._place: Path | None = None
        self._writer: tf.summary.SummaryWriter | None = None
        self._waiting: list[Event] = []
        self._due = 0.0
        self.problem: str | None = None

    def show(self, event: Event) -> None:
        """Write one event, or keep it for later."""
        if isinstance(event, Progress) and not self._is_due():
            return
        if isinstance(event, Started):
            run = event.run
            self._place = run.tensorboard_path if self._folder is None else self._folder / run.name
        self._waiting.append(event)
        if self._folder is None and self._writer is None and not isinstance(event, Evaluated | Finished):
            return
        if self.problem is None:
            import tensorflow as tf

            try:
                for one in self._waiting:
                    self._write(one)
                if self._writer is not None and not isinstance(event, Progress):
                    self._writer.flush()
            except (OSError, tf.errors.OpError) as problem:
                self.problem = files.in_brief(problem)
        self._waiting.clear()

    def close(self) -> None:
        """Nothing more is written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _is_due(self) -> bool:
        if self._clock() < self._due:
            return False
        self._due = self._clock() + SECONDS
        return True

    def _write(self, event: Event) -> None:
        import tensorflow as tf

        if self._writer is None and self._place is not None:
            self._place.mkdir(parents=True, exist_ok=True)
            self._writer = tf.summary.create_file_writer(str(self._place))
        if self._writer is None:
            return
        with self._writer.as_default():
            match event:
                case Started(settings=settings):
                    _text("settings", _table(settings), step=0)
                    content = settings_message(settings, seconds=time.time())
                    _value(SETTINGS_TAG, tf.zeros([1]), step=0, plugin="hparams", content=content)
                case Progress():
                    _scalar("loss/training", event.train_loss, step=event.step)
                    _scalar("learning_rate", event.learning_rate, step=event.step)
                    _scalar("gradient_length", event.gradient_norm, step=event.step)
                    _scalar("characters_per_second", event.characters_per_second, step=event.step)
                case Evaluated(row=row, sample=sample):
                    step = int(row.step or 0)
                    _scalar("loss/validation", row.validation_loss, step=step)
                    _scalar("loss/training_between_evaluations", row.train_loss, step=step)
                    _scalar("bits_per_character", row.bits_per_character, step=step)
                    _text("sample", "\n".join(f"    {line}" for line in sample.splitlines()), step=step)


def _scalar(tag: str, value: float | None, *, step: int) -> None:
    import tensorflow as tf

    if value is not None:
        _value(tag, tf.constant(value, tf.float32), step=step, plugin="scalars")


def _text(tag: str, markdown: str, *, step: int) -> None:
    import tensorflow as tf

    _value(tag, tf.constant([markdown.encode("utf-8", "replace")]), step=step, plugin="text")


def _value(tag: str, tensor: tf.Tensor, *, step: int, plugin: str, content: bytes = b"") -> None:
    """One value, with the name of the part of TensorBoard that shows it."""
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = plugin
    metadata.plugin_data.content = content
    metadata.data_class = 1 if plugin == "scalars" else 2  # DATA_CLASS_SCALAR, DATA_CLASS_TENSOR of its summary.proto
    tf.summary.write(tag, tensor, step=step, metadata=metadata)


def _table(settings: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {str(value).replace('|', chr(92) + '|')} |" for name, value in settings.items()]
    return "\n".join(["| setting | value |", "| --- | --- |", *rows])


def settings_message(settings: Mapping[str, Scalar], *, seconds: float) -> bytes:
    """The settings as TensorBoard's table of hyper-parameters reads them; those that are None are left out.

    A serialized `HParamsPluginData` with a `SessionStartInfo` (tensorboard/plugins/hparams/plugin_data.proto).

    Args:
        seconds: When the training began, since 1970.
    """
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _proto_value(value)))
        for name, value in sorted(settings.items())
        if value is not None
    ]
    return _field(3, b"".join(entries) + _double(5, seconds))


def _proto_value(value: Scalar) -> bytes:
    """A serialized google.protobuf.Value: its number, its words or its truth."""
    if isinstance(value, bool):
        return bytes([4 << 3, value])
    if isinstance(value, int | float):
        return _double(2, value)
    return _field(3, str(value).encode("utf-8", "replace"))


def _double(number: int, value: float) -> bytes:
    """A field of a protocol buffer that holds a number of 64 bits."""
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer that holds bytes: its number and kind, their length, and they."""
    length, digits = len(content), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *digits, length]) + content
