"""The model of one scan: what every start, step, bend, end and false detection of a sequence costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.measures import usual_half_height_mm
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import log_end, route_table
from utility_functions.anatomy.naming.statistics import Statistics

SIZES = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
"""Sizes of the patient that are weighed against each other, in SD from the mean, and their weights (Gauss-Hermite)."""
FARTHEST_MM = 200.0
"""Distances that follow no rule lie anywhere up to here."""
LEAST_MISSED, SHORTEST_STEP_MM = 3, 12.0
MOST_EVIDENCE = 100.0
"""Evidence counts down to this many nats below the best of its detection: none is surer than that."""
CUT_SPREAD = 2.0
"""How many times less sure the place of a wholly hidden vertebra is than that of a whole one."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """All terms are logarithms of densities per mm^3 (places) times those of the evidence, and times the
    statistics' sureness; N detections from the top down, A levels, S sizes.

    unary: (N, A) of a detection that is a vertebra.   falses: (N + 1,) running sum of detections that are false.
    start, end: (A,).   sizes: (S,).   nothing: of a scan without any chain, besides its falses.
    turns: per detection i (A, later ones, 1 + earlier ones): the bend at i between an earlier and a later one;
        where none is earlier (first place), the lean of the step.
    steps: per detection i (places down, A, later ones, S): the step from level a at i to the level so far down + 1.
    step_weights: their exponentials.
    """

    unary: Array
    falses: Array
    start: Array
    end: Array
    sizes: Array
    size_grid: Array
    turns: list[Array]
    steps: list[Array]
    step_weights: list[Array]
    most_missed: int
    nothing: float

    @cached_property
    def turn_weights(self) -> list[Array]:
        """Exponentials of ``turns``."""
        return [np.exp(each) for each in self.turns]

    def between(self, i: int) -> Array:
        """Sum of the falses between detection i and each later one (later ones,)."""
        return self.falses[i + 1 : -1] - self.falses[i + 1]

    def after(self, i: int) -> float:
        """Sum of the falses below detection i."""
        return float(self.falses[-1] - self.falses[i + 1])


def chain_of(detections: Detections, statistics: Statistics, nothing: float = 1e-3) -> Chain:
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
    sure = statistics.sureness
    steps, step_weights = _steps(points, visible, statistics, grid, most_missed)
    return Chain(
        unary=sure * (both[:, :-1] + np.log1p(-prior)[:, None]),
        falses=sure * np.concatenate([[0.0], np.cumsum(false)]),
        start=sure * start,
        end=sure * np.array([log_end(statistics, level) for level in LEVELS]),
        sizes=sure * weights,
        size_grid=grid,
        turns=[sure * each for each in _turns(points, statistics)],
        steps=steps,
        step_weights=step_weights,
        most_missed=most_missed,
        nothing=sure * float(np.log(nothing)),
    )


def _sizes(spread: float) -> tuple[Array, Array]:
    """Logarithms of the sizes, and of their probabilities."""
    if spread == 0:
        return np.zeros(1), np.zeros(1)
    deviations, weights = np.array(SIZES).T
    return spread * deviations, np.log(weights)


def _steps(
    points: Array, visible: Array, statistics: Statistics, grid: Array, most_missed: int
) -> tuple[list[Array], list[Array]]:
    """Logarithms and weights of all steps, by the detection they leave."""
    table = route_table(statistics, most_missed)
    count = len(points)
    upper, lower = np.triu_indices(count, 1)
    apart = np.maximum(np.linalg.norm(points[lower] - points[upper], axis=1), 1.0)
    looser = 1 + (CUT_SPREAD - 1) * (2 - visible[upper] - visible[lower])  # pairs
    size = np.exp(grid)
    deviation = np.sqrt(table.variance_mm2)[:, None, None] * looser[:, None] * size  # (routes, pairs, sizes)
    away = (apart[:, None] - table.mean_mm[:, None, None] * size) / deviation
    density = (1 - statistics.outliers) / np.sqrt(2 * np.pi) * np.exp(-0.5 * away**2) / deviation
    density += statistics.outliers / FARTHEST_MM
    density *= np.exp(table.log_probability)[:, None, None] / apart[:, None] ** 2
    places = int(table.down.max()) if len(table.down) else 0
    shape = (places, len(LEVELS), len(apart), len(grid))
    steps, weights = np.full(shape, -np.inf), np.zeros(shape)
    if len(apart):
        joined = statistics.sureness * np.log(np.add.reduceat(density, table.first, axis=0))
        steps[table.down - 1, table.upper] = joined
        weights[table.down - 1, table.upper] = np.exp(joined)
    borders = np.cumsum([0, *range(count - 1, -1, -1)])
    parts = [slice(borders[i], borders[i + 1]) for i in range(count)]
    return [steps[:, :, part] for part in parts], [weights[:, :, part] for part in parts]


def _turns(points: Array, statistics: Statistics) -> list[Array]:
    bends, leans = (np.array([table[level] for level in LEVELS]) for table in (statistics.bends, statistics.leans))
    two_steps_mm = np.array([4 * usual_half_height_mm(level) for level in LEVELS])
    turns = []
    for i, point in enumerate(points):
        away, toward = points[i + 1 :] - point, point - points[:i]
        sagittal, coronal = directions(away)
        lean = _density(sagittal, coronal, *_columns(leans), np.ones((len(LEVELS), 1)), statistics.outliers)
        ratio = (np.linalg.norm(away, axis=1)[:, None] + np.linalg.norm(toward, axis=1)) / two_steps_mm[:, None, None]
        earlier = directions(toward)
        turn = (sagittal[:, None] - earlier[0] + np.pi) % (2 * np.pi) - np.pi
        bend = _density(turn, coronal[:, None] - earlier[1], *_columns(bends), ratio, statistics.outliers)
        turns.append(np.concatenate([lean[:, :, None], bend], axis=2))
    return turns


def directions(steps: Array) -> tuple[Array, Array]:
    """Angles of steps (N, 3, RAS) from straight down, in radians: to the front, and to the right."""
    return np.arctan2(steps[:, 1], -steps[:, 2]), np.arctan2(steps[:, 0], np.hypot(steps[:, 1], steps[:, 2]))


def _columns(table: Array) -> tuple[Array, Array, Array]:
    """Columns of a table of degrees, in radians."""
    mean, sagittal, coronal = np.radians(table.T)
    return mean, sagittal, coronal


def _density(
    sagittal: Array, coronal: Array, mean: Array, sd: Array, sd_coronal: Array, ratio: Array, outliers: float
) -> Array:
    """Log-density of two angles at every level (levels first); ``ratio``: their length in parts of the usual one."""
    shape = (-1, *(1,) * sagittal.ndim)
    mean, sd, sd_coronal = (values.reshape(shape) for values in (mean, sd, sd_coronal))
    wider = np.sqrt(np.maximum(ratio, 0.5))
    squared = ((sagittal - mean * ratio) / (sd * wider)) ** 2 + (coronal / (sd_coronal * wider)) ** 2
    peak = (1 - outliers) / (2 * np.pi * sd * sd_coronal * wider**2)
    return np.log(peak * np.exp(-0.5 * squared) + outliers / (2 * np.pi * np.pi))
