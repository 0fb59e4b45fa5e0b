"""The vertebrae in a scan's findings, as a decoder is shown them: those with centroids, and masks without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.naming.counted_levels import SEEN_OF_TRUNCATED
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings


@dataclass(frozen=True, eq=False)
class DetectedVertebrae:
    """N vertebrae from the top down, S1 among them; interpolated levels are none.

    names: those that they bear. points_mm: (N, 3) in RAS+ mm, centres of bodies or, of truncated ones whose centre lies
    out of the scan, of their masks. seen: (N,) the fraction in the field of view. placed: (N,) whether each has a
    centroid.
    """

    names: tuple[str, ...]
    points_mm: NDArray[np.float64]
    seen: NDArray[np.float64]
    placed: NDArray[np.bool_]

    @classmethod
    def of(cls, findings: Findings) -> DetectedVertebrae:
        """The vertebrae of a scan's findings."""
        landmarks = (findings.landmarks or Landmarks.empty()).only({*VERTEBRAE, "S1"})
        landmarks = landmarks.only(set(landmarks.names) - set(findings.interpolated))
        instances = findings.instances
        ids = () if instances is None else np.unique(instances.voxels)
        masks = {name for name, number in VERSE_IDS.items() if number in ids and name != "coccyx"}
        names = tuple(sorted({*landmarks.names, *masks}, key=anatomical_order))
        placed = np.array([name in landmarks for name in names], bool)
        points = []
        for name, there in zip(names, placed, strict=True):
            if there or instances is None:
                points.append(landmarks.point(name))
                continue
            points.append(instances.grid.to_mm(np.argwhere(instances.voxels == VERSE_IDS[name]).mean(axis=0)))
        return cls(names, np.array(points).reshape(-1, 3), np.where(placed, 1.0, SEEN_OF_TRUNCATED), placed)
