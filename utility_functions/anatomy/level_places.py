"""Whether labelled vertebrae can be the levels that a code says: their order from the top and their distances."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS, SACRAL, anatomical_order, region_of
from utility_functions.geometry.volume import LabelMap

STEPS_MM: Mapping[str, tuple[float, float]] = {"Cervical": (7.0, 28.0), "Thoracic": (8.0, 45.0), "Lumbar": (14.0, 60.0)}
"""The centres of neighbouring vertebrae of a region lie so far apart, in small children and in tall adults."""
REVERSED_MM = 5.0
"""A lower level whose centre lies this far above a higher one is out of order."""
TALLEST_MM = 130.0
"""No vertebra with its processes is higher; cord and canal are."""
MOST_VOXELS = 4_000_000
LEAST_VOXELS = 8


def misplaced_levels(label_map: LabelMap, ids: Mapping[str, int]) -> str:
    """Why the labels cannot be the levels of ``ids`` (name -> label), in words; "" where they can.

    A level is not judged where it has few voxels.
    """
    centres, heights = _centres_and_heights(label_map)
    there = {name: ids[name] for name in LEVELS if name in ids and ids[name] in centres}
    for name, label in there.items():
        if name not in SACRAL and heights[label] > TALLEST_MM:
            return f"label {label} is {heights[label]:.0f} mm high, and {name} would be"
    ordered = sorted(there, key=anatomical_order)
    for upper, lower in pairwise(ordered):
        above = float(centres[there[lower]][2] - centres[there[upper]][2])
        if above > REVERSED_MM:
            return (
                f"label {there[lower]} lies {above:.0f} mm above label {there[upper]}, but {lower} lies below {upper}"
            )
    for region, (least, most) in STEPS_MM.items():
        steps = [
            float(np.linalg.norm(centres[there[lower]] - centres[there[upper]]))
            for upper, lower in pairwise(ordered)
            if region_of(upper) == region_of(lower) == region and anatomical_order(lower) == anatomical_order(upper) + 1
        ]
        if steps and not least <= float(np.median(steps)) <= most:
            names = f"{ids[ordered[0]]} to {ids[ordered[-1]]}"
            return (
                f"the centres of labels {names} lie {np.median(steps):.0f} mm apart, and those of {region.lower()} "
                f"vertebrae {least:g} to {most:g} mm"
            )
    return ""


def _centres_and_heights(label_map: LabelMap) -> tuple[dict[int, NDArray[np.float64]], dict[int, float]]:
    """The centre in RAS+ mm and the height in mm of each label, from evenly spread voxels."""
    step = max(int(np.ceil((label_map.voxels.size / MOST_VOXELS) ** (1 / 3))), 1)
    spread = label_map.voxels[::step, ::step, ::step]
    where = np.nonzero(spread > 0)
    labels, places = np.unique(spread[where], return_inverse=True)
    points = label_map.grid.to_mm(np.stack(where, axis=-1) * step)
    counts = np.bincount(places, minlength=len(labels))
    centres, heights = {}, {}
    for place in np.flatnonzero(counts >= LEAST_VOXELS):
        own = points[places == place]
        centres[int(labels[place])] = own.mean(axis=0)
        heights[int(labels[place])] = float(np.ptp(own[:, 2]))
    return centres, heights
