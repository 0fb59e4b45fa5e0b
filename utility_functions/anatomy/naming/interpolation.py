"""Interpolation of missed levels between found ones, at their usual places along the curve of the spine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from utility_functions.anatomy.labels import anatomical_order
from utility_functions.anatomy.naming.routes import Route, route_table
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.geometry.landmarks import Landmarks


def likeliest_route(
    statistics: Statistics, upper: str, lower: str, distance_mm: float, log_size: float, most_missed: int
) -> Route:
    """The route from one level to another that explains their distance best; ``log_size`` is the patient's.

    Raises: ValueError where no route leads down from one to the other.
    """

    def weight(route: Route) -> float:
        variance = route.variance_mm2 * np.exp(2 * log_size)
        away = distance_mm - route.mean_mm * np.exp(log_size)
        density = (1 - statistics.outliers) * np.exp(-0.5 * away**2 / variance) / np.sqrt(2 * np.pi * variance)
        return route.log_probability + float(np.log(density + 1e-12))

    ways_down = route_table(statistics, most_missed).between.get((upper, lower))
    if not ways_down:
        raise ValueError(f"No route leads down from one level to the other. Received: {upper} to {lower}.")
    return max(ways_down, key=weight)


def interpolated_levels(found: Landmarks, routes: list[Route], statistics: Statistics) -> Landmarks:
    """The missed levels of the routes between found ones, in RAS+ mm, with score 0.

    found: named, from the top down.  routes: one between each two of them.
    They lie on a smooth curve through the found ones, spaced as the usual distances are.
    """
    names: list[str] = []
    places: list[float] = []
    for i, route in enumerate(routes):
        hops = [statistics.steps_mm[step][0] for step in zip(route.levels, route.levels[1:], strict=False)]
        fractions = np.cumsum(hops)[:-1] / np.sum(hops)
        names += route.levels[1:-1]
        places += [i + float(fraction) for fraction in fractions]
    if not names:
        return Landmarks.empty()
    return Landmarks(tuple(names), _on_curve(found.points_mm, np.array(places)), np.zeros(len(names)))


def _on_curve(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points at places counted in hops (1.5: halfway between the second and the third by length)."""
    length = np.concatenate([[0.0], np.cumsum(np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), 1e-3))])
    wanted = np.interp(places, np.arange(len(points)), length)
    if len(points) < 3:
        return points[0] + (points[-1] - points[0]) * (wanted / length[-1])[:, None]
    return np.asarray(CubicSpline(length, points, bc_type="natural")(wanted))


def all_levels(found: Landmarks, interpolated: Landmarks) -> Landmarks:
    """Found and interpolated levels together, from the top down."""
    names = found.names + interpolated.names
    order = sorted(range(len(names)), key=lambda i: anatomical_order(names[i]))
    together = Landmarks(
        names,
        np.concatenate([found.points_mm, interpolated.points_mm]),
        np.concatenate([found.scores, interpolated.scores]),
    )
    return together.at(order)
