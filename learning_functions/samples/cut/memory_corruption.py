"""Memory as a traversal that slips comes to have it: a part of a vertebra went to its neighbour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RADIUS_MM = (6.0, 18.0)
"""Of the ball within which a part changes hands; a process or half an arch lies in it."""
LOST = 0.7
"""Share of slips that forget a part of what was passed; the others remember a part of what comes next."""
LARGEST_SHARE = 0.5
"""Of what the patch shows of a vertebra, no more than this changes hands."""


def corrupted_memory(
    memory: NDArray[np.uint8],
    passed: NDArray[np.bool_],
    coming: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """A memory (x, y, z) of 0 and 1 that lacks a part of the vertebra ``passed`` last or holds one of that ``coming``.

    A network that has only seen memory from the truth takes what its own mask left of one vertebra for a part of the
    next, and then slips all along the spine. Unchanged where the patch shows nothing of the vertebra in question,
    or where too much of it would change hands.
    """
    loses = rng.random() < LOST or not coming.any()
    voxels = np.argwhere(passed if loses else coming)
    radius = rng.uniform(*RADIUS_MM)
    place = rng.random()
    if not len(voxels):
        return memory
    centre = voxels[int(place * len(voxels))]
    near = voxels[np.linalg.norm((voxels - centre) * np.asarray(spacing_mm), axis=1) <= radius]
    if len(near) > LARGEST_SHARE * len(voxels):
        return memory
    slipped = memory.copy()
    slipped[tuple(near.T)] = 0 if loses else 1
    return slipped
