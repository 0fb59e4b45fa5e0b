"""The routes from one level down to another over missed ones, each with its length and its probability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.statistics import STEPS, VARIANTS, Statistics

PLACE = {level: place for place, level in enumerate(LEVELS)}
_VARIANT_OF = {step: name for name, step in VARIANTS.items()}
_LEAVING = {step[0]: name for name, step in VARIANTS.items()}


def below(level: str) -> tuple[str, ...]:
    """The levels that can lie next below one, variants among them."""
    return tuple(lower for upper, lower in STEPS if upper == level)


def above(level: str) -> tuple[str, ...]:
    """The levels that can lie next above one, variants among them."""
    return tuple(upper for upper, lower in STEPS if lower == level)


@dataclass(frozen=True)
class Route:
    """From ``levels[0]`` to ``levels[-1]``, those between missed: log-probability, and length in a patient of usual
    size."""

    levels: tuple[str, ...]
    log_probability: float
    mean_mm: float
    variance_mm2: float


def log_end(statistics: Statistics, level: str) -> float:
    """Log-probability that the chain ends after a level."""
    variant = statistics.variants[_LEAVING[level]] if level in _LEAVING else 0.0
    return _log((1 - variant) * statistics.ends[level])


def routes_from(statistics: Statistics, level: str, most_missed: int) -> list[Route]:
    """Every route down from a level over at most ``most_missed`` missed ones; impossible ones are left out."""
    found: list[Route] = []
    open_routes = [Route((level,), 0.0, 0.0, 0.0)]
    while open_routes:
        route = open_routes.pop()
        upper = route.levels[-1]
        passed = 0.0 if upper == level else _log(statistics.missed[upper])
        for lower in below(upper):
            mean, sd = statistics.steps_mm[upper, lower]
            price = route.log_probability + passed + _log_step(statistics, upper, lower)
            if price == -np.inf:
                continue
            longer = Route((*route.levels, lower), price, route.mean_mm + mean, route.variance_mm2 + sd**2)
            found.append(
                Route(longer.levels, price + _log(1 - statistics.missed[lower]), longer.mean_mm, longer.variance_mm2)
            )
            if len(longer.levels) - 1 <= most_missed:
                open_routes.append(longer)
    return found


def _log_step(statistics: Statistics, upper: str, lower: str) -> float:
    if (upper, lower) in _VARIANT_OF:
        return _log(statistics.variants[_VARIANT_OF[upper, lower]])
    variant = statistics.variants[_LEAVING[upper]] if upper in _LEAVING else 0.0
    return _log((1 - variant) * (1 - statistics.ends[upper]))


def _log(probability: float) -> float:
    return float(np.log(probability)) if probability > 0 else -np.inf


class RouteTable:
    """All routes of some statistics as arrays, ordered so that those between the same two levels add up by slices.

    Each pair of levels has a row; rows are sorted by how many places down they lead, then by the upper level.
    reach: per number of places down the number, the upper levels (a slice), and their rows (a slice).
    below: per level the places of those that any route leads down to, and the rows.
    count: how many rows there are.  between: the routes by the levels they join.
    log_probability, mean_mm, variance_mm2: per route, first one of each row (of probability 0 where no route leads from
    a level so far down, so that slices have no gaps), then the others.
    """

    def __init__(self, statistics: Statistics, most_missed: int) -> None:
        self.between: dict[tuple[str, str], list[Route]] = {}
        for level in LEVELS:
            for route in routes_from(statistics, level, most_missed):
                self.between.setdefault((level, route.levels[-1]), []).append(route)
        joined = {(PLACE[b] - PLACE[a], PLACE[a]): ways for (a, b), ways in self.between.items()}
        self.reach: list[tuple[int, slice, slice]] = []
        keys: list[tuple[int, int]] = []
        for down in sorted({down for down, _ in joined}):
            uppers = [upper for other, upper in joined if other == down]
            first, last = min(uppers), max(uppers) + 1
            self.reach.append((down, slice(first, last), slice(len(keys), len(keys) + last - first)))
            keys += [(down, upper) for upper in range(first, last)]
        self.count = len(keys)
        by_row = [joined.get(key, [_NO_WAY]) for key in keys]
        self.below = [
            np.array(
                [
                    (place + down, row)
                    for row, (down, place) in enumerate(keys)
                    if place == upper and (down, place) in joined
                ],
                int,
            )
            .reshape(-1, 2)
            .T
            for upper in range(len(LEVELS))
        ]
        routes = [ways[0] for ways in by_row]
        self._further: list[tuple[NDArray[np.int_], slice]] = []
        for nth in range(1, max(map(len, by_row), default=1)):
            rows = [row for row, ways in enumerate(by_row) if len(ways) > nth]
            self._further.append((np.array(rows), slice(len(routes), len(routes) + len(rows))))
            routes += [by_row[row][nth] for row in rows]
        self.log_probability = np.array([route.log_probability for route in routes])
        self.mean_mm = np.array([route.mean_mm for route in routes])
        self.variance_mm2 = np.array([route.variance_mm2 for route in routes])

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the routes (routes, ...) added up per row, in place."""
        sums = values[: self.count]
        for rows, routes in self._further:
            sums[rows] += values[routes]
        return sums


_NO_WAY = Route((), -np.inf, 1.0, 1.0)
_TABLES: dict[tuple[int, int], tuple[Statistics, RouteTable]] = {}


def route_table(statistics: Statistics, most_missed: int) -> RouteTable:
    """The table of these statistics, made once."""
    key = (id(statistics), most_missed)
    known = _TABLES.get(key)
    if known is None or known[0] is not statistics:
        if len(_TABLES) > 64:
            _TABLES.clear()
        known = _TABLES[key] = (statistics, RouteTable(statistics, most_missed))
    return known[1]


@lru_cache(maxsize=1)
def neighbours() -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Per level the places of those next above, and of those next below."""
    return (
        tuple(tuple(PLACE[other] for other in above(level)) for level in LEVELS),
        tuple(tuple(PLACE[other] for other in below(level)) for level in LEVELS),
    )
