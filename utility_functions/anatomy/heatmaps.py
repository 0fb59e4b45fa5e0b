"""Heatmaps of landmarks, as separable Gaussians, and the region of the spine in a heatmap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from utility_functions.geometry.boxes import Box, part_of, within
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

REACH = 5.0
"""A Gaussian is computed up to this many sigmas; outside them it is below 4e-6."""
SPINE_THRESHOLD = 0.5
"""The spine is where there is more than this fraction of the largest heatmap (Payer et al. 2020)."""
LEAST_RESPONSE = 0.1
"""A heatmap whose maximum is lower shows no spine."""
NEAR_SPINE_MM = 30.0
"""Landmarks are searched up to this far from the spine that an earlier stage found."""


def gaussians(points: ArrayLike, shape: Sequence[int], sigma: float | Sequence[float]) -> NDArray[np.float32]:
    """exp(-d^2 / 2 sigma^2) round each point: (n, *shape), all in voxels; zero for a missing point (NaN).

    sigma: one for all points, or one for each. A point may lie out of the array.
    """
    places = np.asarray(points, float).reshape(-1, len(shape))
    drawn = np.zeros((len(places), *shape), np.float32)
    for number, window, lines in _windowed(places, shape, sigma):
        drawn[number][window] = _outer(lines)
    return drawn


def gaussian_sum(points: ArrayLike, shape: Sequence[int], sigma: float | Sequence[float]) -> NDArray[np.float32]:
    """The sum of ``gaussians`` over all points: (*shape).

    It is the product of two matrices, one of all axes but the last and one of the last.
    """
    places = np.asarray(points, float).reshape(-1, len(shape))
    widths = np.broadcast_to(sigma, len(places))
    _require_widths(widths)
    there = np.isfinite(places).all(axis=1)
    lines = [
        np.exp(-0.5 * ((np.arange(size) - at[:, None]) / widths[there, None]) ** 2).astype(np.float32)
        for size, at in zip(shape, places[there].T, strict=True)
    ]
    across = lines[0]
    for line in lines[1:-1]:
        across = (across[:, :, None] * line[:, None]).reshape(len(line), across.shape[1] * line.shape[1])
    return np.asarray(across.T @ lines[-1]).reshape(tuple(shape))


def spine_response(points: ArrayLike, shape: Sequence[int], sigma: float) -> NDArray[np.float32]:
    """The heatmap (*shape) of a spine, 0 to 1: the sum of its centroids' Gaussians over the largest value of that sum.

    The largest value is sought among the voxels shown and at centroids beyond them, so that heatmap does not depend on
    where a patch ends. points (n, axes) and sigma in voxels; a point may lie beyond the border or be NaN.
    """
    places = np.asarray(points, float).reshape(-1, len(shape))
    places = places[np.isfinite(places).all(axis=1)]
    total = gaussian_sum(places, shape, sigma)
    beyond = places[((places < -0.5) | (places >= np.asarray(shape) - 0.5)).any(axis=1)]
    apart = ((beyond[:, None] - places) ** 2).sum(axis=-1)
    there = np.exp(-0.5 * apart / sigma**2).sum(axis=1)
    peak = max(float(total.max(initial=0)), float(there.max(initial=0)))
    return total / np.float32(peak) if peak > 0 else total


def spine_box(heatmap: Volume) -> Grid | None:
    """The grid of the smallest box round the spine: the largest piece hotter than half the maximum; None without one.

    Voxels are joined by faces. heatmap: 0 to 1.
    """
    if (found := _spine(heatmap)) is None:
        return None
    box = ndimage.find_objects(found.astype(np.uint8))[0]
    return part_of(heatmap.grid, box)


def spine_region(grid: Grid, heatmap: Volume | None, detection: LabelMap | None, margin_mm: float) -> Box:
    """The box of ``grid``, on which both maps lie, that shows the spine and ``margin_mm`` beyond it.

    The spine is where the heatmap is above half its maximum (largest component), else where there is detection, else
    everywhere.
    """
    low, high = np.zeros(3, int), np.asarray(grid.shape)
    if heatmap is not None and (spine := spine_box(heatmap)) is not None:
        low = np.rint(grid.to_index(spine.to_mm((0, 0, 0)))).astype(int)
        high = low + spine.shape
    elif detection is not None and detection.voxels.any():
        where = np.argwhere(detection.voxels > 0)
        low, high = where.min(axis=0), where.max(axis=0) + 1
    edge = np.ceil(margin_mm / np.asarray(grid.spacing_mm)).astype(int)
    return within(low - edge, high + edge, grid.shape)


def spine_centre_mm(heatmap: Volume) -> NDArray[np.float64] | None:
    """The mean place (3,) of that piece, in RAS+ mm; None without one."""
    if (found := _spine(heatmap)) is None:
        return None
    return heatmap.grid.to_mm([axis.mean() for axis in np.nonzero(found)])


def _spine(heatmap: Volume) -> NDArray[np.bool_] | None:
    largest = float(heatmap.voxels.max())
    if not largest >= LEAST_RESPONSE:
        return None
    pieces, count = ndimage.label(heatmap.voxels > SPINE_THRESHOLD * largest)
    if count == 1:
        return np.asarray(pieces > 0)
    return np.asarray(pieces == 1 + int(np.bincount(pieces.ravel())[1:].argmax()))


def _windowed(
    places: NDArray[np.float64], shape: Sequence[int], sigma: float | Sequence[float]
) -> Iterator[tuple[int, Box, list[NDArray[np.float32]]]]:
    """For each point in reach of the border: its number, its window, and its profile along each axis there."""
    widths = np.broadcast_to(sigma, len(places))
    _require_widths(widths)
    for number, (place, width) in enumerate(zip(places, widths, strict=True)):
        if not np.isfinite(place).all():
            continue
        low, high = np.ceil(place - REACH * width), np.floor(place + REACH * width) + 1
        box = within(low, high, shape)
        if any(axis.stop == axis.start for axis in box):
            continue
        lines = [
            np.exp(-0.5 * ((np.arange(axis.start, axis.stop) - at) / width) ** 2).astype(np.float32)
            for axis, at in zip(box, place, strict=True)
        ]
        yield number, box, lines


def _require_widths(widths: NDArray[Any]) -> None:
    if not (widths > 0).all():
        raise ValueError(f"The sigma of a Gaussian is above zero. Received: {widths.min()} voxels.")


def _outer(lines: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    found = lines[0]
    for line in lines[1:]:
        found = found[..., None] * line
    return found
