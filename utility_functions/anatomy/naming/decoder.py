"""The names of detections: the best sequence of levels, its posterior, and the next best sequences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.forward_backward import backward, forward, posterior
from utility_functions.anatomy.naming.interpolation import all_levels, interpolated_levels, likeliest_route
from utility_functions.anatomy.naming.n_best import LevelSequence, best_sequences
from utility_functions.anatomy.naming.ordering import along_the_spine
from utility_functions.anatomy.naming.routes import neighbours
from utility_functions.anatomy.naming.sequence_model import SequenceModel, chain_of
from utility_functions.anatomy.naming.statistics import VARIANTS, Statistics
from utility_functions.geometry.landmarks import Landmarks

SURE_FROM = 0.5
"""A name with a smaller posterior is reported as a range of levels."""
RANGE_MASS = 0.9
"""The least probability that a range of levels holds."""
ALTERNATIVES = 3
"""Number of next best sequences that are recorded."""
WARNING_FROM = 0.1
"""A scan gets a warning where its names may be wrong with at least this probability."""


@dataclass(frozen=True, eq=False)
class Naming:
    """What N detections are, in the order in which they were given.

    names: the level of each, "" for a false detection.
    posterior: (N, levels + 1) probability of each level of anatomy.labels.LEVELS, and of being false (last column).
    found: the named ones as landmarks from the top down; scores: posterior of the name.
    interpolated: levels missed between them, at their usual places; score 0.
    variants: those the sequence has, by the names of `statistics.VARIANTS`.
    shifted: probabilities that every named one is really one level up, and one level down.
    margin: log-odds of these names, as far as the named ones go, against the likelier of the two shifts.
    error_probability: probability that any named one has another level (being false is not counted).
    alternatives: the next best sequences and the log of their weight over that of the best (0 or below).
    log_weight: of all sequences together.
    """

    names: tuple[str, ...]
    posterior: NDArray[np.float64]
    found: Landmarks
    interpolated: Landmarks
    variants: tuple[str, ...]
    shifted: tuple[float, float]
    margin: float
    error_probability: float
    alternatives: tuple[tuple[tuple[str, ...], float], ...]
    log_weight: float

    @property
    def landmarks(self) -> Landmarks:
        """Found and interpolated levels, from the top down; interpolated ones have score 0."""
        return all_levels(self.found, self.interpolated)

    @property
    def false(self) -> tuple[int, ...]:
        """Indices of the detections that are no vertebra of their own."""
        return tuple(i for i, name in enumerate(self.names) if not name)

    @property
    def ranges(self) -> dict[str, tuple[str, str]]:
        """The highest and the lowest level that each uncertain name may stand for, by that name."""
        rows = {name: row[:-1] for name, row in zip(self.names, self.posterior, strict=True) if name}
        scores = dict(zip(self.found.names, self.found.scores, strict=True))
        return {name: level_range(row) for name, row in rows.items() if scores[name] < SURE_FROM}

    def warning(self, threshold: float = WARNING_FROM) -> str | None:
        """One plain sentence where the names may be wrong, else None."""
        if not len(self.found) or self.error_probability < threshold:
            return None
        if sum(self.shifted) >= self.error_probability / 2:
            way = "upwards" if self.shifted[0] > self.shifted[1] else "downwards"
            return f"Levels may be shifted by one: {100 * sum(self.shifted):.0f} % (rather {way})."
        return f"Some levels may be wrong: {100 * self.error_probability:.0f} %."


def level_range(probabilities: NDArray[np.float64]) -> tuple[str, str]:
    """The shortest run of levels that holds RANGE_MASS of their probability: its highest and its lowest level.

    probabilities: of each level of anatomy.labels.LEVELS; they need not sum to one.
    """
    mass = np.concatenate([[0.0], np.cumsum(probabilities)])
    enough = RANGE_MASS * mass[-1] - 1e-12
    for length in range(1, len(probabilities) + 1):
        held = mass[length:] - mass[:-length]
        if held.max() >= enough:
            first = int(held.argmax())
            return LEVELS[first], LEVELS[first + length - 1]
    return LEVELS[0], LEVELS[-1]


def decode(detections: Detections, statistics: Statistics, alternatives: int = 0) -> Naming:
    """Names detections by the best sequence of {level, false} over them in their order along the spine; exact.

    A sequence descends through the levels. Levels between two named ones may be missed, at a price, and spines may have
    T13, no T12, L6 or no L5. The weight of a sequence is the product of evidence, distances and bends, given
    `statistics`. The best sequence has the greatest weight over all sequences and sizes of the patient. Posteriors sum
    over all of them.
    """
    if not len(detections):
        nobody, none = Landmarks.empty(), np.zeros((0, len(LEVELS) + 1))
        return Naming((), none, nobody, nobody, (), (0.0, 0.0), np.inf, 0.0, (), 0.0)
    order = along_the_spine(detections.points_mm)
    sorted_ones = detections.at(order)
    chain = chain_of(sorted_ones, statistics)
    best, *others = best_sequences(chain, 1 + alternatives)
    probabilities, kept, up, down, total = _sums(chain, best)
    back = np.argsort(order)
    names = _names(best)
    places = [i for i, name in enumerate(names) if name]
    found = Landmarks(
        tuple(names[i] for i in places),
        sorted_ones.points_mm[places],
        np.array([probabilities[i, best.levels[i]] for i in places]).clip(0, 1),
    )
    size = float(chain.size_grid[best.size])
    routes = [
        likeliest_route(statistics, upper, lower, float(np.linalg.norm(q - p)), size, chain.most_missed)
        for (upper, p), (lower, q) in pairwise(found)
    ]
    steps = {step for route in routes for step in pairwise(route.levels)}
    with np.errstate(divide="ignore"):
        margin = float(np.log(kept) - np.log(max(up, down))) if max(up, down) > 0 else np.inf
    return Naming(
        names=tuple(names[i] for i in back),
        posterior=probabilities[back],
        found=found,
        interpolated=interpolated_levels(found, routes, statistics),
        variants=tuple(
            name for name, step in VARIANTS.items() if step in steps or (step[1] in ("T13", "L6") and step[1] in names)
        ),
        shifted=(up, down),
        margin=margin,
        error_probability=max(0.0, 1.0 - kept),
        alternatives=tuple(
            (tuple(_names(other)[i] for i in back), other.log_weight - best.log_weight) for other in others
        ),
        log_weight=total,
    )


def _names(sequence: LevelSequence) -> list[str]:
    return [LEVELS[level] if level >= 0 else "" for level in sequence.levels]


def _sums(chain: SequenceModel, best: LevelSequence) -> tuple[NDArray[np.float64], float, float, float, float]:
    """Posterior (N, levels + 1); probabilities that no named one has another level, that all are one level up, and
    one down; and the log of the sum of all sequences."""
    ups, downs = neighbours()
    masks = np.zeros((4, *chain.unary.shape))
    for i, level in enumerate(best.levels):
        for mask, allowed in ((1, (level,)), (2, ups[level]), (3, downs[level])):
            if level >= 0:
                masks[mask, i] = -np.inf
                masks[mask, i, list(allowed)] = 0.0
    sums, whole = forward(chain, chain.unary + masks)
    total = float(whole[0])
    levels = posterior(sums, backward(chain), total)
    nothing = np.exp(chain.none - total)
    kept, up, down = (float(np.exp(value - total)) for value in whole[1:])
    if any(level >= 0 for level in best.levels):  # without any name nothing is shifted
        up, down = (max(0.0, probability - float(nothing)) for probability in (up, down))
    else:
        up = down = 0.0
    false = np.clip(1 - levels.sum(axis=1, keepdims=True), 0.0, 1.0)
    return np.concatenate([levels, false], axis=1), min(kept, 1.0), up, down, total
