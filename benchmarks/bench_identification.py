"""Identification of a scan: slices with detected voxels in batches, against one predict() for each slice."""

from __future__ import annotations

import os
import time

import numpy as np

from learning_functions.runtime.tensorflow_setup import use_onednn

FLOOR = 3
SHAPE = (120, 160, 320)  # 1 mm, RAS
SPINE = (slice(42, 78), slice(50, 90), slice(20, 300))


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_onednn()
    import keras

    from learning_functions.inference.slices import slice_predictions
    from learning_functions.options import InferenceOptions
    from learning_functions.task import load_task
    from utility_functions.geometry.grid import Grid
    from utility_functions.geometry.volume import LabelMap, Volume

    task = load_task("identification")
    settings = task.presets["paper"].changed(filters=8)
    keras.utils.set_random_seed(1)
    network = task.network(settings)
    grid = Grid.from_spacing(SHAPE, 1.0)
    image = Volume(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), grid)
    mask = np.zeros(SHAPE, np.uint8)
    mask[SPINE] = 1
    detection = LabelMap(mask, grid)
    times: dict[str, list[float]] = {"tiles": [], "published": []}
    found = {}
    for repeat in range(3):
        for windows in times:
            started = time.perf_counter()
            options = InferenceOptions(windows=windows)
            found[windows] = slice_predictions(network, settings, image, detection, 0.0, options)
            if repeat:  # the first one warms up
                times[windows].append(time.perf_counter() - started)
    ours, reference = (float(np.median(times[name])) for name in ("tiles", "published"))
    worst = float(np.abs(found["tiles"] - found["published"]).max())
    print(
        f"identification: {ours:.2f} s in batches, {reference:.2f} s by one predict() per slice, "
        f"{reference / ours:.1f}x (floor {FLOOR}x), largest difference {worst:.1e}"
    )


if __name__ == "__main__":
    main()
