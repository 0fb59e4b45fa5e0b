"""Where the spine is: a coarse pass tells the box in which a model looks; it looks everywhere where that is unsure.

The box is that of a spine heatmap (Payer et al. 2020), widely padded. What is found in it must end well inside of it,
or everything is looked at after all: a spine that runs on beyond the box runs through one of its faces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy import ndimage

from utility_functions.anatomy.parts import COLUMN
from utility_functions.geometry.boxes import within
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import ClassProbabilities

SURE_FROM = 0.5
"""The least maximum of a heatmap that shows a spine for sure."""
DOUBTED_FROM = 0.1
"""Where a heatmap is as high, a spine may be: all such places lie in the box."""
AROUND_MM = (40.0, 40.0, 80.0)
"""Beyond these places, along each axis: right and left, front and back, up and down."""
WORTH = 0.8
"""A box of a larger fraction of the scan saves nothing."""
EDGE_MM = 16.0
"""So near to a face of the box, a piece of the column may run on beyond it."""
LEAST_MM3 = 1500.0
"""Smaller pieces of the column are less than half a vertebral body."""

Answer = TypeVar("Answer")


def search_box(heatmap: Volume, grid: Grid, strides: Sequence[int]) -> Grid | None:
    """The part of ``grid`` round the spine; None where the heatmap is unsure, or the part is nearly all of it.

    grid: upright, over the scan, as that of the heatmap. The part begins at a multiple of ``strides`` voxels, so that
    poolings take the same voxels together as in all of it.
    """
    if not float(heatmap.voxels.max(initial=0)) >= SURE_FROM:
        return None
    where = np.argwhere(heatmap.voxels >= DOUBTED_FROM)
    ends_mm = heatmap.grid.to_mm([where.min(axis=0) - 0.5, where.max(axis=0) + 0.5])
    low, high = np.sort(grid.to_index(ends_mm), axis=0)
    around, steps = np.divide(AROUND_MM, grid.spacing_mm), np.asarray(strides)
    first = np.floor((low - around) / steps).astype(int) * steps
    box = within(first, np.ceil(high + around).astype(int) + 1, grid.shape)
    start, size = np.array([axis.start for axis in box]), np.array([axis.stop - axis.start for axis in box])
    if min(size) < 1 or np.prod(size, dtype=float) > WORTH * np.prod(grid.shape, dtype=float):
        return None
    return grid.window(start, size)


def holds_spine(found: ClassProbabilities, whole: Grid) -> bool:
    """Whether the column of bodies and discs was found in a part of the grid ``whole``, and ends inside of it.

    found: of parts, without pieces that show something else. Faces of the part that are faces of the scan may cut it.
    """
    column = np.isin(found.likeliest, COLUMN)
    pieces, count = ndimage.label(column, np.ones((3, 3, 3)))
    if not count:
        return False
    large = np.bincount(pieces.ravel()) * found.grid.voxel_volume_mm3 >= LEAST_MM3
    large[0] = False
    before = np.rint(whole.to_index(found.grid.to_mm((0, 0, 0)))).astype(int)
    behind = np.subtract(whole.shape, before + column.shape)
    for axis, step in enumerate(found.grid.spacing_mm):
        layers, edge = np.moveaxis(pieces, axis, 0), int(np.ceil(EDGE_MM / step))
        if before[axis] > 0 and large[np.unique(layers[:edge])].any():
            return False
        if behind[axis] > 0 and large[np.unique(layers[-edge:])].any():
            return False
    return bool(large.any())


def looked_in(box: Grid | None, look: Callable[[Grid | None], Answer], suffices: Callable[[Answer], bool]) -> Answer:
    """What ``look`` answers to the box or, where there is none or that does not suffice, to None: everything."""
    if box is not None and suffices(answer := look(box)):
        return answer
    return look(None)
