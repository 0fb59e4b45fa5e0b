"""Voxels that vote for the centre of their own vertebra, and the named centre that each of them reaches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import anatomical_order, regressed_level
from utility_functions.anatomy.vote_clusters import MOST_STEPS

NONE = -1
"""The place of a vote that reaches no centre."""
USUAL_STEP_MM = 25.0
"""The distance of the next vertebra where only one is known."""


def chosen_centres(
    votes_mm: NDArray[np.floating], names: Sequence[str], centres_mm: NDArray[np.floating]
) -> NDArray[np.int_]:
    """For each vote (n, 3) in mm the place of the nearest centre (k, 3) in ``names``; NONE where none is near.

    Above and below the named vertebrae, and in gaps between them, the scan may show others without a name. Centres
    without a name stand there, at the usual distances, and votes that are nearest to those reach none.
    """
    order = sorted(range(len(names)), key=lambda place: anatomical_order(names[place]))
    known = [np.asarray(centres_mm[place], float) for place in order]
    extra = _unnamed([names[place] for place in order], known)
    nearest = np.full(len(votes_mm), NONE)
    if not order:
        return nearest
    centres = np.array([*known, *extra])
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1) + np.diag(np.full(len(centres), np.inf))
    votes, least = np.asarray(votes_mm, np.float32), np.full(len(votes_mm), np.inf, np.float32)
    places = [*order, *(NONE for _ in extra)]
    for place, centre, reach in zip(places, centres.astype(np.float32), MOST_STEPS * apart.min(axis=0), strict=True):
        distance = np.linalg.norm(votes - centre, axis=1)
        closer = (distance < least) & (distance <= reach)
        nearest[closer], least[closer] = place, distance[closer]
    return nearest


def _unnamed(names: Sequence[str], centres: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """The centres, above, below and in gaps, of vertebrae without a name; names and centres from the top down."""
    if len(names) < 2:
        up = np.array([0.0, 0.0, USUAL_STEP_MM])
        return [centre + step for centre in centres for step in (up, -up)]
    found, single = [], []
    for (upper, lower), (above, below) in zip(pairwise(names), pairwise(centres), strict=True):
        missing = max((regressed_level(lower) or 0) - (regressed_level(upper) or 0) - 1, 0)  # no variant is missing
        single.append((below - above) / (missing + 1))
        found += [above + (below - above) * k / (missing + 1) for k in range(1, missing + 1)]
    return [centres[0] - single[0], *found, centres[-1] + single[-1]]
