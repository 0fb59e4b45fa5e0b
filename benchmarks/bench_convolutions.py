"""A training step and a prediction of a small 3D network, with oneDNN (as the scripts set it) and without it.

TensorFlow alone uses oneDNN only on processors with AVX-512 VNNI or later. "Without" means TF_ENABLE_ONEDNN_OPTS=0,
which turns it off everywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.scripts import alone

TASK, PRESET, BATCH, REPEATS = "vertebra_masks", "small", 4, 3
FLOOR = 1.0


def seconds_of(onednn: str) -> tuple[float, float]:
    """The seconds of the fastest training step and of the fastest prediction, with this setting in a new process."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    import numpy as np

    from learning_functions.task import load_task

    task = load_task(TASK)
    network = task.network(task.presets[PRESET])
    network.compile("adam", "mse", jit_compile=False)
    images = np.random.default_rng(1).random((BATCH, *network.input_shape[1:]), np.float32)
    targets = network.predict_on_batch(images)
    network.train_on_batch(images, targets)

    def fastest(work: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    return fastest(lambda: network.train_on_batch(images, targets)), fastest(lambda: network.predict_on_batch(images))


def main() -> None:
    with_onednn, without = (alone(seconds_of, onednn) for onednn in ("1", "0"))
    for what, fast, slow in zip(("a training step", "a prediction"), with_onednn, without, strict=True):
        print(
            f"{what} of {TASK}, {PRESET}, batch {BATCH}: {fast:.2f} s with oneDNN, {slow:.2f} s without, "
            f"{slow / fast:.1f}x (floor {FLOOR:g}x)",
            flush=True,
        )


if __name__ == "__main__":
    main()
