"""The model of one scan: what every start, step, bend, end and false detection of a sequence costs."""

from __future__ import annotations

from collections.abc import Mapping
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
    steps: per detection i (places down, A, S, later ones): the step from level a at i to the level so far down + 1.
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
        turns=_turns(points, statistics),
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
    """Logarithms and weights of all steps, by the detection they leave.

    Detection by detection and in place, since fresh memory costs more than the arithmetic.
    """
    table = route_table(statistics, most_missed)
    size = np.exp(grid)
    deviation = np.sqrt(table.variance_mm2)[:, None]
    means = table.mean_mm[:, None] / deviation
    priors = np.exp(table.log_probability)[:, None]
    peaks = priors * (1 - statistics.outliers) / np.sqrt(2 * np.pi) / deviation
    anywhere = priors * statistics.outliers / FARTHEST_MM
    places = int(table.down.max()) if len(table.down) else 0
    steps, weights = [], []
    for i, point in enumerate(points):
        apart = np.maximum(np.linalg.norm(points[i + 1 :] - point, axis=1), 1.0)
        looser = 1 + (CUT_SPREAD - 1) * (2 - visible[i] - visible[i + 1 :])
        scaled = 1 / np.multiply.outer(size, looser).ravel()  # sizes x later ones, as all that follows
        apart, looser = np.concatenate([apart] * len(size)), np.concatenate([looser] * len(size))
        density = (apart * scaled) / deviation  # (routes, sizes x later ones)
        density -= means / looser
        np.square(density, out=density)
        density *= -0.5
        np.exp(density, out=density)
        density *= peaks * scaled
        density += anywhere
        joined = table.summed(density)
        with np.errstate(divide="ignore"):
            np.log(joined, out=joined)
        joined -= 2 * np.log(apart)
        joined *= statistics.sureness
        shape = (places, len(LEVELS), len(size), len(points) - i - 1)
        step = np.full(shape, -np.inf)
        step[table.down - 1, table.upper] = joined.reshape(len(table.first), *shape[2:])
        steps.append(step)
        weights.append(np.exp(step))
    return steps, weights


def _turns(points: Array, statistics: Statistics) -> list[Array]:
    bends, leans = (_columns(table) for table in (statistics.bends, statistics.leans))
    two_steps_mm = np.array([4 * usual_half_height_mm(level) for level in LEVELS])[:, None, None]
    lower, upper = np.tril_indices(len(points), -1)
    away = points[lower] - points[upper]
    length, sagittal, coronal = (np.zeros((len(points), len(points))) for _ in range(3))
    length[lower, upper] = np.linalg.norm(away, axis=1)
    sagittal[lower, upper], coronal[lower, upper] = directions(away)
    lean = _density(sagittal, coronal, leans, np.ones((1, 1, 1)), statistics.outliers)  # (A, lower, upper)
    turns = []
    for i in range(len(points)):
        later, earlier = np.s_[i + 1 :, i, None], np.s_[i, :i]
        turn = np.empty((len(LEVELS), len(points) - i - 1, i + 1))
        turn[..., 0] = lean[:, i + 1 :, i]
        ratio = (length[later] + length[earlier]) / two_steps_mm
        angle = (sagittal[later] - sagittal[earlier] + np.pi) % (2 * np.pi) - np.pi
        turn[..., 1:] = _density(angle, coronal[later] - coronal[earlier], bends, ratio, statistics.outliers)
        turn *= statistics.sureness
        turns.append(turn)
    return turns


def directions(steps: Array) -> tuple[Array, Array]:
    """Angles of steps (N, 3, RAS) from straight down, in radians: to the front, and to the right."""
    return np.arctan2(steps[:, 1], -steps[:, 2]), np.arctan2(steps[:, 0], np.hypot(steps[:, 1], steps[:, 2]))


def _columns(table: Mapping[str, tuple[float, float, float]]) -> tuple[Array, Array, Array]:
    """Mean and deviations of all levels, from degrees to radians."""
    mean, sagittal, coronal = np.radians([table[level] for level in LEVELS]).T
    return mean, sagittal, coronal


def _density(
    sagittal: Array, coronal: Array, columns: tuple[Array, Array, Array], ratio: Array, outliers: float
) -> Array:
    """Log-density of two angles at every level (levels first); ``ratio``: their length in parts of the usual one."""
    shape = (-1, *(1,) * sagittal.ndim)
    mean, sd, across = (values.reshape(shape) for values in columns)
    wider = np.maximum(ratio, 0.5)  # of the variances
    away = sagittal - mean * ratio
    np.square(away, out=away)
    away *= 1 / sd**2
    away += np.square(coronal) / across**2
    away /= wider
    away *= -0.5
    np.exp(away, out=away)
    away *= (1 - outliers) / (2 * np.pi * sd * across)
    away /= wider
    away += outliers / (2 * np.pi * np.pi)
    return np.log(away, out=away)
