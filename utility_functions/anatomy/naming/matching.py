"""Matching of detections to true levels, for fitting statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from utility_functions.anatomy.labels import VERTEBRAE, anatomical_order
from utility_functions.anatomy.naming.statistics import USUAL_STEPS
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.geometry.landmarks import Landmarks

LIMIT_MM = 20.0
SHORTEST, LONGEST = 0.6, 1.5
"""Range of the length of a step from the last true level to an unnamed one, as a ratio to the usual one."""
STRAIGHTEST = 0.6
"""Least cosine between that step and the spine's direction."""
_BELOW = dict(USUAL_STEPS) | {"L6": "S1", "T13": "L1"}
_ABOVE = {lower: upper for upper, lower in USUAL_STEPS} | {"T13": "T12", "L6": "L5"}


def true_names(points_mm: NDArray[np.float64], true: Landmarks, limit_mm: float = LIMIT_MM) -> tuple[str, ...]:
    """Per detection (N, 3, RAS+ mm) the level it is, "" for false ones; no level twice.

    A true body belongs to one detection within the limit at most, by the least sum of distances. A detection at the
    place of the next body above or below the true ones is that level: annotators leave truncated vertebrae and the
    sacrum unnamed.
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    vertebrae = true.only(VERTEBRAE)
    vertebrae = vertebrae.at(sorted(range(len(vertebrae)), key=lambda i: anatomical_order(vertebrae.names[i])))
    names = [""] * len(points)
    if not len(points) or not len(vertebrae):
        return tuple(names)
    apart = np.linalg.norm(points[:, None] - vertebrae.points_mm[None], axis=-1)
    rows, columns = linear_sum_assignment(np.minimum(apart, limit_mm + 1.0))
    for row, column in zip(rows, columns, strict=True):
        if apart[row, column] <= limit_mm:
            names[row] = vertebrae.names[column]
    for end, inner, following in ((-1, -2, _BELOW), (0, 1, _ABOVE)):
        straight_on = np.array([0.0, 0.0, -1.0 if end else 1.0])
        if len(vertebrae) > 1:
            straight_on = vertebrae.points_mm[end] - vertebrae.points_mm[inner]
        free = apart.min(axis=1) > limit_mm / 2  # doubles are none
        _follow_on(points, names, free, vertebrae, end, straight_on, following)
    return tuple(names)


def _follow_on(
    points: NDArray[np.float64],
    names: list[str],
    free: NDArray[np.bool_],
    vertebrae: Landmarks,
    end: int,
    straight_on: NDArray[np.float64],
    following: dict[str, str],
) -> None:
    """Names the detections that continue one end of the true bodies, step by step."""
    name, place = vertebrae.names[end], vertebrae.points_mm[end]
    while name in following:
        pair = (following[name], name) if end == 0 else (name, following[name])
        steps = points - place
        lengths = np.maximum(np.linalg.norm(steps, axis=1), 1e-6)
        cosine = steps @ straight_on / lengths / np.linalg.norm(straight_on)
        part = lengths / STEP_MM[pair]
        fits = free & (cosine > STRAIGHTEST) & (part > SHORTEST) & (part < LONGEST) & (np.array(names) == "")
        if not fits.any():
            return
        chosen = int(np.where(fits, np.abs(part - 1), np.inf).argmin())
        name, place, straight_on = following[name], points[chosen], steps[chosen]
        names[chosen] = name
