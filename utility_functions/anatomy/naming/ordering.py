"""The order of detections along the spine, from the top down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

UPRIGHT_MM = 30.0
"""How far the world's up counts among the spread of the points, so that two points side by side have an order."""
DEGREE = 3
ROUNDS = 3
TOLERANCE_MM = 12.0
"""Larger distances from the curve count less and less."""


def along_the_spine(points_mm: NDArray[np.float64]) -> NDArray[np.int_]:
    """Indices (N,) that sort points (N, 3, RAS+ mm) from the top of the spine down.

    It begins with the principal axis, then sorts by the nearest place on a smooth curve that outliers hardly bend.
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    if len(points) < 2:
        return np.arange(len(points))
    centre = np.median(points, axis=0)
    away = points - centre
    scatter = away.T @ away / len(points)
    scatter[2, 2] += UPRIGHT_MM**2
    axis = np.linalg.eigh(scatter)[1][:, -1]
    axis = -axis if axis[2] > 0 else axis  # from the top down
    place = away @ axis
    degree = min(DEGREE, len(points) - 3)
    for _ in range(ROUNDS if degree >= 1 else 0):
        place = _places_on_curve(points, place, degree)
    return np.argsort(place, kind="stable")


def _places_on_curve(points: NDArray[np.float64], place: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """The arc length of the curve's point nearest to each point; the curve is a polynomial of the places so far."""
    span = max(float(np.ptp(place)), 1e-6)
    t = (place - place.min()) / span * 2 - 1
    powers = np.vander(t, degree + 1)
    weights = np.ones(len(points))
    for _ in range(4):
        root = np.sqrt(weights)[:, None]
        coefficients = np.linalg.lstsq(powers * root, points * root, rcond=None)[0]
        apart = np.linalg.norm(points - powers @ coefficients, axis=1)
        weights = 1 / (1 + (apart / TOLERANCE_MM) ** 2) ** 2
    fine = np.linspace(-1.1, 1.1, 133)
    curve = np.vander(fine, degree + 1) @ coefficients
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    nearest = cdist(points, curve).argmin(axis=1)
    tangent = np.gradient(curve, axis=0)[nearest]
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    return length[nearest] + ((points - curve[nearest]) * tangent).sum(axis=1)
