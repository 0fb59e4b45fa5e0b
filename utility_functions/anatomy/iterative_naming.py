"""The levels of vertebrae that the iterative segmenter found: the start that agrees best with all regressed levels.

The published rule (Lessmann et al. 2019) tries every level for the first vertebra. It takes the one at which the levels
regressed along the chain agree best with their places in it. Here missed vertebrae in between are counted, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.labels import USUAL_VERTEBRAE, name_of_regressed_level, regressed_level
from utility_functions.anatomy.spine_sizes import STEP_MM

LAST = len(USUAL_VERTEBRAE)
"""C1 is 1 and L5 is 24; T13 and L6 are not given."""
PRICE_BEYOND = 0.1
"""Agreement that a chain loses when it ends in one more mask below L5, which is S1 or an L6 and gets no name."""
MOST_MISSED = 5
"""At most this many missed vertebrae are assumed between two consecutive ones of the chain."""


SMALLEST_GAP = 1.6
"""A step that is at most this many usual ones long has no missed vertebra in it."""
SMALLEST_SIZE = 0.5
"""No patient's steps are taken to be smaller than this fraction of the usual ones."""


class ChainNames(NamedTuple):
    """names: of each vertebra, from the top down; "" where the chain leaves C1 to L5.

    agreement: mean over those that voted, 1 where all levels are as regressed. margin: how much less the second best
    start agrees; near 0 the names may be shifted.
    """

    names: tuple[str, ...]
    agreement: float
    margin: float


def chain_names(levels: ArrayLike, votes: ArrayLike, points_mm: ArrayLike | None = None) -> ChainNames:
    """Names of a chain of N vertebrae from the top down, each level once and in order.

    levels: (N,) regressed, C1 = 1 to L5 = 24; one that is not finite does not vote.
    votes: (N,) whether each may vote: those truncated by the field of view should not. Where none may, all do.
    points_mm: (N, 3) their centres; without them no vertebra is missing in between.
    """
    regressed, voting = np.asarray(levels, float).reshape(-1), np.asarray(votes, bool).reshape(-1)
    if regressed.shape != voting.shape:
        raise ValueError(f"A chain has one level and one vote each. Received: {regressed.size} and {voting.size}.")
    if not regressed.size:
        return ChainNames((), 0.0, 0.0)
    voting = voting & np.isfinite(regressed)
    voting = voting if voting.any() else np.isfinite(regressed)
    if not voting.any():
        return ChainNames(("",) * len(regressed), 0.0, 0.0)
    chains = [places_from(start, len(regressed), points_mm) for start in range(2 - len(regressed), LAST + 1)]
    within = [int(((chain >= 1) & (chain <= LAST + 1)).sum()) for chain in chains]
    chains = [chain for chain, count in zip(chains, within, strict=True) if count == max(within)]
    distances = [np.abs(regressed - chain)[voting] for chain in chains]
    beyond = [PRICE_BEYOND * int((chain > LAST).any()) for chain in chains]
    agreements = [float(np.exp(-away).mean()) - price for away, price in zip(distances, beyond, strict=True)]
    # far from all starts alike, the nearest decides
    order = sorted(range(len(chains)), key=lambda i: (-round(agreements[i], 9), float(distances[i].sum()), i))
    best = order[0]
    margin = agreements[best] - agreements[order[1]] if len(order) > 1 else agreements[best]
    return ChainNames(tuple(_name(place) for place in chains[best]), agreements[best], margin)


def names_by(known: Sequence[str], points_mm: ArrayLike | None = None) -> tuple[str, ...] | None:
    """Names of a chain of which some are known ("" for the others); None where no start agrees with all that are.

    T13 and L6, which the count does not know, agree with none.
    """
    numbers = {i: _number(name) for i, name in enumerate(known) if name}
    for start in range(2 - len(known), LAST + 1):
        chain = places_from(start, len(known), points_mm)
        if numbers and all(chain[i] == number for i, number in numbers.items()):
            return tuple(_name(place) for place in chain)
    return None


def places_from(start: int, count: int, points_mm: ArrayLike | None = None) -> NDArray[np.int_]:
    """The level numbers of ``count`` vertebrae of which the first is ``start``, those missed in between counted.

    The number of missed ones is that whose usual distance (spine_sizes.STEP_MM) has the ratio nearest to one to the
    observed distance.
    """
    places = np.arange(start, start + count)
    if points_mm is None or count < 2:
        return places
    distances_mm = np.linalg.norm(np.diff(np.asarray(points_mm, float).reshape(count, 3), axis=0), axis=1)
    counted = _counted(start, distances_mm)
    next_one = np.diff(counted) == 1
    if next_one.any():  # the patient's own size, by those that follow on each other
        usual_mm = np.array([_step_mm(place) for place in counted[:-1]])
        size = float(np.median((distances_mm / usual_mm)[next_one]))
        counted = _counted(start, distances_mm / max(size, SMALLEST_SIZE))
    return counted


def _counted(start: int, distances_mm: NDArray[np.float64]) -> NDArray[np.int_]:
    """Level numbers, each so far below the one above it that the usual distance fits best."""
    places = [start]
    for distance in distances_mm:
        usual_mm = np.cumsum([_step_mm(places[-1] + missed) for missed in range(MOST_MISSED + 1)])
        missed = int(np.argmin(np.abs(np.log(max(float(distance), 1.0) / usual_mm))))
        places.append(places[-1] + 1 + (missed if distance >= SMALLEST_GAP * usual_mm[0] else 0))
    return np.array(places)


def _step_mm(upper: int) -> float:
    """The usual distance from a level number to the next; beyond C1 and L5 that of the ends."""
    return _STEPS[min(max(int(upper), 1), LAST)]


def _usual_steps() -> Mapping[int, float]:
    """From each level number to the next, mm; below L5 as L5 to S1."""
    steps = {i + 1: STEP_MM[pair] for i, pair in enumerate(pairwise(USUAL_VERTEBRAE))}
    return {**steps, LAST: STEP_MM["L5", "S1"]}


_STEPS = _usual_steps()


def _name(place: int) -> str:
    return (name_of_regressed_level(int(place)) or "") if 1 <= place <= LAST else ""


def _number(name: str) -> float:
    """The number of a usual vertebra, and of no other level."""
    return float(regressed_level(name) or math.nan) if name in USUAL_VERTEBRAE else math.nan
