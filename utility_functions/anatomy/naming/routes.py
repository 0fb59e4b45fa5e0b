"""The ways from one level down to another over missed ones, each with its length and its probability."""

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
    """Every way down from a level over at most ``most_missed`` missed ones; those of no probability left out."""
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
    """All routes of some statistics as arrays, sorted by (level, places down), so that they add up by slices.

    upper, down: per group of routes that join the same two levels, the upper one's place and how far down it goes.
    first: where each group begins.  between: the routes by the levels they join.
    log_probability, mean_mm, variance_mm2: per route.
    """

    def __init__(self, statistics: Statistics, most_missed: int) -> None:
        keyed = [
            (PLACE[level], PLACE[route.levels[-1]] - PLACE[level], route)
            for level in LEVELS
            for route in routes_from(statistics, level, most_missed)
        ]
        keyed.sort(key=lambda entry: entry[:2])
        keys = np.array([entry[:2] for entry in keyed]).reshape(-1, 2)
        changes = np.any(np.diff(keys, axis=0) != 0, axis=1)
        self.first: NDArray[np.int_] = np.concatenate([[0], np.flatnonzero(changes) + 1])
        self.upper: NDArray[np.int_] = keys[self.first, 0]
        self.down: NDArray[np.int_] = keys[self.first, 1]
        self.routes = tuple(entry[2] for entry in keyed)
        self.between: dict[tuple[str, str], list[Route]] = {}
        for route in self.routes:
            self.between.setdefault((route.levels[0], route.levels[-1]), []).append(route)
        self.log_probability = np.array([route.log_probability for route in self.routes])
        self.mean_mm = np.array([route.mean_mm for route in self.routes])
        self.variance_mm2 = np.array([route.variance_mm2 for route in self.routes])
        self._further = np.setdiff1d(np.arange(len(keyed)), self.first)
        self._group = np.searchsorted(self.first, self._further, side="right") - 1

    def summed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the routes (routes, ...) added up per group; most groups have but one."""
        sums = values[self.first]
        for route, group in zip(self._further, self._group, strict=True):
            sums[group] += values[route]
        return sums


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
