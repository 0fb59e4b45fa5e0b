"""The devices that trained networks run on: the processor, or GPUs, each with the memory that a pass may take there."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from learning_functions.runtime.devices import gpus_for

UNKNOWN_GPU_GB = 4.0
"""The memory of a GPU of which TensorFlow does not tell it."""


@dataclass(frozen=True)
class InferenceDevice:
    """One device that networks run on.

    name: in TensorFlow, such as "/GPU:0". memory_gb: the GPU's memory that TensorFlow may take; None: the processor,
    whose passes share main memory with the scan.
    """

    name: str = "/CPU:0"
    memory_gb: float | None = None

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """A scope in which networks are loaded and run on this device; it holds for the thread that enters it."""
        import tensorflow as tf

        return tf.device(self.name)


PROCESSOR = InferenceDevice()


def inference_devices(device: str) -> tuple[InferenceDevice, ...]:
    """The devices that share a cohort: of "auto" and "gpu" all GPUs, of "gpu:N" that one, of "cpu" the processor.

    "auto" takes the processor where there is no GPU. TensorFlow takes the memory of GPUs as it needs it (memory
    growth). Raises: ValueError, in one sentence, where ``device`` is not there.
    """
    gpus = gpus_for(device)
    import tensorflow as tf

    for gpu in gpus:  # of all, since TensorFlow starts all
        with contextlib.suppress(RuntimeError):  # too late once TensorFlow has computed
            tf.config.experimental.set_memory_growth(gpu, True)
    if device == "cpu" or not gpus:
        return (PROCESSOR,)
    numbers = range(len(gpus)) if device in ("auto", "gpu") else [int(device.removeprefix("gpu:"))]
    sizes = _gpu_memory_gb()
    return tuple(InferenceDevice(f"/GPU:{number}", sizes.get(number, UNKNOWN_GPU_GB)) for number in numbers)


def _gpu_memory_gb() -> dict[int, float]:
    """The memory of each GPU, by its number, that TensorFlow may take."""
    import tensorflow as tf
    from tensorflow.python.client import device_lib

    growing = tf.compat.v1.ConfigProto()
    growing.gpu_options.allow_growth = True
    gpus = [each for each in device_lib.list_local_devices(growing) if each.device_type == "GPU"]
    return {int(each.name.rpartition(":")[2]): each.memory_limit / 1e9 for each in gpus}
