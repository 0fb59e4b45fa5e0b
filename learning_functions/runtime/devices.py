"""The devices of TensorFlow (the processor, one GPU, or all GPUs of one machine) and the precision."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

PRECISIONS: Mapping[str, str] = MappingProxyType(
    {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
)
"""What networks can compute in, with Keras's policy for it; weights are float32 in all."""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Networks that are built or loaded inside compute in this one of PRECISIONS, with float32 weights.

    Outside of it, the optimiser of a float16 network would be loaded without its loss scaling and its state.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(PRECISIONS[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def computing_on(device: str) -> contextlib.AbstractContextManager[object]:
    """A scope that builds and trains networks on ``device``: "auto", "cpu", "gpu" or "gpu:N".

    "auto" and "gpu" take all GPUs (MirroredStrategy for several); "auto" takes the processor where there is none.
    """
    gpus = gpus_for(device)
    import tensorflow as tf

    if device == "cpu" or not gpus:
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        log.info("Computing on the processor.")
        return tf.device("/CPU:0")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if device in ("auto", "gpu"):
        log.info("Computing on %d GPU%s.", len(gpus), "s" if len(gpus) > 1 else "")
        return _all_gpus().scope() if len(gpus) > 1 else tf.device("/GPU:0")
    number = int(device.removeprefix("gpu:"))
    log.info("Computing on GPU %d.", number)
    return tf.device(f"/GPU:{number}")


def require_device(device: str) -> None:
    """Raise a ValueError unless ``device`` is the name of a device; needs no TensorFlow."""
    if problem := device_problem(device):
        raise ValueError(f"{problem} Received: {device!r}.")


@functools.cache
def _all_gpus() -> Any:
    """The one strategy of this process: the collective operations of two would be taken for one another."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy()


def device_problem(device: str) -> str | None:
    """A sentence where ``device`` is not the name of a device."""
    return None if re.fullmatch(r"auto|cpu|gpu(:\d+)?", device) else "A device is auto, cpu, gpu or gpu:N."


def gpus_for(device: str) -> list[Any]:
    """All GPUs that TensorFlow sees. Raises: ValueError where ``device`` is not among them."""
    require_device(device)
    import tensorflow as tf

    gpus: list[Any] = tf.config.list_physical_devices("GPU")
    if device.startswith("gpu") and not gpus:
        raise ValueError(f"TensorFlow sees no GPU here; choose the device cpu. Received: {device!r}.")
    if device.startswith("gpu:") and int(device.removeprefix("gpu:")) >= len(gpus):
        raise ValueError(f"The GPUs here are gpu:0 to gpu:{len(gpus) - 1}. Received: {device!r}.")
    return gpus
