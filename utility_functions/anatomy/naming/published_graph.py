"""The published way from heatmaps to names: the best path through candidates of allowed successors (Payer et al.)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.routes import above, below
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.peaks import Peaks
from utility_functions.geometry.landmarks import Landmarks

NEIGHBOUR_FRACTION = 0.1
DISTANCE_WEIGHT, DIRECTION_WEIGHT = 2.0, 2.0
"""Weights of a step's deviation in length, as a fraction of the usual one, and of 1 - the cosine to the usual
direction. The publication gives the terms without their weights; these are ours."""


class LevelCandidate(NamedTuple):
    """A maximum taken for a level of LEVELS (by its place), in RAS+ mm."""

    level: int
    point_mm: NDArray[np.float64]
    response: float


def candidates_of(peaks: Peaks, levels: tuple[str, ...]) -> list[LevelCandidate]:
    """Each maximum (positions in RAS+ mm) for its own level, and with a tenth of its response for those next to it."""
    found = []
    for point, landmark, response in zip(*peaks, strict=True):
        own = levels[int(landmark)]
        found.append(LevelCandidate(LEVELS.index(own), point, float(response)))
        found += [
            LevelCandidate(LEVELS.index(name), point, NEIGHBOUR_FRACTION * float(response)) for name in above(own)
        ]
        found += [
            LevelCandidate(LEVELS.index(name), point, NEIGHBOUR_FRACTION * float(response)) for name in below(own)
        ]
    return found


def step_weight(upper: LevelCandidate, lower: LevelCandidate, statistics: Statistics) -> float:
    """0 for a step as it usually is, below for any other; -infinity between levels that cannot be neighbours."""
    pair = LEVELS[upper.level], LEVELS[lower.level]
    if pair not in statistics.steps_mm:
        return -np.inf
    step = lower.point_mm - upper.point_mm
    length, usual_mm = float(np.linalg.norm(step)), statistics.steps_mm[pair][0]
    if length == 0:
        return -np.inf
    lean = np.radians(statistics.leans[pair[0]][0])
    cosine = float(step @ (0.0, np.sin(lean), -np.cos(lean))) / length
    return -DISTANCE_WEIGHT * abs(length - usual_mm) / usual_mm - DIRECTION_WEIGHT * (1 - cosine)


def best_path(candidates: list[LevelCandidate], statistics: Statistics) -> list[LevelCandidate]:
    """The path of the greatest sum of responses and steps, from the top down, between any two candidates; exact.

    A path holds only neighbouring levels, so it ends where a level is missing.
    """
    ordered = sorted(candidates, key=lambda each: each.level)
    sums = np.array([each.response for each in ordered])
    before = np.full(len(ordered), -1)
    for place, lower in enumerate(ordered):
        for earlier, upper in enumerate(ordered[:place]):
            reached = sums[earlier] + step_weight(upper, lower, statistics) + lower.response
            if reached > sums[place]:
                sums[place], before[place] = reached, earlier
    path = []
    place = int(sums.argmax()) if len(ordered) else -1
    while place >= 0:
        path.append(ordered[place])
        place = int(before[place])
    return path[::-1]


def published_names(peaks: Peaks, levels: tuple[str, ...], statistics: Statistics) -> Landmarks:
    """Maxima (places in RAS+ mm) named by the best path, from the top down; scores are responses."""
    path = best_path(candidates_of(peaks, levels), statistics)
    return Landmarks(
        tuple(LEVELS[each.level] for each in path),
        np.array([each.point_mm for each in path]).reshape(-1, 3),
        np.clip([each.response for each in path], 0.0, 1.0),
    )
