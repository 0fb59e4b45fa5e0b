"""Solids from elliptical slices (lofts) and along curves (tubes), for soft tissue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.shapes import Field, Shape, Vector, capsule
from utility_functions.phantom.spine_model import Spine

STEP_MM = 4.0


def loft(centres: ArrayLike, half_sizes: ArrayLike, turn: float = 0.0, smooth_mm: float = 8.0) -> Shape:
    """A solid of elliptical slices in the scanner's frame, closed where it starts and ends.

    centres: (points, 3) in mm, in any order of height. half_sizes: (points, 2) half width and half depth there.
    turn: rotation of the width axis from right to anterior in degrees. smooth_mm: the rounding of corners.
    """
    points, sizes = np.asarray(centres, float), np.asarray(half_sizes, float)
    order = np.argsort(points[:, 2], kind="stable")
    known = points[order, 2] + np.arange(len(order)) * 1e-3
    heights = np.arange(known[0], known[-1] + STEP_MM, STEP_MM)
    columns = np.column_stack([points[order, :2], sizes[order]])
    table = np.column_stack([np.interp(heights, known, column) for column in columns.T])
    if smooth_mm > 0 and len(heights) > 3:
        table = gaussian_filter1d(table, smooth_mm / STEP_MM, axis=0, mode="nearest")
    table[:, 2:] = np.maximum(table[:, 2:], 0.6)
    low, high = np.float32(known[0]), np.float32(known[-1])
    cos, sin = (np.float32(f(np.radians(turn))) for f in (np.cos, np.sin))

    def distance(x: Field, y: Field, z: Field) -> Field:
        cx, cy, wide, deep = (np.interp(z, heights, column).astype(np.float32) for column in table.T)
        dx, dy = x - cx, y - cy
        if turn:
            dx, dy = dx * cos + dy * sin, dy * cos - dx * sin
        across, along = dx / wide, dy / deep
        field = np.sqrt(across * across + along * along) - 1
        field *= np.minimum(wide, deep)
        return np.maximum(field, np.maximum(low - z, z - high))

    reach = table[:, 2:] if not turn else np.repeat(table[:, 2:].max(axis=1, keepdims=True), 2, axis=1)
    lowest = [*(table[:, :2] - reach).min(axis=0), known[0]]
    highest = [*(table[:, :2] + reach).max(axis=0), known[-1]]
    return Shape(distance, np.array(lowest), np.array(highest))


def spindle(count: int, end: float = 0.3, power: float = 0.5) -> Vector:
    """Sizes along a muscle belly: ``end`` at both ends, 1 in the middle."""
    fraction = np.linspace(0, 1, count)
    return np.asarray(end + (1 - end) * (4 * fraction * (1 - fraction)) ** power)


def beside(spine: Spine, levels: Sequence[str], place: ArrayLike) -> Vector:
    """Points (levels, 3) at the same place, or at one place each, in the frames of levels."""
    places = np.broadcast_to(np.asarray(place, float), (len(levels), 3))
    return np.array([spine[name].frame.out(spot) for name, spot in zip(levels, places, strict=True)])


def curve(points: ArrayLike, step_mm: float = 10.0) -> Vector:
    """A smooth curve through points (n, 3), sampled about every ``step_mm`` (Catmull-Rom)."""
    knots = np.asarray(points, float)
    padded = np.concatenate([[2 * knots[0] - knots[1]], knots, [2 * knots[-1] - knots[-2]]])
    parts = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        count = max(2, int(np.ceil(np.linalg.norm(c - b) / step_mm)))
        t = np.linspace(0, 1, count, endpoint=False)[:, None]
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*parts, knots[-1:]])


def tube(points: ArrayLike, radius: ArrayLike) -> list[Shape]:
    """Rods through points (n, 3), of one radius, or of radii spaced evenly along them."""
    path = np.asarray(points, float)
    given = np.atleast_1d(np.asarray(radius, float))
    radii = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(given)), given)
    return [
        capsule(a, b, float(ra), float(rb))
        for a, b, ra, rb in zip(path[:-1], path[1:], radii[:-1], radii[1:], strict=True)
    ]
