"""Masks of a chain drawn once more: each by a look that is told which vertebra is meant, and remembers nothing.

A traversal hands what its masks got wrong on to all that follow. Once it has found the vertebrae, a network that learnt
marks can draw each of them for itself; what several then claim goes to the likeliest, as in Payer et al. 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.running.instance import Instance, Point, See, largest_piece
from utility_functions.anatomy.centroids import body_centre

THRESHOLD = 0.5
LEAST_SHARE = 0.5
"""What is drawn must have this share of the volume found before, or the old mask stays."""
NEAR_MM = 10.0
"""A centroid that lies in no mask, such as that of C1, is of the one whose mean lies no farther away."""


def redrawn(
    see: See,
    found: Sequence[Instance],
    shape: Sequence[int],
    patch: Sequence[int],
    spacing_mm: tuple[float, float, float],
    centroids: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> tuple[Instance, ...]:
    """The chain with its masks drawn anew, in the same order; completeness and level stay as they were told.

    shape: of the image, in voxels. centroids: those known of vertebrae (n, 3), in voxels of the image; one without any
        is marked at the centre of its body. offset: from the mark to the middle of the patch, in voxels (3,).
    """
    drawn = [_look(see, one, shape, patch, _mark(one, centroids, spacing_mm), offset) for one in found]
    whose, best = np.zeros(tuple(shape), np.int16), np.zeros(tuple(shape), np.float16)
    for number, one in enumerate(drawn, start=1):
        shares = np.where(one.mask, np.maximum(_inner(one), np.float16(THRESHOLD)), 0)
        likelier = shares > best[one.box]
        whose[one.box][likelier], best[one.box][likelier] = number, shares[likelier]
    return tuple(
        _kept(one, own, before)
        for number, (one, before) in enumerate(zip(drawn, found, strict=True), start=1)
        for own in [largest_piece(one.mask & (whose[one.box] == number))]
    )


def _look(
    see: See, one: Instance, shape: Sequence[int], patch: Sequence[int], meant: Point, offset: NDArray[np.float64]
) -> Instance:
    """The vertebra as it is seen by its mark; as it was where too little is."""
    corner = np.rint(meant + offset - (np.asarray(patch) - 1) / 2).astype(int)
    x, y, z = (int(n) for n in corner)
    shares = np.asarray(see((x, y, z), np.zeros(tuple(patch), np.uint8), meant).mask, np.float16)
    low, high = np.clip(-corner, 0, patch), np.clip(np.asarray(shape) - corner, 0, patch)
    inner = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    mask = np.zeros(tuple(patch), bool)
    mask[inner] = ndimage.binary_fill_holes(largest_piece(shares[inner] >= THRESHOLD))
    return one if mask.sum() < LEAST_SHARE * one.mask.sum() else _cut_out(one, corner, mask, shares)


def _kept(one: Instance, own: NDArray[np.bool_], before: Instance) -> Instance:
    """One with what it keeps of its mask (in its box), or as it was before where that is too little."""
    if own.sum() < LEAST_SHARE * before.mask.sum():
        return before
    shares = np.pad(one.mask, 1).astype(np.float16) if one.shares is None else one.shares
    return _cut_out(one, np.asarray(one.start) - 1, np.pad(own, 1), shares)


def _cut_out(one: Instance, corner: NDArray[np.int_], mask: NDArray[np.bool_], shares: NDArray[np.float16]) -> Instance:
    """One with a mask and shares that begin at a voxel of the image, cut to their box."""
    [box] = ndimage.find_objects(mask.astype(np.uint8))
    start = [int(a + axis.start) for a, axis in zip(corner, box, strict=True)]
    wider = tuple(slice(axis.start, axis.stop + 2) for axis in box)
    return Instance((start[0], start[1], start[2]), mask[box], one.complete, one.level, np.pad(shares, 1)[wider])


def _inner(one: Instance) -> NDArray[np.float16]:
    """What the network told of the box of the mask alone."""
    return one.mask.astype(np.float16) if one.shares is None else one.shares[1:-1, 1:-1, 1:-1]


def _mark(one: Instance, centroids: NDArray[np.float64], spacing_mm: tuple[float, float, float]) -> Point:
    """The known centroid in a mask, or beside its mean; else the centre of its body."""
    centre = np.asarray(one.start) + body_centre(one.mask, spacing_mm)
    places = np.rint(centroids).astype(int) - one.start
    shown = ((places >= 0) & (places < one.mask.shape)).all(axis=1)
    inside = np.flatnonzero(shown)[one.mask[tuple(places[shown].T)]]
    if len(inside):
        away = np.linalg.norm((centroids[inside] - centre) * spacing_mm, axis=1)
        return np.asarray(centroids[inside[away.argmin()]])
    if len(centroids):
        away = np.linalg.norm((centroids - one.mean) * spacing_mm, axis=1)
        if away.min() <= NEAR_MM:
            return np.asarray(centroids[away.argmin()])
    return centre
