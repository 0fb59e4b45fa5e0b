"""Memory corruption: a part of a vertebra is moved to its neighbour, as after a segmentation error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RADIUS_MM = (6.0, 18.0)
"""Radius of the ball that holds the moved part; a process or half an arch fits in it."""
LOST = 0.7
"""Fraction of corruptions that remove a part of the previous vertebra; the others add a part of the next one."""
LARGEST_FRACTION = 0.5
"""The largest part of a vertebra, relative to what the patch shows of it, that is moved."""


def corrupted_memory(
    memory: NDArray[np.uint8],
    passed: NDArray[np.bool_],
    coming: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """A memory (x, y, z) of 0 and 1 that lacks a part of the previous vertebra or holds a part of the next one.

    passed, coming: masks of the previous and of the next vertebra. A network that was trained with true memory alone
    takes what its own mask missed of one vertebra for a part of the next; the error then spreads along the spine.
    Memory is unchanged where the patch shows nothing of the chosen vertebra, or where the part would be too large.
    """
    loses = rng.random() < LOST or not coming.any()
    voxels = np.argwhere(passed if loses else coming)
    radius = rng.uniform(*RADIUS_MM)
    place = rng.random()
    if not len(voxels):
        return memory
    centre = voxels[int(place * len(voxels))]
    near = voxels[np.linalg.norm((voxels - centre) * np.asarray(spacing_mm), axis=1) <= radius]
    if len(near) > LARGEST_FRACTION * len(voxels):
        return memory
    corrupted = memory.copy()
    corrupted[tuple(near.T)] = 0 if loses else 1
    return corrupted
