"""Memory roughness: vertebrae with borders as rough as those of predicted masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

GRAIN_VOXELS = 2.0
"""Smoothness of the errors along a border."""
SOFT_VOXELS = 1.0
ROUGHNESS = 0.2
"""Standard deviation of the threshold on the smoothed memory."""


def roughened_memory(memory: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A memory (x, y, z) of 0 and 1 with borders moved in and out by about a voxel; thin parts may be lost.

    A network that was trained with true memory alone takes what its own masks missed of a vertebra for the next one.
    """
    if not memory.any():
        return memory
    grain = ndimage.gaussian_filter(rng.standard_normal(memory.shape, np.float32), GRAIN_VOXELS, mode="wrap")
    limit = np.clip(0.5 + ROUGHNESS * grain / grain.std(), 0.1, 0.9)
    return (ndimage.gaussian_filter(memory.astype(np.float32), SOFT_VOXELS, mode="nearest") > limit).astype(np.uint8)
