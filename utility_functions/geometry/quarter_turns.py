"""Quarter turns of grids, volumes and points about the world's vertical axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from utility_functions.geometry.grid import FloatArray, Grid
from utility_functions.geometry.resampling import AnyVolume

SIDES = ("anterior", "left", "posterior", "right")
"""Each is the one before it, turned by one quarter turn counter-clockwise as seen from above (from the head)."""


def turn_matrix(quarter_turns: int) -> FloatArray:
    """The rotation (3, 3) by ``quarter_turns`` about the third axis, counter-clockwise as seen from above."""
    cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarter_turns % 4]
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def turned_points(points_mm: ArrayLike, quarter_turns: int) -> FloatArray:
    """World positions (..., 3) in RAS+ mm, turned about the world's origin."""
    return np.asarray(points_mm, np.float64) @ turn_matrix(quarter_turns).T + 0.0  # no -0.0


def turned_grid(grid: Grid, quarter_turns: int) -> Grid:
    """The grid of the same voxels, turned about the world's origin; itself where that changes nothing."""
    if quarter_turns % 4 == 0:
        return grid
    affine = grid.affine.copy()
    affine[:3] = turn_matrix(quarter_turns) @ grid.affine[:3] + 0.0
    return Grid(grid.shape, affine)


def turned(volume: AnyVolume, quarter_turns: int) -> AnyVolume:
    """The same voxels on the turned grid."""
    return type(volume)(volume.voxels, turned_grid(volume.grid, quarter_turns))


def side_shown(side: str, quarter_turns: int) -> str:
    """The side of the world to which ``quarter_turns`` move what lies at ``side``."""
    return SIDES[(SIDES.index(side) + quarter_turns) % 4]
