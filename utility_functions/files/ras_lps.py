"""The two world frames that files use, and the one place where they are exchanged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def swap_lps_ras(values: ArrayLike) -> NDArray[np.float64]:
    """Points (..., 3) or an index-to-mm affine (4, 4) from LPS to RAS or from RAS to LPS, which is the same change.

    DICOM, ITK and Slicer's files count x to the patient's Left and y to the Posterior; inside this package it is
    Right and Anterior. No other code turns one into the other.
    """
    swapped = np.array(values, dtype=np.float64)
    if swapped.shape == (4, 4):
        swapped[:2] *= -1
    elif swapped.shape[-1:] == (3,):
        swapped[..., :2] *= -1
    else:
        raise ValueError(f"Only points (..., 3) and affines (4, 4) have a frame. Received: shape {swapped.shape}.")
    return swapped
