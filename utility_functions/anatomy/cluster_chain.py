"""Centres of votes as a column: halves of one vertebra joined, and weak centres off the column left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALVES = 0.5
"""Two centres nearer to each other than this part of both steps beside them are halves of one vertebra."""
WEAK, VERY_WEAK = 0.35, 0.1
"""A body with less than this part of the volume of the strong ones near it is weak, and very weak."""
BESIDE = 3
"""Those near a body are so many above and below it."""
ASIDE_MM = 25.0
"""A weak body farther than this from the line through the strong ones is no vertebra."""
BEYOND_MM = 60.0
"""The line goes on straight by this much at both ends."""

Array = NDArray[np.float64]


def in_column(centres: Array, volumes: Array) -> NDArray[np.bool_]:
    """Which centres (N, 3), in order, have strong bodies by their volumes (N,), or lie near the line of these.

    A very weak body counts at the ends of the column alone, where C1 lies and the border truncates others.
    """
    count = len(centres)
    if count < 3:
        return np.ones(count, bool)
    windows = [volumes[max(place - BESIDE, 0) : place + BESIDE + 1] for place in range(count)]
    usual = np.array([np.median(np.sort(window)[-3:]) for window in windows])
    strong = volumes >= WEAK * usual
    if strong.sum() < 2:
        return np.ones(count, bool)
    line = centres[strong]
    first, last = line[0] - line[1], line[-1] - line[-2]
    line = np.vstack([_on(line[0], first), line, _on(line[-1], last)])
    at_ends = np.isin(np.arange(count), (np.flatnonzero(strong)[0] - 1, np.flatnonzero(strong)[-1] + 1))
    near = (_from_line(centres, line) <= ASIDE_MM) & (at_ends | (volumes >= VERY_WEAK * usual))
    return np.asarray(strong | near)


def joined_halves(centres: Array, volumes: Array) -> Array:
    """Centres (N, 3) in their order along the spine, with bodies' volumes (N,), halves of one vertebra joined."""
    centres, volumes = centres.copy(), volumes.copy()
    while len(centres) > 2:
        steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        beside = np.pad(steps, 1, constant_values=np.inf)
        ratio = steps / np.minimum(beside[:-2], beside[2:])
        at = int(ratio.argmin())
        if not ratio[at] < HALVES:
            break
        weight = volumes[at : at + 2] / max(float(volumes[at : at + 2].sum()), 1e-9)
        centres[at] = weight @ centres[at : at + 2]
        volumes[at] += volumes[at + 1]
        centres, volumes = np.delete(centres, at + 1, axis=0), np.delete(volumes, at + 1)
    return centres


def _on(point: Array, direction: Array) -> Array:
    return np.asarray(point + BEYOND_MM * direction / max(float(np.linalg.norm(direction)), 1e-6))


def _from_line(points: Array, line: Array) -> Array:
    """The distances of points (N, 3) from a polyline."""
    start, along = line[:-1], np.diff(line, axis=0)
    length = np.maximum((along**2).sum(axis=1), 1e-9)
    part = np.clip(((points[:, None] - start) * along).sum(axis=-1) / length, 0, 1)
    return np.asarray(np.linalg.norm(points[:, None] - start - part[..., None] * along, axis=-1).min(axis=1))
