"""The landmark prompt, an input channel: a Gaussian at the landmark of one vertebra, in the patch round it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.geometry.grid import Grid

HIGHEST = 255


def centred_first(
    point_mm: ArrayLike, grid: Grid, patch: Sequence[int], offset_mm: Sequence[float] = (0.0, 0.0, 0.0)
) -> NDArray[np.int_]:
    """The first voxel (3,) of the patch whose middle is nearest to a point, moved by an offset; both in RAS+ mm."""
    middle = grid.to_index(np.asarray(point_mm, float) + np.asarray(offset_mm, float))
    return np.asarray(np.rint(middle - (np.asarray(patch) - 1) / 2).astype(int))


def landmark_prompt(point_mm: ArrayLike, box: Grid, sigma_mm: float) -> NDArray[np.uint8]:
    """255 exp(-d^2 / 2 sigma^2), rounded, at every voxel of an upright ``box``; d: distance to the point (RAS+ mm)."""
    if not sigma_mm > 0:
        raise ValueError(f"A Gaussian has a sigma above 0 mm. Received: {sigma_mm}.")
    index = box.to_index(point_mm)
    x, y, z = (
        np.exp(-0.5 * np.square((np.arange(size) - at) * step / sigma_mm))
        for size, at, step in zip(box.shape, index, box.spacing_mm, strict=True)
    )
    return np.asarray(np.rint(HIGHEST * x[:, None, None] * y[:, None] * z), np.uint8)
