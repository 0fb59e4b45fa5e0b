"""Masks gathered from votes: scaled probabilities, without small pieces and holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CONSIDERED = 0.2
"""Voxels less likely to be vertebra than this fraction of the threshold belong to none."""
LEAST_PIECE = 0.1
"""A piece of a mask smaller than this fraction of its largest piece is discarded."""


def scaled(probability: NDArray[np.float32], threshold: float) -> NDArray[np.float16]:
    """Probabilities whose threshold has become one half."""
    below, above = 0.5 * probability / threshold, 0.5 + 0.5 * (probability - threshold) / (1 - threshold)
    return np.asarray(np.where(probability < threshold, below, above), np.float16)


def cleaned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without small pieces, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count > 1:
        sizes = np.bincount(pieces.ravel())[1:]
        mask = np.isin(pieces, 1 + np.flatnonzero(sizes >= LEAST_PIECE * sizes.max()))
    return np.asarray(ndimage.binary_fill_holes(mask))
