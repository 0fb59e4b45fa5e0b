"""The labelled landmarks of a scan as targets: their positions, and which of the other levels are absent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from learning_functions.samples.cut.sources import place_scan, place_tissues
from learning_functions.spec import Spec
from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.anatomy.naming.routes import above, below
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.files.cases import Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

STEPS_SHOWN = 1.5
"""A scan is kept up to this many usual steps outside its last labelled vertebra: to the neighbour, which may be in view
without a label, and no farther into unlabelled spine."""
BOTTOM = ("L5", "L6", "S1", "S2")
"""Below these lies no free vertebra without a label."""


@dataclass(frozen=True, eq=False)
class LabelledPoints:
    """A scan on the upright grid of a spec, cropped where labels end.

    points: (levels of LEVELS, 3) in voxels of ``image``; NaN where there is none.
    known: (levels,) whether the position of the level is known, or its absence.
    """

    image: Volume
    tissues: LabelMap | None
    points: NDArray[np.float64]
    known: NDArray[np.bool_]


def labelled_points(scan: Scan, spec: Spec) -> LabelledPoints:
    """The landmarks of a scan, else of its label map. Raises: ValueError where none lies inside the image."""
    image, landmarks = place_scan(scan, spec)
    tissues = place_tissues(scan, image.grid)
    landmarks = landmarks.only(LEVELS)
    inside = landmarks.at(np.flatnonzero(scan.volume.grid.contains(landmarks.points_mm)))
    if not len(inside):
        raise ValueError("No vertebra lies inside the image.")
    first, shape = shown_box(inside, image.grid)
    image = image.window(first, shape)
    points = np.full((len(LEVELS), 3), np.nan)
    for name, point in inside:
        points[LEVELS.index(name)] = image.grid.to_index(point)
    known = known_levels(inside.names)
    return LabelledPoints(image, None if tissues is None else tissues.window(first, shape), points, known)


def known_levels(names: Collection[str]) -> NDArray[np.bool_]:
    """The levels (LEVELS,) that labels place, or that they show to be out of the field of view.

    The level next to the last labelled one may be in view and truncated. A level missing between two that are no
    neighbours may be there without a label. Of both nothing is known.
    """
    ordered = sorted(names, key=anatomical_order)
    known = np.ones(len(LEVELS), bool)
    unknown = {*above(ordered[0]), *(() if ordered[-1] in BOTTOM[:2] else below(ordered[-1]))}
    if ordered[-1] in BOTTOM[:2]:
        unknown |= {"S1", "S2"}  # often without a label
    for upper, lower in pairwise(ordered):
        if (upper, lower) not in STEP_MM and (upper, lower) != ("L4", "S1"):
            unknown |= set(LEVELS[anatomical_order(upper) + 1 : anatomical_order(lower)])
    known[[anatomical_order(name) for name in unknown]] = False
    return known


def shown_box(landmarks: Landmarks, grid: Grid) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First voxel and shape of the part of an upright grid (third axis upwards) that samples may show."""
    ordered = landmarks.at(sorted(range(len(landmarks)), key=lambda i: anatomical_order(landmarks.names[i])))
    places = grid.to_index(ordered.points_mm)[:, 2]
    low, high = 0, grid.shape[2]
    if (lower := below(ordered.names[-1])) and ordered.names[-1] not in BOTTOM:
        step_mm = STEPS_SHOWN * STEP_MM[ordered.names[-1], lower[0]]
        low = max(int(np.floor(places[-1] - step_mm / grid.spacing_mm[2])), 0)
    if upper := above(ordered.names[0]):
        step_mm = STEPS_SHOWN * STEP_MM[upper[0], ordered.names[0]]
        high = min(int(np.ceil(places[0] + step_mm / grid.spacing_mm[2])) + 1, grid.shape[2])
    return (0, 0, low), (*grid.shape[:2], max(high - low, 1))
