"""Exclusion of neighbouring bodies from a mask, where their centroids are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import VoxelPoint, largest_piece

BODY_MM, ENCLOSED_BODY_MM = 18.0, 25.0
"""Voxels this near to a known centroid, and farther from the mask's own, belong to that body.

BODY_MM holds for any known body, ENCLOSED_BODY_MM for one whose centroid lies in the mask: the mask then holds most of
the body."""


def without_neighbouring_bodies(
    piece: NDArray[np.bool_],
    places: NDArray[np.float64],
    target: VoxelPoint | None,
    spacing_mm: NDArray[np.float64],
    sign: int,
) -> NDArray[np.bool_]:
    """The mask ``piece`` (patch) without the bodies of other vertebrae than its own.

    Its own is the target, if the mask holds its centroid, else the first known one in it, in the direction of
    traversal.
    places: known centroids of bodies (n, 3), and target: that of the vertebra to segment (3,), in voxels of the patch.
    sign: of the direction of traversal along the third axis.
    """
    nearest = np.rint(places).astype(int)
    is_inside = (nearest >= 0).all(axis=1) & (nearest < piece.shape).all(axis=1)
    inside = np.flatnonzero(is_inside)[piece[tuple(nearest[is_inside].T)]]
    if not len(inside) or len(places) < 2:
        return piece
    own = inside[np.argmax(-sign * places[inside, 2])]
    if target is not None:
        own = next((place for place in inside if np.allclose(places[place], target)), own)
    voxels = np.argwhere(piece)
    away_mm = np.linalg.norm((voxels[:, None] - places) * spacing_mm, axis=2)  # (voxels, known)
    reach_mm = np.where(np.isin(np.arange(len(places)), inside), ENCLOSED_BODY_MM, BODY_MM)
    others = (away_mm < away_mm[:, [own]]) & (away_mm < reach_mm)
    excluded = voxels[others.any(axis=1)]
    retained = piece.copy()
    retained[tuple(excluded.T)] = False
    return largest_piece(retained)
