"""What the network of a traversal answers, and the single vertebra that is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.grid import Grid

COMPLETE = 0.5
"""A vertebra is wholly seen where the network says so with at least this probability."""
BORDER_VOXELS = 1
"""A mask this near to the scan's border touches it."""
TOLERANCE_MM = 1e-3
VoxelPoint = NDArray[np.float64]
"""A place in voxels of the image, (3,)."""


@dataclass(frozen=True)
class PatchPrediction:
    """What the network answers: mask (patch) of probabilities, is it wholly seen (0..1), level as a number."""

    mask: NDArray[np.generic]
    complete: float
    level: float


PatchPredictor = Callable[[tuple[int, int, int], NDArray[np.uint8], VoxelPoint | None], PatchPrediction]
"""From the first voxel of a patch, which may lie outside the image, the memory there, and the centroid of the vertebra
that is meant, in voxels of the image, where it is known, to what is seen."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One vertebra: ``mask`` (bool) in the box of the image labels first voxel is ``start``.

    probabilities: what the network told of that box and of one voxel more on all sides; None: as sure as the mask.
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
    """The largest piece of a mask, voxels joined by faces."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:])))


def are_truncated(chain: Sequence[Instance], grid: Grid, scan: Grid | None = None) -> list[bool]:
    """Which of a chain in order are cut: not wholly seen, and at an end of it or at the border of the scan."""
    ends = (0, len(chain) - 1)
    return [
        one.complete < COMPLETE and (place in ends or touches_border(one, grid, scan))
        for place, one in enumerate(chain)
    ]


def touches_border(one: Instance, grid: Grid, scan: Grid | None = None) -> bool:
    """Whether a vertebra of the image on ``grid`` reaches the border of the scan it was made of (None: of the image).

    The scan may lie obliquely in the upright image: what counts is how near its own faces are.
    """
    scan = scan or grid
    places_mm = grid.to_mm(np.argwhere(one.mask) + one.start)
    beyond_first = scan.to_index(places_mm) * scan.spacing_mm
    before_last = (np.asarray(scan.shape) - 1) * scan.spacing_mm - beyond_first
    nearest_mm = float(np.minimum(beyond_first, before_last).min())
    return nearest_mm <= BORDER_VOXELS * max(grid.spacing_mm) + TOLERANCE_MM
