"""Distances between the surfaces of two masks in mm: HD, HD95 and ASSD.

Definitions, after Metrics Reloaded (Maier-Hein, Reinke et al. 2024):
surface: the voxels of a mask with a face neighbour outside it; everything beyond the image is outside.
d(A, B): for every surface voxel of A, the distance in mm from its centre to the nearest centre of B's surface voxels.
HD: the largest of d(A, B) and d(B, A). HD95: the larger of the 95th percentiles of d(A, B) and of d(B, A), each with
linear interpolation; some packages take one percentile of both together.
ASSD: the mean over all of d(A, B) and d(B, A).

Distances are in world coordinates, so that they include spacing, rotation and shear of the grid. A k-d tree of the
surface voxels in the box of each mask finds the nearest centres, without a distance map of the scan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from utility_functions.geometry.boxes import Box
from utility_functions.geometry.grid import FloatArray, Grid

PERCENTILE = 95.0

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class SurfaceScore:
    """Distances in mm between two surfaces; None where one of the masks, or both, are empty."""

    hd_mm: float | None = None
    hd95_mm: float | None = None
    assd_mm: float | None = None


def surface_indices(mask: NDArray[np.bool_], box: Box | None = None) -> Indices:
    """Indices (N, 3) of the surface voxels of a mask (x, y, z), offset by the start of its ``box``.

    A box around the whole mask gives the same voxels as the whole scan.
    """
    inner = ndimage.binary_erosion(mask)  # face neighbours; the mask ends at the array's border
    start = (0, 0, 0) if box is None else [axis.start for axis in box]
    return np.argwhere(mask & ~inner) + np.asarray(start, np.int64)


def surface_score(first: Indices, second: Indices, grid: Grid) -> SurfaceScore:
    """HD, HD95 and ASSD of two surfaces, given as indices (N, 3) into ``grid``."""
    if not len(first) or not len(second):
        return SurfaceScore()
    there, back = directed_mm(first, second, grid), directed_mm(second, first, grid)
    return SurfaceScore(
        hd_mm=float(max(there.max(), back.max())),
        hd95_mm=float(max(np.percentile(there, PERCENTILE), np.percentile(back, PERCENTILE))),
        assd_mm=float((there.sum() + back.sum()) / (len(there) + len(back))),
    )


def directed_mm(start: Indices, end: Indices, grid: Grid) -> FloatArray:
    """The distance (N,) in mm of every voxel of ``start`` (N, 3) to the nearest of ``end`` (M, 3), M above 0."""
    steps = grid.affine[:3, :3].T
    _, nearest = KDTree(end @ steps, balanced_tree=False, compact_nodes=False).query(start @ steps)
    # computed again from voxel differences, so that no rounding depends on the position of the masks
    return np.asarray(np.linalg.norm((start - end[nearest]) @ steps, axis=1), np.float64)
