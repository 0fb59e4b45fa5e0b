"""Undetected bodies with both pedicles detected, at the ends of the spine: most are truncated by the field of view."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.labels import USUAL_VERTEBRAE
from utility_functions.anatomy.naming.ordering import along_the_spine
from utility_functions.anatomy.naming.pedicle_places import SIDES, PediclePlaces, directions, known, mirrored
from utility_functions.geometry.landmarks import Landmarks

APART_MM = (12.0, 60.0)
"""How far the two pedicles of a vertebra lie from each other."""
ALONG_MM = 8.0
"""By how much one of them lies higher than the other, along the spine, at most."""
STEP_MM = (12.0, 45.0)
"""How far the body lies from the last one detected."""

Array = NDArray[np.float64]


def beyond_the_ends(
    found: Landmarks, probabilities: ArrayLike, left: ArrayLike, right: ArrayLike, places: PediclePlaces
) -> Landmarks:
    """At most one level above and one below those found, where its pedicles were detected; score 0, in RAS+ mm.

    found: named bodies from the top down.  probabilities: of each, cervical, thoracic and lumbar (N, 3).
    left, right: all pedicles detected (any number, 3).  Its level is the next one of a usual spine; C1 has none, and
    below the last lumbar vertebra the sacrum begins. Its body lies before its pedicles as the next one's does.
    """
    points = found.points_mm
    pedicles = [np.asarray(side, float).reshape(-1, 3) for side in (left, right)]
    if not len(found) or not all(map(len, pedicles)):
        return Landmarks.empty()
    own = places.own(points, probabilities, *pedicles)
    lone = [
        side[~(side[:, None] == its[None]).all(axis=2).any(axis=1)] for side, its in zip(pedicles, own, strict=True)
    ]
    features, down = known(points, probabilities), directions(points)
    names, bodies = [], []
    for end, level, way in ((0, _next(found.names[0], -1), -down[0]), (-1, _next(found.names[-1], 1), down[-1])):
        if level is None:
            continue
        middle_mm = np.mean(
            [mirrored(features[[end]], sign)[0] @ np.array(places.weights) * (sign, 1.0, 1.0) for sign in SIDES], axis=0
        )
        seen = [middle - middle_mm for middle in _middles(lone[0], lone[1], way)]
        seen = [body for body in seen if _is_next(body - points[end], way)]
        if seen:
            names.append(level)
            bodies.append(min(seen, key=lambda body: float(np.linalg.norm(body - points[end]))))
    if not names:
        return Landmarks.empty()
    order = along_the_spine(np.array(bodies))
    return Landmarks(tuple(names), np.array(bodies), np.zeros(len(names))).at(order)


def _next(name: str, step: int) -> str | None:
    """The level above (-1) or below (1) in a usual spine; None where no body with pedicles follows."""
    if name in ("T13", "L6"):
        return {("T13", -1): "T12", ("T13", 1): "L1", ("L6", -1): "L5"}.get((name, step))
    if name not in USUAL_VERTEBRAE:
        return None
    place = USUAL_VERTEBRAE.index(name) + step
    return USUAL_VERTEBRAE[place] if 1 <= place < len(USUAL_VERTEBRAE) else None


def _middles(left: Array, right: Array, way: Array) -> list[Array]:
    """The middles of left and right pedicles that may be of one vertebra."""
    found = []
    for one in left:
        for other in right:
            between = other - one
            if APART_MM[0] <= np.linalg.norm(between) <= APART_MM[1] and abs(between @ way) <= ALONG_MM:
                found.append((one + other) / 2)
    return found


def _is_next(step: Array, way: Array) -> bool:
    """Whether a body lies one step farther, and rather along the spine than beside it."""
    length = float(np.linalg.norm(step))
    return STEP_MM[0] <= length <= STEP_MM[1] and float(step @ way) >= 0.7 * length
