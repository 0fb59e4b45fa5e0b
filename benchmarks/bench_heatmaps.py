"""Heatmaps of landmarks: separable Gaussians against exp() over the whole grid for each landmark, in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from learning_functions.runtime.tensorflow_setup import start_tensorflow
from utility_functions.anatomy.heatmaps import gaussian_sum, gaussians, spine_response

FLOOR = 20
REPEATS = 7
TOLERANCE = 1e-4
SPINE, SPINE_SIGMA = (64, 64, 128), 4.0  # at 8 mm, 25 landmarks
LEVELS, LEVEL_SIGMA = (96, 96, 128), 3.0  # at 2 mm, 26 landmarks, a map each

Heatmap = NDArray[np.float32]


def curve(count: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Points along a curve that crosses the whole of ``shape``."""
    z = (np.arange(count) + 0.5) * shape[2] / count
    return np.stack([shape[0] / 2 + 3 * np.cos(z / 20), shape[1] / 2 + 8 * np.sin(z / 30), z], axis=1)


def by_meshgrid(points: NDArray[np.float64], shape: tuple[int, ...], sigma: float) -> Heatmap:
    """The definition: the distance of every voxel of the grid to each landmark."""
    x, y, z = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    maps = [
        np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / np.float32(2 * sigma**2))
        for a, b, c in points.astype(np.float32)
    ]
    return np.stack(maps)


def normalised(maps: Heatmap) -> Heatmap:
    total = np.sum(maps, axis=0)
    return np.asarray(total / total.max())


def in_turns(methods: dict[str, Callable[[], Heatmap]]) -> tuple[dict[str, float], dict[str, Heatmap]]:
    """The median seconds of each method, and its result."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    results = {}
    for _ in range(REPEATS):
        for name, method in methods.items():
            started = time.perf_counter()
            results[name] = method()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}, results


def compare(what: str, methods: dict[str, Callable[[], Heatmap]], floor: int) -> None:
    """Prints a line for each method against the first one."""
    seconds, results = in_turns(methods)
    reference, *others = methods
    for name in others:
        difference = float(np.abs(results[name] - results[reference]).max())
        print(
            f"{what}, {name}: {1e3 * seconds[name]:.2f} ms, {1e3 * seconds[reference]:.0f} ms {reference}, "
            f"{seconds[reference] / seconds[name]:.0f}x (floor {floor}x), equal: {difference <= TOLERANCE} "
            f"(largest difference {difference:.1e})"
        )


def main() -> None:
    start_tensorflow()
    import tensorflow as tf

    from learning_functions.samples.augment.heatmap_targets import spine_heatmaps

    spine, levels = curve(25, SPINE), curve(26, LEVELS)
    batch = tf.constant(spine[None], tf.float32)
    in_graph = tf.function(lambda points: spine_heatmaps(points, SPINE, SPINE_SIGMA))
    compare(
        f"heatmap of a spine in {SPINE}",
        {
            "by meshgrid": lambda: normalised(by_meshgrid(spine, SPINE, SPINE_SIGMA)),
            "separable": lambda: spine_response(spine, SPINE, SPINE_SIGMA),
            "in the pipeline": lambda: np.asarray(in_graph(batch))[0],
        },
        FLOOR,
    )
    compare(
        f"sum of 26 levels in {LEVELS}",
        {
            "by meshgrid": lambda: np.asarray(by_meshgrid(levels, LEVELS, LEVEL_SIGMA).sum(axis=0)),
            "separable": lambda: gaussian_sum(levels, LEVELS, LEVEL_SIGMA),
        },
        FLOOR,
    )
    compare(
        f"26 levels, a map each, in {LEVELS}",
        {
            "by meshgrid": lambda: by_meshgrid(levels, LEVELS, LEVEL_SIGMA),
            "windowed": lambda: gaussians(levels, LEVELS, LEVEL_SIGMA),
        },
        FLOOR,
    )


if __name__ == "__main__":
    main()
