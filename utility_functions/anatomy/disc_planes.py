"""Planes of discs, which separate the bodies above and below them even where a map of classes joins the bodies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.structures import DISC
from utility_functions.geometry.boxes import within
from utility_functions.geometry.volume import LabelMap

LEAST_MM3 = 300.0
FLATTEST, STEEPEST = 0.6, 0.5
"""A disc is flat: its thickness is at most this fraction of its depth. It lies across the spine: the upward component
of its normal is at least this much."""
REACH = 1.4
"""How far the plane of a disc separates bodies, in half widths of the disc along each of its axes."""


def disc_planes(structures: LabelMap) -> NDArray[np.bool_]:
    """The voxels on the middle planes of discs, extended a little beyond the rims of the discs.

    structures: codes of anatomy/structures.py, stored with its third axis upwards. Components that are no disc by
    their size, flatness and tilt are ignored.
    """
    spacing = np.asarray(structures.grid.spacing_mm)
    shape = structures.grid.shape
    found = np.zeros(shape, bool)
    pieces, _ = ndimage.label(structures.voxels == DISC, ndimage.generate_binary_structure(3, 1))
    for piece, box in enumerate(ndimage.find_objects(pieces), start=1):
        first = np.array([axis.start for axis in box])
        points_mm = (np.argwhere(pieces[box] == piece) + first) * spacing
        if len(points_mm) * structures.grid.voxel_volume_mm3 < LEAST_MM3:
            continue
        centre = points_mm.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov((points_mm - centre).T))
        half_mm = 2 * np.sqrt(np.maximum(variances, 1e-6))  # of an ellipse along its own axes
        normal = axes[:, 0]
        if half_mm[0] > FLATTEST * half_mm[1] or abs(normal[2]) < STEEPEST:
            continue
        reach_mm = REACH * half_mm[2]
        low = np.floor((centre - reach_mm) / spacing).astype(int)
        high = np.ceil((centre + reach_mm) / spacing).astype(int) + 1
        around = within(low, high, shape)
        places = (np.arange(axis.start, axis.stop) * step for axis, step in zip(around, spacing, strict=True))
        grids = np.meshgrid(*places, indexing="ij")
        away = np.stack(grids, axis=-1) - centre
        thin_mm = 0.75 * float(np.abs(normal) @ spacing)  # a plane of voxels without holes
        near = np.abs(away @ normal) <= thin_mm
        inside = sum(np.square(away @ axes[:, axis] / (REACH * half_mm[axis])) for axis in (1, 2)) <= 1
        found[around] |= near & inside
    return found
