"""A mask gives up what belongs to the bodies of other vertebrae, where their centroids are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import VoxelPoint, largest_piece

BODY_MM, ENCLOSED_BODY_MM = 18.0, 25.0
"""What lies this near to a known centroid, and farther from the own one, is of that body: of any known one, and of one
labels centroid lies in the mask, which then holds most of its body."""


def without_neighbouring_bodies(
    piece: NDArray[np.bool_],
    places: NDArray[np.float64],
    target: VoxelPoint | None,
    spacing_mm: NDArray[np.float64],
    sign: int,
) -> NDArray[np.bool_]:
    """The piece (patch) without what belongs to the bodies of other vertebrae than the one meant, if that is in it, or
    else than the first known one in it.

    places: centroids known of bodies (n, 3), and that of the vertebra meant (3,), in voxels of the patch.
    sign: of the third axis in the direction of traversal, which comes to the first one first.
    """
    nearest = np.rint(places).astype(int)
    shown = (nearest >= 0).all(axis=1) & (nearest < piece.shape).all(axis=1)
    inside = np.flatnonzero(shown)[piece[tuple(nearest[shown].T)]]
    if not len(inside) or len(places) < 2:
        return piece
    own = inside[np.argmax(-sign * places[inside, 2])]
    if target is not None:
        own = next((place for place in inside if np.allclose(places[place], target)), own)
    voxels = np.argwhere(piece)
    away_mm = np.linalg.norm((voxels[:, None] - places) * spacing_mm, axis=2)  # (voxels, known)
    reach_mm = np.where(np.isin(np.arange(len(places)), inside), ENCLOSED_BODY_MM, BODY_MM)
    others = (away_mm < away_mm[:, [own]]) & (away_mm < reach_mm)
    unrefined = voxels[others.any(axis=1)]
    kept = piece.copy()
    kept[tuple(unrefined.T)] = False
    return largest_piece(kept)
