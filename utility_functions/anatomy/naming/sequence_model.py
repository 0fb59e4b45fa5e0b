"""The model of one scan: the weight of every start, step, bend, end and false detection of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import RouteTable, log_end, route_table
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.spine_sizes import usual_half_height_mm

SIZES = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
"""Sizes of the patient over which the model sums, in SD from the mean, and their weights (Gauss-Hermite)."""
FARTHEST_MM = 200.0
"""Outlier distances are uniform up to here."""
LEAST_MISSED, SHORTEST_STEP_MM = 3, 12.0
TWO_STEPS_MM = np.array([4 * usual_half_height_mm(level) for level in LEVELS])[:, None]
PAIRS, TURNS = 40, 300
"""At least so many steps and turns are computed at once."""
MOST_EVIDENCE = 100.0
"""Evidence is clipped to at most this many nats below the best of its detection."""
OUT_OF_VIEW_INFLATION = 2.0
"""Factor by which the deviation of a step grows for a vertebra that is completely out of the field of view."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SequenceModel:
    """N detections from the top down, A levels, S sizes. Terms are logarithms of densities per mm^3 (positions)
    plus those of the evidence, times the inverse temperature. Turns and steps are such densities themselves.

    unary: (N, A) of a detection that is a vertebra.   false_sums: (N + 1,) running sum of detections that are false.
    start, end: (A,).   sizes: (S,).   nothing: of a scan without any chain, besides its false detections.
    turns: per detection i (A, later ones, 1 + earlier ones): the bend at i between an earlier and a later one;
        where none is earlier (first place), the lean of the step.
    steps: per detection i (rows of ``table``, S, later ones): the step from i, by the levels it joins.
    """

    unary: Array
    false_sums: Array
    start: Array
    end: Array
    sizes: Array
    size_grid: Array
    turns: list[Array]
    steps: list[Array]
    table: RouteTable
    most_missed: int
    nothing: float

    def between(self, i: int) -> Array:
        """The weight of the false detections between detection i and each later one (later ones,)."""
        return self.false_sums[i + 1 : -1] - self.false_sums[i + 1]

    @property
    def none(self) -> float:
        """Of the sequence in which all are false."""
        return float(self.false_sums[-1]) + self.nothing

    def after(self, i: int) -> float:
        """The weight of the false detections below detection i."""
        return float(self.false_sums[-1] - self.false_sums[i + 1])


def chain_of(detections: Detections, statistics: Statistics, nothing: float = 1e-3) -> SequenceModel:
    """The model of detections that stand in order from the top down; ``nothing``: prior of there being no chain."""
    points, visible = detections.points_mm, detections.visibility
    count = len(points)
    prior = np.full(count, statistics.false_rate) if detections.false_prior is None else detections.false_prior
    prior = np.clip(prior, 1e-12, 1 - 1e-12)
    both = np.column_stack([detections.evidence, detections.false_evidence])
    best = both.max(axis=1, keepdims=True) if count else both
    both = np.maximum(both - best, -MOST_EVIDENCE) * visible[:, None]
    volume = np.log(statistics.volume_mm3)
    false = both[:, -1] + np.log(prior) - volume
    with np.errstate(divide="ignore"):
        start = np.log(np.array([statistics.starts[level] for level in LEVELS])) - volume
    grid, weights = _sizes(statistics.size_sd)
    hops_mm = np.linalg.norm(np.diff(points, axis=0), axis=1)
    most_missed = int(np.clip(hops_mm.max(initial=0.0) / SHORTEST_STEP_MM, LEAST_MISSED, len(LEVELS)))
    exponent = statistics.inverse_temperature
    return SequenceModel(
        unary=exponent * (both[:, :-1] + np.log1p(-prior)[:, None]),
        false_sums=exponent * np.concatenate([[0.0], np.cumsum(false)]),
        start=exponent * start,
        end=exponent * np.array([log_end(statistics, level) for level in LEVELS]),
        sizes=exponent * weights,
        size_grid=grid,
        turns=_turns(points, statistics),
        steps=_steps(points, visible, statistics, grid, most_missed),
        table=route_table(statistics, most_missed),
        most_missed=most_missed,
        nothing=exponent * float(np.log(nothing)),
    )


def _sizes(spread: float) -> tuple[Array, Array]:
    """Logarithms of the sizes, and of their probabilities."""
    if spread == 0:
        return np.zeros(1), np.zeros(1)
    deviations, weights = np.array(SIZES).T
    return spread * deviations, np.log(weights)


