"""Classes of a label map on another grid, from how much of each lies round a voxel."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from scipy import ndimage

from utility_functions.geometry.boxes import box_around, part_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

EQUAL_FRACTIONS = 1e-3
"""Fractions of classes that differ by less are equal."""

AnyLabelMap = TypeVar("AnyLabelMap", bound=LabelMap)


def resample_classes(classes: AnyLabelMap, grid: Grid) -> AnyLabelMap:
    """The class of the greatest fraction at each voxel of ``grid``, with fractions taken linearly between voxels.

    Where ``grid`` lies moves the middle of a class less than the nearest neighbour would. Of equal fractions the
    first class has it; 0 is background, and lies beyond the map.
    """
    if classes.grid.shape == grid.shape and classes.grid.same_as(grid, tolerance_voxels=1e-6):
        return classes
    found = type(classes)(np.zeros(grid.shape, classes.voxels.dtype), grid)
    for box in ndimage.find_objects((classes.voxels > 0).astype(np.uint8)):
        shown = classes.window([axis.start - 1 for axis in box], [axis.stop - axis.start + 2 for axis in box])
        inside = box_around(shown.grid, grid)
        if not found.voxels[inside].size:
            continue
        own, wanted = found.voxels[inside], part_of(grid, inside)
        best = np.full(own.shape, -1.0, np.float32)
        for value in np.unique(shown.voxels):
            fraction = resample(
                Volume((shown.voxels == value).astype(np.float32), shown.grid), wanted, float(value == 0)
            )
            likelier = fraction.voxels > best + EQUAL_FRACTIONS
            own[likelier], best[likelier] = value, fraction.voxels[likelier]
    return found
