"""The devices of TensorFlow (the processor, one GPU, or all GPUs of one machine) and the precision."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any

log = logging.getLogger(__name__)


@contextlib.contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Networks that are built or loaded inside compute in float16 with float32 weights if ``mixed``, else in float32.

    Outside of it, the optimiser of a mixed network would be loaded without its loss scaling and its state.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def computing_on(device: str) -> contextlib.AbstractContextManager[object]:
    """A scope that builds and trains networks on ``device``: "auto", "cpu", "gpu" or "gpu:N".

    "auto" and "gpu" take all GPUs (MirroredStrategy for several); "auto" takes the processor where there is none.
    """
    gpus = _gpus(device)
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
        return tf.distribute.MirroredStrategy().scope() if len(gpus) > 1 else tf.device("/GPU:0")
    number = int(device.removeprefix("gpu:"))
    log.info("Computing on GPU %d.", number)
    return tf.device(f"/GPU:{number}")


def predicting_on(device: str) -> contextlib.AbstractContextManager[object]:
    """A scope that loads and runs models on one device; "auto" and "gpu" take the first GPU.

    It hides no GPU from the rest of the process. It also works after TensorFlow has computed on another device.
    """
    gpus = _gpus(device)
    import tensorflow as tf

    if device == "cpu" or not gpus:
        return tf.device("/CPU:0")
    number = 0 if device in ("auto", "gpu") else int(device.removeprefix("gpu:"))
    with contextlib.suppress(RuntimeError):  # too late once TensorFlow has computed
        tf.config.experimental.set_memory_growth(gpus[number], True)
    return tf.device(f"/GPU:{number}")


def require_device(device: str) -> None:
    """Raise a ValueError unless ``device`` is the name of a device; needs no TensorFlow."""
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", device):
        raise ValueError(f"A device is auto, cpu, gpu or gpu:N. Received: {device!r}.")


def _gpus(device: str) -> list[Any]:
    """All GPUs that TensorFlow sees. Raises: ValueError where ``device`` is not among them."""
    require_device(device)
    import tensorflow as tf

    gpus: list[Any] = tf.config.list_physical_devices("GPU")
    if device.startswith("gpu") and not gpus:
        raise ValueError(f"TensorFlow sees no GPU here; choose the device cpu. Received: {device!r}.")
    if device.startswith("gpu:") and int(device.removeprefix("gpu:")) >= len(gpus):
        raise ValueError(f"The GPUs here are gpu:0 to gpu:{len(gpus) - 1}. Received: {device!r}.")
    return gpus
