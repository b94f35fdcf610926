"""Which engine trains here: fused on a CPU, the fastest that proves right on a GPU, or the one asked for."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqmagic.config import DecidedModel
from seqmagic.errors import ConfigError, TrainingError
from seqmagic.network.layout import array_names
from seqmagic.training.engines.cudnn import simple_rnn
from seqmagic.training.engines.engine import Engine
from seqmagic.training.engines.fused import FusedEngine
from seqmagic.training.engines.keras import KerasEngine, LayerCall, stock_layers
from seqmagic.training.engines.trial import disagreement, fastest

__all__ = ["Engine", "FusedEngine", "KerasEngine", "make_engine"]

SMALLEST_SHARD = 4  # streams; below it, reading the recurrent kernel costs more than a core gains


def make_engine(
    request: str,
    *,
    model: keras.Model,
    config: DecidedModel,
    vocabulary_size: int,
    batch_size: int,
    threads: int,
    precision: str,
    why: str = "as asked",
) -> Engine:
    """The engine for this machine.

    Args:
        request: "auto", "fused", "keras" or, for a training that goes on, "cudnn".
        model: Whose weights will be given, as made by `build_model`.
        config: With units, layers and dropout decided.
        batch_size: Streams per step of this process.
        threads: Cores to use.
        precision: "auto", "float32", "mixed_float16" or "mixed_bfloat16"; auto is float32 on a CPU.
        why: What asks for it where it isn't "auto", in a phrase for people.

    Raises:
        ConfigError: The fused engine was asked for mixed precision.
        TrainingError: The precision asked for does not work here.
    """
    expected = len(array_names(config.layers))
    if len(model.trainable_weights) != expected:
        raise TrainingError(
            f"a network of {config.layers} layers has {expected} weight arrays; "
            f"received a model with {len(model.trainable_weights)}; make it with build_model"
        )
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    mixed = precision.startswith("mixed")
    if request == "fused" and mixed:
        raise ConfigError(
            f"--engine fused computes in float32; received --precision {precision}; use --engine keras for it"
        )
    if request == "fused" or (request == "auto" and not on_gpu and not mixed):
        shards = 1 if on_gpu else max(1, min(threads, batch_size // SMALLEST_SHARD))
        return FusedEngine(config, shards=shards, reason=_fused_reason(request, shards, why))
    stock = KerasEngine(config, reason="stock Keras layers in float32")
    if mixed:
        return _mixed_engine(stock, config, vocabulary_size, precision, why)
    if request == "keras" or not on_gpu:
        stock.reason += f", {why}"
        return stock
    candidates = gpu_candidates(config, mixed_too=precision == "auto")
    if request == "cudnn":
        candidates = [one for one in candidates if one.name == "cudnn"]
        if not disagreement(candidates[0], stock, config, vocabulary_size):
            candidates[0].reason = f"cuDNN, {why}"
            return candidates[0]
    engine, why = fastest(candidates, stock, config, vocabulary_size, batch_size)
    engine.reason = why
    return engine


def gpu_candidates(config: DecidedModel, *, mixed_too: bool) -> list[Engine]:
    """The engines that may beat the stock layers on a GPU, none of them checked yet."""
    candidates: list[Engine] = [FusedEngine(config, shards=1), cudnn_engine(config)]
    if mixed_too:
        candidates.append(KerasEngine(config, precision="mixed_bfloat16"))
    return candidates


def cudnn_engine(config: DecidedModel, *, precision: str = "float32") -> KerasEngine:
    """Every layer by cuDNN, which runs on a GPU only; not checked yet."""
    if config.cell == "rnn":
        layers: list[LayerCall] = [simple_rnn] * config.layers
    else:
        layers = stock_layers(config, precision=precision, use_cudnn=True)
    return KerasEngine(config, layers=layers, name="cudnn", precision=precision)


def _mixed_engine(stock: KerasEngine, config: DecidedModel, vocabulary_size: int, precision: str, why: str) -> Engine:
    engine = KerasEngine(config, precision=precision, reason=f"stock Keras layers in {precision}, {why}")
    problem = disagreement(engine, stock, config, vocabulary_size)
    if problem:
        raise TrainingError(f"--precision {precision} can't be used here: {problem}; use --precision float32")
    return engine


def _fused_reason(request: str, shards: int, why: str) -> str:
    why = why if request == "fused" else "the fastest on a CPU"
    cores = "1 core" if shards == 1 else f"{shards} cores, a part of the batch on each"
    return f"fused XLA step on {cores}; {why}"
