"""Landmarks as numbers of a sample: the position of each level in the patch, from which batches make targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.labels import SACRAL, VERTEBRAE, anatomical_order
from utility_functions.anatomy.spine_sizes import usual_half_height_mm
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

POINT_NUMBERS = tuple(f"{name}_{axis}" for name in VERTEBRAE for axis in "xyz")
"""Three numbers for each level from C1 to L6: its centroid in voxels of the patch; NaN where there is none."""
LAST_OF_THE_SPINE = ("L5", "L6", *SACRAL)
"""Where one of these is labelled, no vertebra is missing below it."""


def point_numbers(landmarks: Landmarks, grid: Grid, first: ArrayLike) -> NDArray[np.float32]:
    """POINT_NUMBERS of a patch whose first voxel is ``first`` on ``grid``; centroids outside the grid are left out."""
    numbers = np.full((len(VERTEBRAE), 3), np.nan, np.float32)
    for name, point in landmarks.only(VERTEBRAE):
        if grid.contains(point):
            numbers[VERTEBRAE.index(name)] = grid.to_index(point) - np.asarray(first)
    return numbers.ravel()


def judged_slices(landmarks: Landmarks, grid: Grid) -> NDArray[np.bool_]:
    """The slices (of the third axis, which runs upwards) of an upright grid that show no unlabelled vertebra.

    Slices more than half a vertebra outside the uppermost or the lowest label may show one, unless the spine ends
    there. They do not count, so that unlabelled vertebrae do not become background.
    """
    known = landmarks.only(VERTEBRAE)
    height = grid.to_mm(np.stack(np.broadcast_arrays(0, 0, np.arange(grid.shape[2])), axis=1))[:, 2]
    if not len(known):
        return np.zeros(len(height), bool)
    ordered = sorted(known.names, key=anatomical_order)
    top, bottom = ordered[0], ordered[-1]
    judged = np.ones(len(height), bool)
    if top != "C1":
        judged &= height <= known.point(top)[2] + usual_half_height_mm(top)
    if not any(name in LAST_OF_THE_SPINE for name in landmarks.names):
        judged &= height >= known.point(bottom)[2] - usual_half_height_mm(bottom)
    return judged
