"""Memory as a traversal comes to have it: vertebrae with the rough borders of a network's masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GRAIN_VOXELS = 2.0
"""How smooth the errors are along a border."""
SOFT_VOXELS = 1.0
ROUGHNESS = 0.2
"""Standard deviation of the share from which on a voxel, smoothed with its neighbours, is held to be remembered."""


def roughened_memory(memory: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A memory (x, y, z) of 0 and 1 with borders that wander by about a voxel, in and out; thin parts may be lost.

    Training knows memory from the truth; a network that has only seen such takes the rests that its own masks leave
    of a vertebra for the next one.
    """
    if not memory.any():
        return memory
    grain = ndimage.gaussian_filter(rng.standard_normal(memory.shape, np.float32), GRAIN_VOXELS, mode="wrap")
    limit = np.clip(0.5 + ROUGHNESS * grain / grain.std(), 0.1, 0.9)
    return (ndimage.gaussian_filter(memory.astype(np.float32), SOFT_VOXELS, mode="nearest") > limit).astype(np.uint8)
