"""Solids (a signed distance with a bounding box), and the frames in which they are placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[np.float32]
Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """A right-handed frame: ``axes`` columns are its right, anterior and superior directions, ``origin`` in mm.

    Its unit is ``scale`` mm, so that the solids of a large patient are scaled from those of a mean patient.
    """

    axes: Vector
    origin: Vector
    scale: float = 1.0

    def out(self, points: ArrayLike) -> Vector:
        """Points (..., 3) of this frame in the outer frame."""
        return np.asarray(points, float) * self.scale @ self.axes.T + self.origin

    def into(self, points: ArrayLike) -> Vector:
        """Points (..., 3) of the outer frame in this one."""
        return (np.asarray(points, float) - self.origin) @ self.axes / self.scale


OUTER = Frame(np.eye(3), np.zeros(3))
"""The frame of the scanner itself."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A solid: ``distance`` of x, y, z (mm) in its frame, nowhere negative outside ``low`` .. ``high``."""

    distance: Callable[[Field, Field, Field], Field]
    low: Vector
    high: Vector


def moved(point: ArrayLike, x: float, y: float, z: float) -> Vector:
    """A point moved by x, y, z mm."""
    return np.asarray(point, float) + np.array([x, y, z])
