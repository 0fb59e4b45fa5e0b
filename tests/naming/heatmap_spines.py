"""Maxima of heatmaps of synthetic spines, with chosen errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.peaks import Peaks

USUAL = Statistics()


def spine_mm(names: Sequence[str]) -> dict[str, np.ndarray]:
    """Positions of the levels of a usual spine, from the first down."""
    point, found = np.zeros(3), {}
    for place, name in enumerate(names):
        if place:
            upper = names[place - 1]
            lean = np.radians(USUAL.leans[upper][0])
            length = USUAL.steps_mm.get((upper, name), (30.0, 1.0))[0]
            point = point + length * np.array([0.0, np.sin(lean), -np.cos(lean)])
        found[name] = point
    return found


def peaks_of(responses: Sequence[tuple[str, str, float]], places: Mapping[str, np.ndarray]) -> Peaks:
    """Maxima as (position, landmark, height)."""
    return Peaks(
        np.array([places[where] for where, _, _ in responses]).reshape(-1, 3),
        np.array([VERTEBRAE.index(regions) for _, regions, _ in responses], int),
        np.array([height for _, _, height in responses], float),
    )
