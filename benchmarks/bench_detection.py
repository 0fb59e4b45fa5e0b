"""Detection of a whole volume by tiles as large as memory allows, against the published windows, in one run.

The published windows are timed on a part of the volume and scaled by their number, since all take the same time. Each
method runs in its own process, so that its peak memory is known.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

import numpy as np

from benchmarks.scripts import alone
from learning_functions.runtime.tensorflow_setup import use_onednn

SHAPE = (200, 200, 400)
WINDOWS_TIMED = 60


def tiles(memory_gb: float, shape: tuple[int, int, int]) -> tuple[float, float]:
    """Seconds, and the peak memory of the process in bytes."""
    from keras_models.unet import detection_unet
    from learning_functions.inference.sliding_window import run_tiles

    network = detection_unet()
    image = np.zeros((*shape, 1), np.float32)
    run_tiles(network, image[:32, :32, :32], (16, 16, 20), memory_gb, lambda out: out[..., 1], 0.0)  # warms up
    started = time.perf_counter()
    run_tiles(network, image, (16, 16, 20), memory_gb, lambda out: (out[..., 1] > 0.5).astype(np.uint8), 0.0)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def published(shape: tuple[int, int, int], windows: int) -> float:
    """Seconds for the whole volume, estimated from ``windows`` windows after a first one that is not timed."""
    from keras_models.unet import detection_unet
    from learning_functions.inference.sliding_window import run_published

    network = detection_unet()
    part = np.zeros((32, 32, 40 * windows, 1), np.float32)
    run_published(network, part[:, :, :40], (64, 64, 80), lambda out: out[..., 1], 0.0)
    started = time.perf_counter()
    run_published(network, part, (64, 64, 80), lambda out: out[..., 1], 0.0)
    each = (time.perf_counter() - started) / windows
    return float(each * np.prod([-(-n // c) for n, c in zip(shape, (32, 32, 40), strict=True)]))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory-gb", type=float, nargs="+", default=[4.0, 64.0])
    arguments = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_onednn()
    reference = alone(published, SHAPE, WINDOWS_TIMED)
    print(f"detection, published windows: {reference:.0f} s for {SHAPE} voxels", flush=True)
    for memory_gb in arguments.memory_gb:
        floor = 7 if memory_gb > 16 else 5
        seconds, peak = alone(tiles, memory_gb, SHAPE)
        print(
            f"detection, tiles within {memory_gb:g} GB: {seconds:.1f} s, {reference / seconds:.1f}x (floor {floor}x), "
            f"peak {peak / 1e9:.2f} GB, {peak / np.prod(SHAPE):.0f} bytes per voxel of the scan",
            flush=True,
        )


if __name__ == "__main__":
    main()
