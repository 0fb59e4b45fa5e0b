"""Centroids and masks of named bodies, refined where a detection distinguishes bodies from discs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.spine_sizes import DISK_DIAMETER_MM, usual_half_height_mm
from utility_functions.anatomy.votes import Named
from utility_functions.geometry.landmarks import Landmarks

ROUNDS = 3
FARTHEST_MM = 32.0
"""A voxel farther from every centre belongs to none."""
FARTHEST_SHIFT_MM = 12.0
"""A centre that would move farther stays in place: the voxels are not those of its body."""
SMALLEST_FRACTION = 0.35
"""A centre moves only if at least this fraction of a usual body's volume is in the field of view."""


def refined(
    named: Named, bodies: NDArray[np.bool_], truncated: Mapping[str, NDArray[np.float64]] | None = None
) -> Named:
    """The same levels, each centre moved to the middle of its own body, and ids on the voxels of bodies only.

    bodies: where the detection predicts body, on the grid of ``named.instances``. Each voxel is assigned to its nearest
    centre, and each centre moves to the middle of its voxels, a few times (k-means). Only voxels with an id take part.
    C1, which has no body, stays where it is. A level without a centre keeps its voxels.
    truncated: levels truncated by the field of view, with the direction of the spine there: they move only across it.
    """
    grid = named.instances.grid
    instances = np.where(bodies, named.instances.voxels, 0).astype(np.uint8)
    names, points = named.landmarks.names, named.landmarks.points_mm.copy()
    if not names or not bodies.any():
        return replace(named, instances=named.instances.with_voxels(instances))
    centred = [VERSE_IDS[name] for name in names if name in VERSE_IDS]
    free = bodies & np.isin(instances, centred)
    voxels = np.argwhere(free)
    places = grid.to_mm(voxels)
    nearest = _nearest(places, points)
    for _ in range(ROUNDS):
        for number, name in enumerate(names):
            own = places[nearest == number]
            if name == "C1" or len(own) * grid.voxel_volume_mm3 < SMALLEST_FRACTION * _usual_volume(name):
                continue
            middle = own.mean(axis=0)
            if truncated and name in truncated:
                start = named.landmarks.points_mm[number]
                middle = middle - ((middle - start) @ truncated[name]) * truncated[name]
            if np.linalg.norm(middle - named.landmarks.points_mm[number]) <= FARTHEST_SHIFT_MM:
                points[number] = middle
        nearest = _nearest(places, points)
    ids = np.array([VERSE_IDS.get(name, 0) for name in names] + [0], np.uint8)
    instances[tuple(voxels.T)] = ids[nearest]
    landmarks = Landmarks(names, points, named.landmarks.scores)
    return replace(named, landmarks=landmarks, instances=named.instances.with_voxels(instances))


def _nearest(places: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int_]:
    """The number of the nearest centre per place; -1 where all are too far."""
    best = np.full(len(places), FARTHEST_MM**2)
    found = np.full(len(places), -1)
    for number, point in enumerate(points):
        away = ((places - point) ** 2).sum(axis=1)
        closer = away < best
        best[closer], found[closer] = away[closer], number
    return found


def _usual_volume(name: str) -> float:
    """About what a body takes, mm^3: its published disk by three quarters of a step."""
    return float(np.pi / 4 * DISK_DIAMETER_MM[name] ** 2 * 1.5 * usual_half_height_mm(name))
