"""Which scans may be one patient's, by their bodies alone, since data sets of keypoints name no patients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.geometry.landmarks import Landmarks

ALIKE_MM, LEAST_ALIKE = 2.0, 4


def alike(spines: Sequence[Landmarks]) -> NDArray[np.int_]:
    """A number per scan (N,), the same for those whose bodies are spaced alike to 2 mm, wherever they lie.

    spines: the true bodies of each scan, in RAS+ mm. At least four steps, and all that two scans share, must agree.
    """
    steps: dict[tuple[str, str], list[tuple[int, NDArray[np.float64]]]] = {}
    levels = []
    for scan, spine in enumerate(spines):
        names = sorted(spine.only(LEVELS).names, key=anatomical_order)
        pairs = list(pairwise(names))
        levels.append(set(pairs))
        for pair in pairs:
            steps.setdefault(pair, []).append((scan, spine.point(pair[1]) - spine.point(pair[0])))
    agreeing: dict[tuple[int, int], int] = {}
    for seen in steps.values():
        for i, k in cKDTree(np.array([step for _, step in seen])).query_pairs(ALIKE_MM):
            both = (seen[i][0], seen[k][0])
            agreeing[both] = agreeing.get(both, 0) + 1
    same = [(a, b) for (a, b), n in agreeing.items() if n >= max(LEAST_ALIKE, len(levels[a] & levels[b]))]
    rows, columns = np.array(same, int).reshape(-1, 2).T
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(spines), len(spines)))
    return np.asarray(connected_components(links, directed=False)[1], int)
