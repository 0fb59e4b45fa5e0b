"""Which pedicle belongs to which body among detections, against the truth of VID."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from utility_functions.anatomy.naming.evidence import own_pedicles
from utility_functions.anatomy.naming.fitting import Example
from utility_functions.files.keypoints import read_keypoints

SAME_BODY_MM, SAME_PEDICLE_MM = 20.0, 10.0


def edges(scans: Sequence[Example], folder: Path, every: int) -> float:
    """F1 of the edges between pedicles and bodies over all scans; true ones join what lies together in the truth.

    Neither what was not detected counts, nor edges of which the truth knows neither end.
    """
    right = told = true = 0
    for path, scan in zip(sorted((folder / "truth").glob("*.json"))[::every], scans, strict=True):
        truth = read_keypoints(path)
        known, seen = (truth.left_mm, truth.right_mm), scan.pedicles_mm or (np.zeros((0, 3)),) * 2
        bodies = same(scan.points_mm, truth.bodies_mm, SAME_BODY_MM)
        theirs, ours = own_pedicles(truth.bodies_mm, *known), own_pedicles(scan.points_mm, *seen)
        for side in (0, 1):
            pedicles = same(seen[side], known[side], SAME_PEDICLE_MM)
            wanted = {
                (body, pedicle)
                for body, pedicle in same(theirs[side], known[side], 0.1).items()
                if body in bodies.values() and pedicle in pedicles.values()
            }
            found = [
                (bodies.get(body, -1), pedicles.get(pedicle, -1))
                for body, pedicle in same(ours[side], seen[side], 0.1).items()
            ]
            found = [edge for edge in found if edge != (-1, -1)]
            right += len(wanted & set(found))
            told += len(found)
            true += len(wanted)
    return 2 * right / max(told + true, 1)


def same(seen: np.ndarray, true: np.ndarray, limit_mm: float) -> dict[int, int]:
    """Which true point each seen one is, one each, by the least sum of distances within the limit."""
    apart = np.nan_to_num(np.linalg.norm(seen[:, None] - true[None], axis=-1), nan=np.inf)
    rows, columns = linear_sum_assignment(np.minimum(apart, limit_mm + 1))
    return {int(i): int(k) for i, k in zip(rows, columns, strict=True) if apart[i, k] <= limit_mm}
