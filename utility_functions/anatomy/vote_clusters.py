"""Single vertebrae from voxels that vote for the centres of their own: the places where votes gather."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

BIN_MM = 2.0
SPREAD_MM = 3.0
"""The deviation of the Gaussian that smooths the votes."""
APART_MM = 11.0
"""Centres of vertebrae lie farther apart than this."""
NEAR_MM = 7.0
"""Votes this near to a centre are its own; their volume tells how much speaks for it."""
LEAST_MM3 = 300.0
"""Less volume than this around a centre is no vertebra."""
SPLIT_APART, SPLIT_VOLUME = 0.6, 0.4
"""A centre nearer to a stronger one than this part of that one's distance to its neighbours, with less than this part
of its volume, belongs to it: the votes of one vertebra were split."""
MOST_STEPS = 0.75
"""A vote farther from every centre than this part of the distance of neighbours reaches none."""
USUAL_STEP_MM = 30.0
"""The distance of the next vertebra where only one is known."""
MOST = 40


def vote_centres(votes_mm: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """The centres (k, 3) where votes (n, 3) gather, in mm, the strongest first; weights (n,) in mm3 of each vote."""
    if not len(votes_mm):
        return np.zeros((0, 3))
    votes = np.asarray(votes_mm, np.float64)
    first = votes.min(axis=0) - 2 * NEAR_MM
    shape = np.ceil((votes.max(axis=0) + 2 * NEAR_MM - first) / BIN_MM).astype(int) + 1
    index = np.floor((votes - first) / BIN_MM).astype(int)
    counts = np.bincount(np.ravel_multi_index(tuple(index.T), tuple(shape)), weights, int(np.prod(shape))).reshape(
        shape
    )
    smooth = ndimage.gaussian_filter(counts.astype(np.float32), SPREAD_MM / BIN_MM, mode="constant")
    highest = ndimage.maximum_filter(smooth, size=2 * round(APART_MM / 2 / BIN_MM) + 1)
    peaks = np.argwhere((smooth == highest) & (smooth > 0))
    order = np.argsort(-smooth[tuple(peaks.T)], kind="stable")[: 4 * MOST]
    places = first + (peaks[order] + 0.5) * BIN_MM
    tree = cKDTree(votes)
    chosen: list[NDArray[np.float64]] = []
    volumes: list[float] = []
    for place in places:
        own = tree.query_ball_point(place, NEAR_MM)
        volume = float(np.sum(weights[own]))
        if volume < LEAST_MM3:
            continue
        centre = np.average(votes[own], axis=0, weights=weights[own])
        if all(np.linalg.norm(centre - other) >= APART_MM for other in chosen):
            chosen.append(centre)
            volumes.append(volume)
    return _without_splits(np.array(chosen).reshape(-1, 3), np.array(volumes))[:MOST]


def _without_splits(centres: NDArray[np.float64], volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centres without those that are a weak part of a stronger neighbour."""
    order = np.argsort(-volumes, kind="stable")
    centres, volumes = centres[order], volumes[order]
    kept = np.ones(len(centres), bool)
    for weak in range(len(centres) - 1, 0, -1):
        apart = np.linalg.norm(centres[:weak] - centres[weak], axis=1)
        strong = int(apart.argmin())
        others = np.flatnonzero(kept & (np.arange(len(centres)) != weak) & (np.arange(len(centres)) != strong))
        step = np.linalg.norm(centres[others] - centres[strong], axis=1).min() if len(others) else USUAL_STEP_MM
        if apart[strong] < SPLIT_APART * step and volumes[weak] < SPLIT_VOLUME * volumes[strong]:
            kept[weak] = False
    return centres[kept]


def reached_centres(votes_mm: NDArray[np.floating], centres_mm: NDArray[np.float64]) -> NDArray[np.int_]:
    """For each vote (n, 3) the place of the nearest centre (k, 3); -1 where none is near. All in mm."""
    if not len(centres_mm):
        return np.full(len(votes_mm), -1)
    tree = cKDTree(centres_mm)
    distance, nearest = tree.query(votes_mm)
    steps = tree.query(centres_mm, k=2)[0][:, 1] if len(centres_mm) > 1 else np.full(1, USUAL_STEP_MM)
    return np.where(distance <= MOST_STEPS * steps[nearest], nearest, -1)
