"""Centres and outlines of named bodies, made finer where a detection tells bodies from discs."""

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
"""A centre that would move farther stays: something else than its body is there."""
SMALLEST_SHARE = 0.35
"""Of the volume that a usual body has, at least this must be seen for its centre to move."""


def refined(named: Named, bodies: NDArray[np.bool_], cut: Mapping[str, NDArray[np.float64]] | None = None) -> Named:
    """The same levels, each centre moved to the middle of its own body, and ids on the voxels of bodies only.

    bodies: where the detection says body, on the grid of ``named.instances``. Each voxel goes to its nearest centre,
    each centre to the middle of its voxels, a few times over (k-means); only voxels that bear an id take part. C1,
    which has no body, stays where it is. A level without a centre keeps its voxels.
    cut: levels that the scan shows in part, with the direction of the spine there: they move across it alone.
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
            if name == "C1" or len(own) * grid.voxel_volume_mm3 < SMALLEST_SHARE * _usual_volume(name):
                continue
            middle = own.mean(axis=0)
            if cut and name in cut:
                start = named.landmarks.points_mm[number]
                middle = middle - ((middle - start) @ cut[name]) * cut[name]
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
