"""Voxels that vote for the centre of their own vertebra, and the named centre that each of them reaches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import anatomical_order

NONE = -1
"""The place of a vote that reaches no centre."""
USUAL_STEP_MM = 25.0
"""The distance of the next vertebra where only one is known."""
MOST_STEPS = 0.75
"""A vote farther from every centre than this part of the distance of neighbours reaches none."""


def chosen_centres(
    votes_mm: NDArray[np.floating], names: Sequence[str], centres_mm: NDArray[np.floating]
) -> NDArray[np.int_]:
    """For each vote (n, 3) in mm the place of the nearest centre (k, 3) in ``names``; NONE where none is near.

    Beyond both ends of the named vertebrae and in gaps between them others may be seen that have no name. There stand
    centres of their own, a usual step away, and votes that they attract reach none.
    """
    order = sorted(range(len(names)), key=lambda place: anatomical_order(names[place]))
    if not order:
        return np.full(len(votes_mm), NONE)
    line = np.asarray(centres_mm, float)[order]
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if len(line) > 1:
        above, below = line[0] - steps[0], line[-1] + steps[-1]
        reach = np.array([max(lengths[max(i - 1, 0) : i + 1]) for i in range(len(line))])
    else:
        above, below = line[0] + (0, 0, USUAL_STEP_MM), line[0] - (0, 0, USUAL_STEP_MM)
        reach = np.array([USUAL_STEP_MM])
    nearest = np.full(len(votes_mm), NONE)
    least = np.full(len(votes_mm), np.inf, np.float32)
    votes = np.asarray(votes_mm, np.float32)
    for place, centre, limit in (
        *zip(order, line, MOST_STEPS * reach, strict=True),
        (NONE, above, np.inf),
        (NONE, below, np.inf),
    ):
        distance = np.linalg.norm(votes - centre.astype(np.float32), axis=1)
        closer = (distance < least) & (distance <= limit)
        nearest[closer], least[closer] = place, distance[closer]
    return nearest
