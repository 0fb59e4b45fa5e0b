"""Quarter turns about the world's vertical axis: the same voxels, and the same points, lying another way."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from utility_functions.geometry.grid import FloatArray, Grid
from utility_functions.geometry.resampling import AnyVolume

SIDES = ("anterior", "left", "posterior", "right")
"""Each is the one before it, turned by a quarter counter-clockwise as seen from above (from the head)."""


def turn_matrix(quarters: int) -> FloatArray:
    """The rotation (3, 3) by ``quarters`` of a turn about the third axis, counter-clockwise seen from above."""
    cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarters % 4]
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def turned_points(points_mm: ArrayLike, quarters: int) -> FloatArray:
    """World positions (..., 3) in RAS+ mm, turned about the world's origin."""
    return np.asarray(points_mm, np.float64) @ turn_matrix(quarters).T + 0.0  # no -0.0


def turned_grid(grid: Grid, quarters: int) -> Grid:
    """The grid of the same voxels, turned about the world's origin; itself where that changes nothing."""
    if quarters % 4 == 0:
        return grid
    affine = grid.affine.copy()
    affine[:3] = turn_matrix(quarters) @ grid.affine[:3] + 0.0
    return Grid(grid.shape, affine)


def turned(volume: AnyVolume, quarters: int) -> AnyVolume:
    """The same voxels, lying another way."""
    return type(volume)(volume.voxels, turned_grid(volume.grid, quarters))


def side_shown(side: str, quarters: int) -> str:
    """Which side of the world what lies at ``side`` comes to lie at, turned by ``quarters``."""
    return SIDES[(SIDES.index(side) + quarters) % 4]
