"""Keypoints of vertebrae in one scan: bodies with their names or region probabilities, and pedicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Of one scan, in RAS+ mm.

    bodies_mm: (N, 3).  names: N levels, "" where the file names none.
    probabilities: (N, 3) of cervical, thoracic and lumbar; NaN where the file has none.
    left_mm, right_mm: (any number, 3), pedicles; the body that they belong to is unknown.
    """

    bodies_mm: NDArray[np.float64]
    names: tuple[str, ...]
    probabilities: NDArray[np.float64]
    left_mm: NDArray[np.float64]
    right_mm: NDArray[np.float64]
