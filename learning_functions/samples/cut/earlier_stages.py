"""The findings of earlier stages that crop the samples of a later stage."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.samples.cut.labelled_points import LabelledPoints
from utility_functions.anatomy.heatmaps import NEAR_SPINE_MM, spine_region
from utility_functions.geometry.boxes import first_of, size_of, within
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.records.findings import Findings

MOST_APART_MM = 20.0
"""A found landmark farther than this from every vertebra is a false positive."""


def found_spine(found: Findings, labelled: LabelledPoints, grid: Grid) -> tuple[list[int], list[int]]:
    """First voxel and shape, in ``labelled.image``, of the region in which a landmark network searches.

    found: with a heatmap or a detection, on the scan's own grid. grid: of the whole upright scan; the labelled image is
    a part of it. Where the findings hold no spine, the region is everything, as in inference.
    Raises: ValueError where the region holds no labelled part of the scan.
    """
    maps = {name: getattr(found, name) for name in ("heatmap", "detection")}
    resampled = {name: resample(each, grid) for name, each in maps.items() if each is not None}
    if not resampled:
        raise ValueError(f"A spine is found by a heatmap or a detection. Received: neither in {found.case_id}.")
    region = spine_region(grid, resampled.get("heatmap"), resampled.get("detection"), NEAR_SPINE_MM)
    low = np.rint(labelled.image.grid.to_index(grid.to_mm(first_of(region)))).astype(int)
    box = within(low, low + size_of(region), labelled.image.grid.shape)
    if not min(size_of(box)):
        raise ValueError("The spine that was found lies outside the labelled part of the scan.")
    return list(first_of(box)), list(size_of(box))


def nearest_found(true_mm: ArrayLike, found_mm: ArrayLike) -> NDArray[np.int_]:
    """For each true landmark (N, 3) the number of the found landmark that matches it (N,), -1 where none does.

    The nearest one matches if it has no nearer true landmark itself and is within MOST_APART_MM. A found landmark
    matches at most one vertebra, whatever its name.
    """
    true, found = (np.asarray(points, float).reshape(-1, 3) for points in (true_mm, found_mm))
    if not len(true) or not len(found):
        return np.full(len(true), -1)
    apart = np.linalg.norm(true[:, None] - found[None], axis=-1)
    nearest = apart.argmin(axis=1)
    own = (apart.argmin(axis=0)[nearest] == np.arange(len(true))) & (apart.min(axis=1) <= MOST_APART_MM)
    return np.where(own, nearest, -1)
