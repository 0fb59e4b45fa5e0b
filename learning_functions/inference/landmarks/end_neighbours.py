"""Vertebrae next above and below the named ones that nobody named, such as truncated ones: where votes gather there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.landmarks.panoptic_maps import PanopticMaps
from utility_functions.anatomy.labels import USUAL_VERTEBRAE, anatomical_order
from utility_functions.anatomy.vote_clusters import vote_centres
from utility_functions.geometry.landmarks import Landmarks

STEPS = (0.6, 1.5)
"""The next vertebra lies this far from the last named one, in parts of the last step between named ones."""
LEAST_COSINE = 0.8
"""The way there goes on as the last step did."""


def end_neighbours(maps: PanopticMaps, named: Landmarks, threshold: float) -> Landmarks:
    """The next vertebra above the first and below the last of ``named``, at the centres that their voxels vote for.

    threshold: the least probability of vertebra of the voxels that vote. Centres may lie out of the scan. Usual spines
    are assumed: L5 has none below.
    """
    known = sorted((name for name in named.names if name in USUAL_VERTEBRAE), key=anatomical_order)
    if len(known) < 2:
        return Landmarks.empty()
    vertebra = maps.vertebra
    where = np.nonzero(vertebra >= threshold)
    centres = vote_centres(maps.votes_mm(where), vertebra[where] * maps.grid.voxel_volume_mm3)
    found: dict[str, NDArray[np.float64]] = {}
    for end, before, way in ((known[0], known[1], -1), (known[-1], known[-2], 1)):
        place = USUAL_VERTEBRAE.index(end) + way
        if not 0 <= place < len(USUAL_VERTEBRAE) or USUAL_VERTEBRAE[place] in named.names:
            continue
        step = named.point(end) - named.point(before)
        away = centres - named.point(end)
        length, usual = np.linalg.norm(away, axis=1), float(np.linalg.norm(step))
        along = away @ step / np.maximum(length * usual, 1e-9)
        right = np.flatnonzero((length > STEPS[0] * usual) & (length < STEPS[1] * usual) & (along > LEAST_COSINE))
        if len(right):
            found[USUAL_VERTEBRAE[place]] = centres[right[0]]  # the strongest
    return Landmarks(tuple(found), np.array(list(found.values())).reshape(-1, 3))
