"""What the models of earlier stages found in a scan, as what samples of a later stage are cropped by."""

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
"""A landmark found farther than this from every vertebra belongs to none."""


def found_spine(found: Findings, labelled: LabelledPoints, grid: Grid) -> tuple[list[int], list[int]]:
    """First voxel and shape, in ``labelled.image``, of where a landmark network looks after such findings.

    found: with a heatmap or a detection, on the scan's own grid. grid: all of the scan, upright, of which the labelled
    image is a part. Where no spine was found, that is everywhere, as when the network is run.
    Raises: ValueError where no labelled part of the scan is looked at.
    """
    maps = {name: getattr(found, name) for name in ("heatmap", "detection")}
    there = {name: resample(seen, grid) for name, seen in maps.items() if seen is not None}
    if not there:
        raise ValueError(f"A spine is told by a heatmap or a detection. Received: neither in {found.case_id}.")
    region = spine_region(grid, there.get("heatmap"), there.get("detection"), NEAR_SPINE_MM)
    low = np.rint(labelled.image.grid.to_index(grid.to_mm(first_of(region)))).astype(int)
    box = within(low, low + size_of(region), labelled.image.grid.shape)
    if not min(size_of(box)):
        raise ValueError("The spine that was found lies beyond the labelled part of the scan.")
    return list(first_of(box)), list(size_of(box))


def nearest_found(true_mm: ArrayLike, found_mm: ArrayLike) -> NDArray[np.int_]:
    """For each true landmark (N, 3) the number of the one found that is its own (N,), -1 where none is.

    That is the nearest, if it has no nearer true one itself and is not far off: what was found is at most one
    vertebra's, whatever its name.
    """
    true, found = (np.asarray(points, float).reshape(-1, 3) for points in (true_mm, found_mm))
    if not len(true) or not len(found):
        return np.full(len(true), -1)
    apart = np.linalg.norm(true[:, None] - found[None], axis=-1)
    nearest = apart.argmin(axis=1)
    own = (apart.argmin(axis=0)[nearest] == np.arange(len(true))) & (apart.min(axis=1) <= MOST_APART_MM)
    return np.where(own, nearest, -1)
