"""Names that pass from one scan to another of the same patient by position, and are counted on by the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from utility_functions.anatomy.body_evidence import SACRAL_NATS
from utility_functions.anatomy.labels import LEVELS, SACRAL, anatomical_order
from utility_functions.anatomy.naming.counted_levels import NEVER, NEVER_NATS
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, Naming, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.routes import neighbours
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.spine_sizes import usual_half_height_mm
from utility_functions.geometry.landmarks import Landmarks

PASSED_NATS = 60.0
"""Evidence in nats for a name that was passed on, against every other level and against no vertebra."""


@dataclass(frozen=True)
class PassedDoubt:
    """How far the names that are passed on may be wrong.

    error: probability that any of them is. shifted: that all are really one level up, and one level down.
    """

    error: float = 0.0
    shifted: tuple[float, float] = (0.0, 0.0)


def matched_names(points_mm: ArrayLike, named: Landmarks) -> dict[int, str]:
    """The names of the vertebrae at (N, 3) points in RAS+ mm, by their place, where the other scan has one there.

    Two are the same vertebra where each is the other's nearest, within half of the usual height of its level.
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    if not len(points) or not len(named):
        return {}
    apart, nearest = cKDTree(points).query(named.points_mm)
    back = cKDTree(named.points_mm).query(points)[1]
    return {
        int(place): name
        for number, (name, place, far) in enumerate(zip(named.names, nearest, apart, strict=True))
        if name and back[place] == number and far <= usual_half_height_mm(name)
    }


def in_order(points_mm: NDArray[np.float64], names: Mapping[int, str]) -> bool:
    """Whether the names of points (N, 3), which stand from the top down, descend with them."""
    order = [anatomical_order(names[place]) for place in sorted(names)]
    return all(upper < lower for upper, lower in pairwise(order)) and max(names, default=0) < len(points_mm)


def named_by_others(
    points_mm: NDArray[np.float64],
    seen: NDArray[np.float64],
    names: Mapping[int, str],
    sacral: NDArray[np.bool_],
    doubt: PassedDoubt,
    statistics: Statistics,
) -> Naming:
    """The naming of N vertebrae of which ``names`` tells some, by their place; the decoder counts on to the others.

    points_mm: (N, 3) in RAS+ mm, the patient upright. seen: (N,) fraction of each in the field of view. sacral: (N,)
    whether each was taken for S1. doubt: of the names that are passed on; the posteriors hold it.
    """
    evidence = np.zeros((len(points_mm), len(LEVELS)))
    is_sacral = np.isin(LEVELS, SACRAL)
    evidence += SACRAL_NATS * np.where(is_sacral, sacral[:, None], ~sacral[:, None])
    evidence -= NEVER_NATS * np.isin(LEVELS, NEVER)
    top = evidence.max(axis=1)
    false = top + np.log(np.mean(np.exp(evidence - top[:, None]), axis=1))
    for place, name in names.items():
        evidence[place] = np.where(np.array(LEVELS) == name, 0.0, -PASSED_NATS)
        false[place] = -PASSED_NATS
    naming = decode(Detections(points_mm, evidence, false, visibility=seen), statistics, ALTERNATIVES)
    return with_doubt(naming, doubt)


def with_doubt(naming: Naming, doubt: PassedDoubt) -> Naming:
    """The naming as it is where the names that it follows from may themselves be wrong."""
    up, down = doubt.shifted
    rest = max(doubt.error - up - down, 0.0)
    posterior = naming.posterior.copy()
    levels = posterior[:, :-1]
    moved = np.zeros((2, *levels.shape))
    for way, others in enumerate(neighbours()):
        for level, next_ones in enumerate(others):
            for other in next_ones:
                moved[way, :, other] += levels[:, level] / len(next_ones)
    posterior[:, :-1] = (1 - up - down - rest) * levels + up * moved[0] + down * moved[1]
    by_name = {name: row for name, row in zip(naming.names, posterior, strict=True) if name}
    scores = [by_name[name][LEVELS.index(name)] for name in naming.found.names]
    found = Landmarks(naming.found.names, naming.found.points_mm, np.clip(scores, 0, 1))
    error = 1 - (1 - naming.error_probability) * (1 - doubt.error)
    shifted = (min(naming.shifted[0] + up, error), min(naming.shifted[1] + down, error))
    most = max(shifted)
    with np.errstate(divide="ignore"):
        margin = float(np.log(1 - error) - np.log(most)) if most > 0 else np.inf
    return replace(naming, posterior=posterior, found=found, error_probability=error, shifted=shifted, margin=margin)
