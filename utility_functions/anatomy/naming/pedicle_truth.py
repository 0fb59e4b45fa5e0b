"""Which pedicles belong to which bodies, in the truth and, by it, among detections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from utility_functions.anatomy.vertebral_keypoints import Keypoints

SAME_BODY_MM, SAME_PEDICLE_MM = 20.0, 10.0


def true_edges(true: Keypoints, side: int) -> dict[int, int]:
    """The place of each body's left (0) or right (1) pedicle in the lists of a true file, by the body's place.

    VID's truth lists bodies and pedicles alike, from the top down; where there is a pedicle more on each side, the last
    one is of a body that has no name and is not listed.
    """
    pedicles = (true.left_mm, true.right_mm)[side]
    return {place: place for place in range(min(len(true.bodies_mm), len(pedicles)))}


def same(seen: NDArray[np.float64], true: NDArray[np.float64], limit_mm: float) -> dict[int, int]:
    """The true point of each detected one, one each, by the least sum of distances within the limit."""
    apart = np.nan_to_num(np.linalg.norm(seen[:, None] - true[None], axis=-1), nan=np.inf)
    rows, columns = linear_sum_assignment(np.minimum(apart, limit_mm + 1))
    return {int(i): int(k) for i, k in zip(rows, columns, strict=True) if apart[i, k] <= limit_mm}


def detected_pedicles(seen: Keypoints, true: Keypoints) -> NDArray[np.float64]:
    """The left and the right pedicle of each detected body (2, N, 3) by the truth; NaN where it has none."""
    found = np.full((2, *seen.bodies_mm.shape), np.nan)
    bodies = same(seen.bodies_mm, true.bodies_mm, SAME_BODY_MM)
    for side, (given, known) in enumerate(((seen.left_mm, true.left_mm), (seen.right_mm, true.right_mm))):
        pedicles = {theirs: ours for ours, theirs in same(given, known, SAME_PEDICLE_MM).items()}
        edges = true_edges(true, side)
        for body, named in bodies.items():
            if edges.get(named) in pedicles:
                found[side, body] = given[pedicles[edges[named]]]
    return found
