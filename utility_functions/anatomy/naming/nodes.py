"""Detections as rows of numbers for a network: one node per body, with its pedicles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.naming.evidence import own_pedicles
from utility_functions.anatomy.naming.ordering import along_the_spine
from utility_functions.anatomy.naming.pedicle_places import PediclePlaces

UNITS = 10_000
"""Nodes are whole numbers: probabilities in 1/10000, and positions in 0.1 mm, 10000 of which are a metre."""
CHANNELS = 15
PRESENT, PLACE, REGIONS, LEFT, RIGHT = 0, slice(1, 4), slice(4, 7), slice(7, 11), slice(11, 15)
"""What the numbers of a node are: whether there is one; its place from the middle of all; probabilities of cervical,
thoracic and lumbar (all 0: unknown); and per pedicle whether it was found, and its place from the body."""


def nodes_of(
    points_mm: ArrayLike,
    probabilities: ArrayLike | None = None,
    pedicles_mm: tuple[ArrayLike, ArrayLike] | None = None,
    places: PediclePlaces | None = None,
) -> tuple[NDArray[np.int16], NDArray[np.int_]]:
    """Nodes (N, CHANNELS) of bodies from the top of the spine down, and the order in which they were given.

    points_mm: (N, 3) in RAS+ mm, in any order.  probabilities: (N, 3) of cervical, thoracic and lumbar, NaN where
    unknown.  pedicles_mm: left and right ones, (any number, 3) each; each belongs to the body that it fits best, by the
    fitted ``places`` where these are given and all regions are known.
    """
    points = np.asarray(points_mm, float).reshape(-1, 3)
    regions = np.zeros_like(points) if probabilities is None else np.asarray(probabilities, float).reshape(-1, 3)
    found = np.full((2, *points.shape), np.nan)
    if (
        pedicles_mm is not None
        and places is not None
        and (np.isfinite(regions).all(axis=1) & regions.any(axis=1)).all()
    ):
        found = places.own(points, regions, *pedicles_mm)
    elif pedicles_mm is not None:
        found = own_pedicles(points, *pedicles_mm)
    nodes = np.zeros((len(points), CHANNELS))
    nodes[:, PRESENT] = 1.0
    middle = (points.min(axis=0) + points.max(axis=0)) / 2 if len(points) else np.zeros(3)
    nodes[:, PLACE] = (points - middle) / 1000
    nodes[:, REGIONS] = np.nan_to_num(regions)
    for side, own in zip((LEFT, RIGHT), found, strict=True):
        there = np.isfinite(own).all(axis=1)
        nodes[there, side] = np.column_stack([np.ones(there.sum()), (own - points)[there] / 1000])
    order = along_the_spine(points)
    whole = np.clip(np.rint(nodes[order] * UNITS), -32768, 32767)
    return whole.astype(np.int16), order
