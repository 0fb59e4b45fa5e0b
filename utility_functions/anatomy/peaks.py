"""Local maxima of heatmaps, finer than a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LOWEST_RESPONSE = 0.05
"""Maxima below this are no candidates (Payer et al. 2020)."""


@dataclass(frozen=True)
class Candidate:
    """One maximum: the level whose heatmap it is in, its place in RAS+ mm, and how high it is."""

    level: str
    point_mm: tuple[float, float, float]
    heat: float


class Peaks(NamedTuple):
    """P maxima: position (P, 3), in voxels or mm as the maker documents; landmark number (P,); and height (P,)."""

    places: NDArray[np.float64]
    landmarks: NDArray[np.int_]
    responses: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[Peaks]) -> Peaks:
        """The maxima of all parts together."""
        return cls(
            np.concatenate([part.places for part in parts] or [np.zeros((0, 3))]),
            np.concatenate([part.landmarks for part in parts] or [np.zeros(0, int)]),
            np.concatenate([part.responses for part in parts] or [np.zeros(0)]),
        )

    def at(self, chosen: NDArray[Any]) -> Peaks:
        """The chosen maxima, by a mask or by their numbers."""
        return Peaks(self.places[chosen], self.landmarks[chosen], self.responses[chosen])

    def candidates(self, levels: Sequence[str]) -> tuple[Candidate, ...]:
        """The maxima by level, where places are in RAS+ mm and landmarks are numbers of ``levels``; in this order."""
        rows = zip(self.places.tolist(), self.landmarks.tolist(), self.responses.tolist(), strict=True)
        return tuple(Candidate(levels[landmark], (x, y, z), response) for (x, y, z), landmark, response in rows)

    def highest(self, most: int) -> Peaks:
        """The ``most`` highest, the highest first."""
        return self.at(np.argsort(-self.responses, kind="stable")[:most])


def local_maxima(heatmaps: NDArray[np.floating], lowest: float = LOWEST_RESPONSE) -> Peaks:
    """Every local maximum (none of 26 neighbours is higher) of at least ``lowest`` of heatmaps (x, y, z, landmarks).

    Positions are in voxels. Each is the top of the parabola through the logarithms of a maximum and its neighbours
    along each axis, so that a Gaussian gives its centre. At the border an axis is not refined. A plateau counts once.
    """
    found = []
    for landmark in range(heatmaps.shape[-1]):
        heatmap = np.asarray(heatmaps[..., landmark], np.float32)
        if not heatmap.size or heatmap.max() < lowest:
            continue
        top = (heatmap >= lowest) & (heatmap == ndimage.maximum_filter(heatmap, 3, mode="nearest"))
        plateaus, count = ndimage.label(top, np.ones((3, 3, 3)))
        numbers = np.arange(1, count + 1)
        tops = np.array(ndimage.maximum_position(heatmap, plateaus, numbers)).reshape(-1, 3)
        middles = np.array(ndimage.center_of_mass(top, plateaus, numbers)).reshape(-1, 3)
        wide = [max(axis.stop - axis.start for axis in box) > 2 for box in ndimage.find_objects(plateaus)]
        places = np.where(np.array(wide)[:, None], middles, _refined(heatmap, tops))
        responses = ndimage.maximum(heatmap, plateaus, numbers)
        found.append(Peaks(places, np.full(count, landmark), np.asarray(responses, float)))
    return Peaks.joined(found)


def _refined(heatmap: NDArray[np.float32], voxels: NDArray[np.int_]) -> NDArray[np.float64]:
    """Voxels (P, 3) moved to the top of the parabola along each axis, by half a voxel at most."""
    places = voxels.astype(float)
    for axis, size in enumerate(heatmap.shape):
        inner = (voxels[:, axis] > 0) & (voxels[:, axis] < size - 1)
        step = np.eye(3, dtype=int)[axis]
        before, at, after = (
            np.log(np.maximum(heatmap[tuple((voxels[inner] + move * step).T)], 1e-6).astype(float))
            for move in (-1, 0, 1)
        )
        bend = before - 2 * at + after
        shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1.0), 0.0)
        places[inner, axis] += np.clip(shift, -0.5, 0.5)
    return places