def _steps(points: Array, visible: Array, statistics: Statistics, grid: Array, most_missed: int) -> list[Array]:
    """All steps, by the detection they leave."""
    table = route_table(statistics, most_missed)
    size = np.exp(grid)[:, None]
    deviation = np.sqrt(table.variance_mm2)[:, None, None]
    means = table.mean_mm[:, None, None] / deviation
    priors = np.exp(table.log_probability)[:, None, None]
    peaks = priors * (1 - statistics.outliers) / np.sqrt(2 * np.pi) / deviation
    anywhere = priors * statistics.outliers / FARTHEST_MM
    steps = []
    upper, lower = np.triu_indices(len(points), 1)
    all_apart = np.maximum(np.linalg.norm(points[lower] - points[upper], axis=1), 1.0)
    all_inflation = 1 + (OUT_OF_VIEW_INFLATION - 1) * (2 - visible[upper] - visible[lower])
    counts = [len(points) - i - 1 for i in range(len(points))]
    done = 0
    for own in _blocks(counts, PAIRS):
        pairs = slice(done, done + sum(counts[i] for i in own))
        apart, inflation, done = all_apart[pairs], all_inflation[pairs], pairs.stop
        scaled = 1 / (size * inflation)
        density = (apart * scaled) / deviation  # (routes, sizes, pairs)
        density -= means / inflation
        np.square(density, out=density)
        density *= -0.5
        np.exp(density, out=density)
        density *= peaks * scaled
        density += anywhere
        joined = table.summed(density) / np.square(apart)
        steps += np.split(
            _to_the(statistics.inverse_temperature, joined), np.cumsum([counts[i] for i in own])[:-1], axis=2
        )
    return steps


def _turns(points: Array, statistics: Statistics) -> list[Array]:
    """All bends and leans, by the detection where they are."""
    count = len(points)
    bends, leans = (_columns(table) for table in (statistics.bends, statistics.leans))
    lower, upper = np.tril_indices(count, -1)
    away = points[lower] - points[upper]
    length, sagittal, coronal = (np.zeros((count, count)) for _ in range(3))
    length[lower, upper] = np.linalg.norm(away, axis=1)
    sagittal[lower, upper], coronal[lower, upper] = directions(away)
    lean = np.empty((len(LEVELS), count, count))
    lean[:, lower, upper] = _density(sagittal[lower, upper], coronal[lower, upper], leans, 1.0, statistics)
    turns = []
    for own in _blocks([(count - i - 1) * i for i in range(count)], TURNS):
        both_mm = np.concatenate([(length[i + 1 :, i, None] + length[i, :i]).ravel() for i in own])
        angle = np.concatenate([(sagittal[i + 1 :, i, None] - sagittal[i, :i]).ravel() for i in own])
        aside = np.concatenate([(coronal[i + 1 :, i, None] - coronal[i, :i]).ravel() for i in own])
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        bend = _density(angle, aside, bends, both_mm / TWO_STEPS_MM, statistics)
        begin = 0
        for i in own:
            turns.append(np.empty((len(LEVELS), count - i - 1, i + 1)))
            turns[-1][..., 0] = lean[:, i + 1 :, i]
            end = begin + (count - i - 1) * i
            turns[-1][..., 1:] = bend[:, begin:end].reshape(len(LEVELS), count - i - 1, i)
            begin = end
    return turns


def _blocks(counts: list[int], least: int) -> list[range]:
    """Detections in blocks of at least ``least`` counted items: large arrays are faster, and those that fit into the
    processor's cache are fastest."""
    found, first, several = [], 0, 0
    for i, count in enumerate(counts):
        several += count
        if several >= least or i + 1 == len(counts):
            found.append(range(first, i + 1))
            first, several = i + 1, 0
    return found


def directions(steps: Array) -> tuple[Array, Array]:
    """Angles of steps (N, 3, RAS) from straight down, in radians: to the front, and to the right."""
    return np.arctan2(steps[:, 1], -steps[:, 2]), np.arctan2(steps[:, 0], np.hypot(steps[:, 1], steps[:, 2]))


def _columns(table: Mapping[str, tuple[float, float, float]]) -> tuple[Array, Array, Array]:
    """Mean and deviations of all levels (A, 1), from degrees to radians."""
    mean, sagittal, coronal = np.radians([table[level] for level in LEVELS]).T[..., None]
    return mean, sagittal, coronal


def _density(
    sagittal: Array,
    coronal: Array,
    columns: tuple[Array, Array, Array],
    ratio: Array | float,
    statistics: Statistics,
) -> Array:
    """Density of two angles (N,) at every level (A, N), by the outliers and the inverse temperature; ``ratio``: length
    of the steps as a ratio to the usual one."""
    mean, sd, across = columns
    wider = np.maximum(ratio, 0.5)  # of the variances
    away = sagittal - mean * ratio
    np.square(away, out=away)
    away *= -0.5 / sd**2
    away -= np.square(coronal) * (0.5 / across**2)
    away /= wider
    np.exp(away, out=away)
    away *= (1 - statistics.outliers) / (2 * np.pi * sd * across)
    away /= wider
    away += statistics.outliers / (2 * np.pi * np.pi)
    return _to_the(statistics.inverse_temperature, away)


def _to_the(power: float, densities: Array) -> Array:
    """Densities to a power, in place."""
    if power != 1:
        with np.errstate(divide="ignore"):
            np.log(densities, out=densities)
        densities *= power
        np.exp(densities, out=densities)
    return densities
