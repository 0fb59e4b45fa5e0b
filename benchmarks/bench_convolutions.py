"""A step of training and a look of a small 3D network, with oneDNN (as the scripts start TensorFlow) and without it.

TensorFlow itself uses oneDNN only on processors with AVX-512 VNNI or later. "Without" is TF_ENABLE_ONEDNN_OPTS=0, which
turns it off there, too.
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
    """The fastest of a few steps of training and looks, in s, in a process that begins with this setting."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    import numpy as np

    from learning_functions.task import load_task

    task = load_task(TASK)
    network = task.network(task.presets[PRESET])
    network.compile("adam", "mse", jit_compile=False)
    seen = np.random.default_rng(1).random((BATCH, *network.input_shape[1:]), np.float32)
    answer = network.predict_on_batch(seen)
    network.train_on_batch(seen, answer)

    def fastest(work: Callable[[], Any]) -> float:
        took = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            work()
            took.append(time.perf_counter() - started)
        return min(took)

    return fastest(lambda: network.train_on_batch(seen, answer)), fastest(lambda: network.predict_on_batch(seen))


def main() -> None:
    (step, look), (plain_step, plain_look) = (alone(seconds_of, onednn) for onednn in ("1", "0"))
    for what, fast, plain in (("a step of training", step, plain_step), ("a look", look, plain_look)):
        print(
            f"{what} of {TASK}, {PRESET}, batch {BATCH}: {fast:.2f} s with oneDNN, {plain:.2f} s without, "
            f"{plain / fast:.1f}x (floor {FLOOR:g}x)",
            flush=True,
        )


if __name__ == "__main__":
    main()
