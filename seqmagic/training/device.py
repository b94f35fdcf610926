"""What computes: cores and GPUs, found and set before TensorFlow starts its thread pools."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from seqmagic.errors import TrainingError
from seqmagic.machine import available_cores, has_package, install_command, processor_name
from seqmagic.training.interrupt import postponed_signals

_REDUCTIONS_FLAG = "--xla_cpu_experimental_ynn_fusion_type"


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where the training runs."""

    kind: str  # "cpu" | "gpu"
    name: str
    threads: int
    strategy: Any = None  # TensorFlow's, where the steps are divided over several devices


def require_tensorflow() -> None:
    """Raise TrainingError, with what to install, where TensorFlow is missing; it is not imported."""
    if not has_package("tensorflow"):
        raise TrainingError(f"training needs TensorFlow, which is not installed here; get it with: {install_command()}")


def start_tensorflow(threads: int | None, *, make_strategy: Callable[[], Any] = lambda: None) -> Device:
    """Import TensorFlow quietly with `threads` cores and say what it found.

    The thread pools are fixed when TensorFlow runs its first operation, so a second call with another
    number has no effect on them. Ctrl-C is heeded when the import is over.

    Args:
        make_strategy: Makes TensorFlow's strategy for several devices; called before any operation, as it must be.

    Raises:
        TrainingError: it is not installed.
    """
    require_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with postponed_signals(), native_messages_dropped():
        import tensorflow as tf

        with _flags_for_xla():  # where there are GPUs, looking for them may read the flags
            gpus = tf.config.list_physical_devices("GPU")

    cores = threads or available_cores()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(cores)
        tf.config.threading.set_inter_op_parallelism_threads(cores)
    except RuntimeError:
        cores = tf.config.threading.get_inter_op_parallelism_threads() or cores
    if gpus:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    with native_messages_dropped(), _flags_for_xla():
        strategy = make_strategy()
    with postponed_signals():
        xla_fuses_reductions()  # before anything else makes XLA read its flags
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return Device(kind="gpu", name=str(details.get("device_name", "GPU")), threads=cores, strategy=strategy)
    return Device(kind="cpu", name=processor_name(), threads=cores, strategy=strategy)


def xla_flags(given: str, *, tensorflow: str) -> str:
    """The XLA_FLAGS with which XLA of this TensorFlow leaves reductions to itself.

    XLA of TensorFlow 2.21 hands them to the YNNPACK library (`__ynn_fusion` in the program), and builds them while
    the program runs, in memory that all its executions share: shards that run one program at once may crash. TensorFlow
    2.20 does no such thing, and ends the process at a flag that it does not know.

    Args:
        given: What the user has in XLA_FLAGS: flags, or the name of a file with flags. A file stays as it is, and so
            does a choice that the user made for this very flag; `xla_fuses_reductions` then tells what came of it.
        tensorflow: Its version.
    """
    knows_flag = tensorflow.startswith("2.21.") and "dev" not in tensorflow
    is_file = given.strip() != "" and not given.lstrip().startswith("-")
    if not knows_flag or is_file or _REDUCTIONS_FLAG in given:
        return given
    return f"{given} {_REDUCTIONS_FLAG}=".lstrip()


@functools.cache
def xla_fuses_reductions() -> bool:
    """Whether programs that XLA makes in this process hold library fusions: such a program must not run twice at once.

    XLA reads XLA_FLAGS once, when it makes its first program, which is the one made here unless the user's own code
    was faster. So the program is looked at, not the flags.
    """
    import tensorflow as tf

    with _flags_for_xla(), tf.device("/CPU:0"):
        compiled = tf.function(lambda matrix: tf.reduce_sum(matrix, axis=0), jit_compile=True)
        program = compiled.experimental_get_compiler_ir(tf.zeros((256, 256)))(stage="optimized_hlo")
    return "__ynn" in program


@contextlib.contextmanager
def _flags_for_xla() -> Iterator[None]:
    """Within the block XLA_FLAGS is as XLA here needs it; programs that are started later get the user's own."""
    import tensorflow as tf

    given = os.environ.get("XLA_FLAGS")
    os.environ["XLA_FLAGS"] = xla_flags(given or "", tensorflow=tf.__version__)
    try:
        yield
    finally:
        if given is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = given


@contextlib.contextmanager
def native_messages_dropped() -> Iterator[None]:
    """Within the block, what C++ libraries write to standard error goes nowhere.

    TensorFlow reports missing CUDA libraries and the like before it reads any log level; its Python errors
    are exceptions and get through.
    """
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    sys.stderr.flush()
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def measure_flops(size: int | None = None, trials: int = 8) -> float:
    """The machine's float32 matrix products, in operations per second: the median of a few, in a tenth of a second.

    The best of them is what a machine that others use as well does not keep up for minutes.

    Args:
        size: Side of the matrices; None is one that keeps the device busy for longer than asking it takes.
    """
    import tensorflow as tf

    size = size or (4096 if tf.config.list_physical_devices("GPU") else 1024)
    matrix = tf.random.stateless_normal((size, size), seed=(0, 0))
    product = tf.function(lambda a: tf.reduce_sum(tf.matmul(a, a)))
    float(product(matrix))
    seconds = []
    for _ in range(trials):
        started = time.perf_counter()
        float(product(matrix))
        seconds.append(time.perf_counter() - started)
    return 2.0 * size**3 / statistics.median(seconds)


def environment_of(device: Device) -> dict[str, Any]:
    """What a run records of where it is trained; the engine is chosen later."""
    return {**versions(), "device": device.name, "threads": device.threads, "process": os.getpid()}


def versions() -> dict[str, Any]:
    """The versions that a run records."""
    import keras
    import numpy as np
    import tensorflow as tf

    import seqmagic

    return {
        "seqmagic": seqmagic.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
    }
