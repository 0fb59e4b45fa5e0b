"""Dense targets: array operations against loops over voxels, in one run."""

from __future__ import annotations

import time

import numpy as np

from utility_functions.anatomy.dense_targets import dense_levels, tube_ends
from utility_functions.anatomy.labels import CSI_LEVELS
from utility_functions.anatomy.spine_sizes import DISK_DIAMETER_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

FLOOR = 100
LOOPED = (40, 40, 60)


def by_loops(landmarks: Landmarks, grid: Grid) -> np.ndarray:
    """The definition, in loops over voxels and tubes."""
    levels = np.zeros(grid.shape, np.uint8)
    tubes = [(name, *ends) for name, ends in tube_ends(landmarks).items()]
    first, step = grid.affine[:3, 3], grid.spacing_mm
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            for k in range(grid.shape[2]):
                x, y, z = first[0] + i * step[0], first[1] + j * step[1], first[2] + k * step[2]
                for name, upper, centre, lower in tubes:
                    if lower[2] <= z < upper[2]:
                        near, far = (centre, upper) if z >= centre[2] else (lower, centre)
                        fraction = (z - near[2]) / (far[2] - near[2])
                        across = x - near[0] - fraction * (far[0] - near[0])
                        along = y - near[1] - fraction * (far[1] - near[1])
                        if across * across + along * along <= (DISK_DIAMETER_MM[name] / 2) ** 2:
                            levels[i, j, k] = CSI_LEVELS[name]
    return levels


def main() -> None:
    names = ("T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5")
    z = -30.0 * np.arange(len(names))
    landmarks = Landmarks(names, np.stack([0.05 * z, 8 * np.sin(z / 60), z], axis=1))
    shape = (200, 200, 300)
    whole = Grid.from_spacing(shape, 1.0, (-100.0, -100.0, -260.0))
    part = Grid.from_spacing(LOOPED, 1.0, (-20.0, -20.0, -150.0))
    times: dict[str, list[float]] = {"loops": [], "arrays": []}
    for _ in range(3):
        started = time.perf_counter()
        looped = by_loops(landmarks, part)
        times["loops"].append((time.perf_counter() - started) / np.prod(LOOPED))
        started = time.perf_counter()
        dense_levels(landmarks, whole)
        times["arrays"].append((time.perf_counter() - started) / np.prod(shape))
    same = np.array_equal(looped, dense_levels(landmarks, part))
    loops, arrays = (float(np.median(times[name])) for name in ("loops", "arrays"))
    print(
        f"dense targets: {1e9 * arrays:.2f} ns a voxel by arrays, {1e9 * loops:.0f} ns by loops, "
        f"{loops / arrays:.0f}x (floor {FLOOR}x), equal: {same}"
    )


if __name__ == "__main__":
    main()
