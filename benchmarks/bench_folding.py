"""The shipped networks as they were trained and as inference folds them, in turns: processor seconds of one pass."""

from __future__ import annotations

import os
import statistics
import time

import numpy as np

from learning_functions.runtime.tensorflow_setup import use_onednn

SHAPES = {"detection": (1, 96, 96, 96, 1), "identification": (8, 96, 112, 8), "panoptic": (1, 96, 112, 112, 1)}
FLOORS = {"detection": 1.3, "identification": 1.3, "panoptic": 1.1}
REPEATS = 5


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_onednn()
    from learning_functions.inference.folded_network import folded
    from learning_functions.inference.sliding_window import flexible
    from learning_functions.model_files.model_file import load_model
    from learning_functions.model_files.pretrained import SHIPPED

    for name, shape in SHAPES.items():
        trained = flexible(load_model(SHIPPED / f"{name}.h5")[0])
        seen = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        networks = (trained, folded(trained))
        seconds: tuple[list[float], list[float]] = ([], [])
        for repeat in range(REPEATS + 1):
            for network, taken in zip(networks, seconds, strict=True):
                started = time.process_time()
                network.predict_on_batch(seen)
                if repeat:  # the first one traces
                    taken.append(time.process_time() - started)
        before, now = (statistics.median(taken) for taken in seconds)
        print(f"{name} folded: {before / now:.2f}x the speed of {before:.3f} s (floor {FLOORS[name]}x)", flush=True)


if __name__ == "__main__":
    main()
