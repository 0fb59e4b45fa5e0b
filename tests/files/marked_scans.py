"""Numbers shared by the tests of files."""

from __future__ import annotations

import numpy as np

MARK = (1, 2, 3)


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """The matrix of three turns in radians about the world's axes."""
    cx, sx, cy, sy, cz, sz = np.cos(x), np.sin(x), np.cos(y), np.sin(y), np.cos(z), np.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
