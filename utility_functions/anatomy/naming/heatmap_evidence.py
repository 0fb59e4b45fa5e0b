"""Detections for the naming decoder from the maxima of heatmaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import neighbours
from utility_functions.anatomy.peaks import Peaks
from utility_functions.anatomy.spine_sizes import usual_half_height_mm

NEIGHBOUR_FRACTION = 0.1
"""Fraction of a level's heatmap response that counts for the levels next to it (Payer et al. 2020)."""
SAME_BODY_FRACTION = 0.8
"""Maxima of one body lie no farther apart than this fraction of half its usual height."""
LEAST_RESPONSE = 0.01
"""Heatmap responses are clipped to at least this."""
MOST_BODIES = 48
"""More bodies are noise of an insufficiently trained network; only those with the highest responses are taken."""
SUREST, LEAST_SURE = 0.02, 0.98
"""The prior probability that a detection is false is clipped to this range."""


def detections_of(peaks: Peaks, levels: Sequence[str]) -> Detections:
    """One detection for all maxima of one body.

    peaks: places in RAS+ mm; ``landmarks`` count along ``levels``.
    The highest maximum of a body gives its position. Each level's highest maximum gives the likelihood of that level,
    and a tenth of it that of the neighbouring levels. A detection is false with probability 1 minus its response.
    """
    responses, points = bodies_of(peaks, levels)
    evidence = np.log(np.maximum(with_neighbours(responses), LEAST_RESPONSE))
    false = np.clip(1 - responses.max(axis=1, initial=0.0), SUREST, LEAST_SURE)
    return Detections(points, evidence, false_prior=false)


def bodies_of(peaks: Peaks, levels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maxima grouped by bodies, the highest first: response of each of LEVELS (N, levels), and positions (N, 3)."""
    columns = np.array([LEVELS.index(level) for level in levels], int)
    rows: list[NDArray[np.float64]] = []
    points: list[NDArray[np.float64]] = []
    reaches: list[float] = []
    for point, landmark, response in zip(*peaks.highest(len(peaks.responses)), strict=True):
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
            reaches.append(SAME_BODY_FRACTION * usual_half_height_mm(levels[level]))
        row[columns[level]] = max(row[columns[level]], response)
    return np.array(rows).reshape(-1, len(LEVELS)), np.array(points).reshape(-1, 3)


def with_neighbours(responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Responses (N, levels), each at least a tenth of that of every level that can lie next above or below."""
    wider = responses.copy()
    for table in neighbours():
        for level, others in enumerate(table):
            for other in others:
                wider[:, level] = np.maximum(wider[:, level], NEIGHBOUR_FRACTION * responses[:, other])
    return wider
