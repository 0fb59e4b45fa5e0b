"""The part of a scan in which the truth labels every vertebra; predictions outside it are not scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.centroids import body_centre
from utility_functions.geometry.boxes import Box
from utility_functions.geometry.grid import FloatArray
from utility_functions.geometry.volume import LabelMap

HALF_STEP_ALONE_MM = 10.0
"""The extent of the range of a single vertebra from the centre of its body, upwards and downwards."""
MOST_HALF_STEP_MM = 20.0
"""The most that half the distance of two neighbours counts; more means that a label between them is missing."""


@dataclass(frozen=True, eq=False)
class LabelledRange:
    """The region between two planes across the spine, half a step above the first labelled body and below the last.

    ends: (2, 3) RAS+ mm, upper and lower. outward: (2, 3) unit vectors from body to body, away from the labels.
    """

    ends: FloatArray
    outward: FloatArray

    @classmethod
    def along(cls, bodies_mm: ArrayLike) -> LabelledRange:
        """The range of bodies (N, 3) in RAS+ mm from the top down; only the two at each end count, N is above 0."""
        bodies = np.asarray(bodies_mm, np.float64).reshape(-1, 3)
        if not len(bodies):
            raise ValueError(f"A labelled range needs the centre of at least one body. Received: {bodies.tolist()}.")
        up = np.array([0.0, 0.0, 1.0])
        if len(bodies) == 1:
            outward, half_mm = np.stack([up, -up]), np.full(2, HALF_STEP_ALONE_MM)
        else:
            steps = np.stack([bodies[0] - bodies[1], bodies[-1] - bodies[-2]])
            lengths = np.linalg.norm(steps, axis=1)
            outward = np.where(lengths[:, None] > 0, steps / np.maximum(lengths, 1e-9)[:, None], [up, -up])
            half_mm = np.minimum(lengths / 2, MOST_HALF_STEP_MM)
        return cls(np.stack([bodies[0], bodies[-1]]) + half_mm[:, None] * outward, outward)

    def beyond_mm(self, points_mm: ArrayLike) -> FloatArray:
        """The distances of points (..., 3) outside the upper and the lower plane (..., 2); negative inside."""
        between = np.asarray(points_mm, np.float64)[..., None, :] - self.ends
        return np.asarray((between * self.outward).sum(axis=-1))

    def holds(self, points_mm: ArrayLike) -> NDArray[np.bool_]:
        """Which points (..., 3) lie between the planes (...)."""
        return np.asarray((self.beyond_mm(points_mm) <= 0).all(axis=-1))

    def aside_mm(self, points_mm: ArrayLike) -> FloatArray:
        """The distances of points (..., 3) from the nearer of the two lines that extend the spine past its labels."""
        between = np.asarray(points_mm, np.float64)[..., None, :] - self.ends
        on = np.maximum((between * self.outward).sum(axis=-1), 0)[..., None] * self.outward
        return np.asarray(np.linalg.norm(between - on, axis=-1).min(axis=-1))


def body_mm(label_map: LabelMap, label: int, box: Box) -> FloatArray:
    """The centre (3,) in RAS+ mm of the body of a vertebra, in the box that holds all of its voxels."""
    part = label_map.window([axis.start for axis in box], [axis.stop - axis.start for axis in box]).reoriented("RAS")
    return part.grid.to_mm(body_centre(part.voxels == label, part.grid.spacing_mm))
