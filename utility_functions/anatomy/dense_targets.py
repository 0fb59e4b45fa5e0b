"""Dense targets from centroids: the level of every voxel, as tubes made of axial disks (McCouat & Glocker 2019)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import CSI_LEVELS, anatomical_order, regressed_level
from utility_functions.anatomy.spine_sizes import DISK_DIAMETER_MM, STEP_MM, are_neighbours, usual_half_height_mm
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

NUMBER_OF_LEVELS = len(CSI_LEVELS)

LARGEST_STEP = 1.45
"""Levels farther apart than this, in parts of their usual distance, have another between them."""

Points = NDArray[np.float64]


def tube_ends(landmarks: Landmarks) -> Mapping[str, tuple[Points, Points, Points]]:
    """Per level its tube's upper end, centroid and lower end, each (3,) in RAS+ mm.

    The ends are the midpoints to the neighbours. Where a neighbour is unknown, the other end is mirrored. Where both
    are unknown, the tube runs straight up and down by the level's usual half height.
    """
    known = landmarks.only(DISK_DIAMETER_MM)
    order = sorted(known.names, key=anatomical_order)
    ends = {}
    for place, name in enumerate(order):
        centre = known.point(name)
        above = order[place - 1] if place and _adjoin(known, order[place - 1], name) else None
        below = order[place + 1] if place + 1 < len(order) and _adjoin(known, name, order[place + 1]) else None
        half = np.array([0.0, 0.0, usual_half_height_mm(name)])
        if above is not None:
            half = (known.point(above) - centre) / 2
        elif below is not None:
            half = (centre - known.point(below)) / 2
        down = (known.point(below) - centre) / 2 if below is not None else -half
        up = half
        ends[name] = (centre + up, centre, centre + down)
    return ends


def _adjoin(landmarks: Landmarks, upper: str, lower: str) -> bool:
    """Whether nothing lies between the two: T11 and L1 may be neighbours, or miss an unmarked T12."""
    distance = np.linalg.norm(landmarks.point(upper) - landmarks.point(lower))
    return are_neighbours(upper, lower) and bool(distance <= LARGEST_STEP * STEP_MM[upper, lower])


def dense_levels(landmarks: Landmarks, grid: Grid, wider: float = 1.0) -> NDArray[np.uint8]:
    """The regressed level (C1 = 1 ... S2 = 26; 0 outside) of every voxel of an upright RAS ``grid``.

    A voxel belongs to a level when its slice lies between the ends of the level's tube and it lies within the
    level's disk, ``wider`` than published by that factor, around the tube's axis there.
    """
    if grid.axcodes != "RAS" or not grid.is_upright:
        raise ValueError(f"Dense targets need an upright RAS grid. Received: {grid.axcodes}, {grid.affine}.")
    levels = np.zeros(grid.shape, np.uint8)
    first = grid.affine[:3, 3]
    spacing = np.asarray(grid.spacing_mm)
    x, y, z = (first[axis] + np.arange(grid.shape[axis]) * spacing[axis] for axis in range(3))
    for name, (upper, centre, lower) in tube_ends(landmarks).items():
        axis = np.stack([lower, centre, upper])
        axis = axis[np.argsort(axis[:, 2], kind="stable")]
        slices = np.flatnonzero((z >= axis[0, 2]) & (z < axis[2, 2]))
        radius = wider * DISK_DIAMETER_MM[name] / 2
        middle = [np.interp(z[slices], axis[:, 2], axis[:, column]) for column in (0, 1)]
        columns = _near(x, middle[0], radius)
        rows = _near(y, middle[1], radius)
        if not (len(slices) and columns.stop > columns.start and rows.stop > rows.start):
            continue
        squared = (x[columns, None, None] - middle[0]) ** 2 + (y[None, rows, None] - middle[1]) ** 2
        box = levels[columns, rows, slices[0] : slices[-1] + 1]
        box[squared <= radius**2] = regressed_level(name) or 0
    return levels


def _near(coordinates: Points, centres: Points, radius: float) -> slice:
    """The run of ascending coordinates within ``radius`` of any of the centres."""
    if not len(centres):
        return slice(0, 0)
    low = int(np.searchsorted(coordinates, centres.min() - radius))
    high = int(np.searchsorted(coordinates, centres.max() + radius, side="right"))
    return slice(low, high)
