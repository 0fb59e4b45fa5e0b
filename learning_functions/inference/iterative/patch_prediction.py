"""Patch predictions of the iterative segmenter, and the vertebra instances made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.grid import Grid

COMPLETE = 0.5
"""A vertebra is wholly visible where the network says so with at least this probability."""
BORDER_VOXELS = 1
"""A mask this near to the scan's border touches it."""
TOLERANCE_MM = 1e-3
VoxelPoint = NDArray[np.float64]
"""A point in voxels of the image, (3,)."""


@dataclass(frozen=True)
class PatchPrediction:
    """The network's output: mask (patch) of probabilities, probability of being wholly visible, level as a number."""

    mask: NDArray[np.generic]
    complete: float
    level: float


PatchPredictor = Callable[[tuple[int, int, int], NDArray[np.uint8], VoxelPoint | None], PatchPrediction]
"""The arguments: first voxel of a patch, which may lie outside the image; the memory there; and the centroid of the
target, in voxels of the image, where it is known.
"""


@dataclass(frozen=True, eq=False)
class Instance:
    """One vertebra: ``mask`` (bool) in a box of the image that begins at voxel ``start``.

    probabilities: the network's, in that box and one voxel more on all sides; None: 1 in the mask and 0 beside it.
    """

    start: tuple[int, int, int]
    mask: NDArray[np.bool_]
    complete: float
    level: float
    probabilities: NDArray[np.float16] | None = None

    @property
    def box(self) -> tuple[slice, ...]:
        """Where the mask lies in the image."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.mask.shape, strict=True))

    @property
    def middle(self) -> VoxelPoint:
        """The middle of the bounding box, in voxels of the image."""
        return np.asarray(self.start) + (np.asarray(self.mask.shape) - 1) / 2

    @property
    def mean(self) -> VoxelPoint:
        """The mean of the mask's voxels, in voxels of the image."""
        return np.asarray(self.start) + np.array([axis.mean() for axis in np.nonzero(self.mask)])


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest component of a mask; voxels are connected by faces."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:])))


def are_truncated(chain: Sequence[Instance], grid: Grid, scan: Grid | None = None) -> list[bool]:
    """Which instances of an ordered chain are truncated: not wholly visible, and at an end or at the scan's border."""
    ends = (0, len(chain) - 1)
    return [
        one.complete < COMPLETE and (place in ends or touches_border(one, grid, scan))
        for place, one in enumerate(chain)
    ]


def touches_border(one: Instance, grid: Grid, scan: Grid | None = None) -> bool:
    """Whether a vertebra of the image on ``grid`` reaches the border of the scan (None: of the image).

    The scan may be oblique to the upright image: the distance to its own faces counts.
    """
    scan = scan or grid
    points_mm = grid.to_mm(np.argwhere(one.mask) + one.start)
    from_first = scan.to_index(points_mm) * scan.spacing_mm
    to_last = (np.asarray(scan.shape) - 1) * scan.spacing_mm - from_first
    nearest_mm = float(np.minimum(from_first, to_last).min())
    return nearest_mm <= BORDER_VOXELS * max(grid.spacing_mm) + TOLERANCE_MM
