"""Levels predicted by a network of slices that sees the scan on several grids, carried to the voxels that are named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from learning_functions.inference.scan_view import ScanView
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

FINEST_MM = 2.0
"""Voxels are named on a grid of this spacing, unless the network sees finer ones."""
PLACEMENTS = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
"""By how much of a voxel, along each axis, the grids that the network sees lie off the first."""

VoxelPredictor = Callable[[Volume, LabelMap], NDArray[np.float32]]


def naming_grid(seen: Grid) -> Grid:
    """The upright grid whose voxels are named: of FINEST_MM where the network sees coarser voxels."""
    finer = np.minimum(seen.spacing_mm, FINEST_MM)
    return seen if np.allclose(finer, seen.spacing_mm) else seen.upright(finer, seen.axcodes)


def mean_over_placements(
    predict_voxels: VoxelPredictor, view: ScanView, column_of: Callable[[LabelMap], LabelMap], wanted: LabelMap
) -> NDArray[np.float32]:
    """The prediction at each marked voxel of ``wanted`` (voxels, k), in order, whatever grid it sees.

    predict_voxels: (voxels, k) of each marked voxel of a detection, from the image on its grid. column_of: what is marked of a
    detection. A grid of the network that is coarser than that of ``wanted`` is also laid half a voxel off, since where
    its voxels lie is chance, and names must not depend on it. Between voxels that are marked there too, linearly; else
    from the nearest.
    """
    places = wanted.grid.to_mm(np.argwhere(wanted.voxels))
    seen = view.image.grid
    if seen.same_as(wanted.grid):
        return predict_voxels(view.image, wanted)
    total: NDArray[np.float64] | float = 0.0
    weight = np.zeros(len(places))
    points, values = [], []
    for off in PLACEMENTS:
        grid = seen.window(np.negative(off), np.add(seen.shape, np.ceil(off).astype(int)))
        column = column_of(view.detection_on(grid))
        if not column.voxels.any():  # all that is marked lies between the voxels of this grid
            column = column.with_voxels(_nearest(grid, places))
        found = predict_voxels(view.image_on(grid), column)
        near = _weights(column, places)
        total = total + near @ found
        weight += near.sum(axis=1)
        points.append(grid.to_mm(np.argwhere(column.voxels)))
        values.append(found)
    mean = total / np.maximum(weight, 1e-9)[:, None]
    alone = weight < 1e-3
    if alone.any():
        nearest = cKDTree(np.concatenate(points)).query(places[alone])[1]
        mean[alone] = np.concatenate(values)[nearest]
    return np.asarray(mean, np.float32)


def _nearest(grid: Grid, places: NDArray[np.float64]) -> NDArray[np.uint8]:
    """1 at the voxels of ``grid`` that are nearest to places in mm within it."""
    marked = np.zeros(grid.shape, np.uint8)
    at = np.clip(np.rint(grid.to_index(places)).astype(int), 0, np.subtract(grid.shape, 1))
    marked[tuple(at.T)] = 1
    return marked


def _weights(column: LabelMap, places: NDArray[np.float64]) -> csr_array:
    """The linear weight of each marked voxel (columns, in order) at each place in mm (rows); rows sum to 1 or less."""
    marked = column.voxels > 0
    number = np.cumsum(marked).reshape(marked.shape) - 1
    index = column.grid.to_index(places)
    low = np.floor(index).astype(int)
    part = index - low
    rows, columns, weights = [], [], []
    for corner in product((0, 1), repeat=3):
        at = low + corner
        inside = np.flatnonzero(((at >= 0) & (at < marked.shape)).all(axis=1))
        inside = inside[marked[tuple(at[inside].T)]]
        rows.append(inside)
        columns.append(number[tuple(at[inside].T)])
        weights.append(np.where(corner, part[inside], 1 - part[inside]).prod(axis=1))
    shape = (len(places), int(marked.sum()))
    return csr_array((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
