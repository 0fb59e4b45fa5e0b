"""What maxima of heatmaps tell of each vertebra: detections for the naming decoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import neighbours
from utility_functions.anatomy.peaks import Peaks
from utility_functions.anatomy.spine_sizes import usual_half_height_mm

NEIGHBOUR_SHARE = 0.1
"""Heat for a level counts so much for the levels that can lie next to it (Payer et al. 2020)."""
SAME_BODY_SHARE = 0.8
"""Maxima of one body lie no farther apart than this share of half its usual height."""
LEAST_HEAT = 0.01
"""Heat below this tells nothing more."""
MOST_BODIES = 48
"""More are no spine, but the noise of a network that has learnt little: the hottest are taken."""
SUREST, LEAST_SURE = 0.02, 0.98
"""The prior of a detection's being false is kept between these."""


def detections_of(peaks: Peaks, levels: Sequence[str]) -> Detections:
    """One detection for all maxima of one body.

    peaks: places in RAS+ mm; ``landmarks`` count along ``levels``.
    The highest maximum of a body says where it is, each level's highest how likely that level is, and a tenth of it
    how likely the neighbouring ones are. A detection is false with the probability that its heat lacks to 1.
    """
    responses, points = bodies_of(peaks, levels)
    told = np.log(np.maximum(with_neighbours(responses), LEAST_HEAT))
    false = np.clip(1 - responses.max(axis=1, initial=0.0), SUREST, LEAST_SURE)
    return Detections(points, told, false_prior=false)


def bodies_of(peaks: Peaks, levels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maxima gathered by bodies, the highest first: heat of each of LEVELS (N, levels), and places (N, 3)."""
    columns = np.array([LEVELS.index(level) for level in levels], int)
    rows: list[NDArray[np.float64]] = []
    points: list[NDArray[np.float64]] = []
    reaches: list[float] = []
    for point, landmark, heat in zip(*peaks.highest(len(peaks.responses)), strict=True):
        level = int(landmark)
        away = np.linalg.norm(np.array(points).reshape(-1, 3) - point, axis=1) / np.array(reaches)
        if len(away) and away.min() <= 1:
            row = rows[int(away.argmin())]
        elif len(rows) == MOST_BODIES:
            continue
        else:
            row = np.zeros(len(LEVELS))
            rows.append(row)
            points.append(point)
            reaches.append(SAME_BODY_SHARE * usual_half_height_mm(levels[level]))
        row[columns[level]] = max(row[columns[level]], heat)
    return np.array(rows).reshape(-1, len(LEVELS)), np.array(points).reshape(-1, 3)


def with_neighbours(responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heats (N, levels), each at least a tenth of that of every level that can lie next above or below."""
    wider = responses.copy()
    for table in neighbours():
        for level, others in enumerate(table):
            for other in others:
                wider[:, level] = np.maximum(wider[:, level], NEIGHBOUR_SHARE * responses[:, other])
    return wider
