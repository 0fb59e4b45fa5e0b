"""Where TensorFlow computes (the processor, one GPU, or all GPUs of one machine), and in which precision."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

log = logging.getLogger(__name__)


@contextlib.contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Networks made or loaded within compute in float16 with float32 weights where ``mixed``, else in float32.

    Loaded outside of it, a mixed network's optimiser would lose its loss scaling and all its state.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def computing_on(device: str) -> contextlib.AbstractContextManager[object]:
    """A scope in which networks are made and trained on ``device``: "auto", "cpu", "gpu" or "gpu:N".

    "auto" and "gpu" take all GPUs (MirroredStrategy when there are several); "auto" takes the processor where
    there is none.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", device):
        raise ValueError(f"--device is auto, cpu, gpu or gpu:N. Received: {device}.")
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" or (device == "auto" and not gpus):
        if gpus:
            tf.config.set_visible_devices([], "GPU")
        log.info("Computing on the processor.")
        return tf.device("/CPU:0")
    if not gpus:
        raise ValueError(f"TensorFlow sees no GPU here; use --device cpu. Received: --device {device}.")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if device in ("auto", "gpu"):
        log.info("Computing on %d GPU%s.", len(gpus), "s" if len(gpus) > 1 else "")
        return tf.distribute.MirroredStrategy().scope() if len(gpus) > 1 else tf.device("/GPU:0")
    number = int(device.removeprefix("gpu:"))
    if number >= len(gpus):
        raise ValueError(f"The GPUs here are gpu:0 to gpu:{len(gpus) - 1}. Received: --device {device}.")
    log.info("Computing on GPU %d.", number)
    return tf.device(f"/GPU:{number}")
