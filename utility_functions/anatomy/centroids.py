"""Centroids of vertebral bodies computed from a label map, for ground truth that has masks and no landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import LEVELS, TOTALSEGMENTATOR_IDS, VERSE_IDS, anatomical_order
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

LABEL_CODES: Mapping[str, Mapping[str, int] | None] = MappingProxyType(
    {
        "verse": VERSE_IDS,
        "spineps": VERSE_IDS,  # and other structures from 29 on: discs 101.., endplates 201..
        "totalsegmentator": TOTALSEGMENTATOR_IDS,
        "spider": None,  # 1.. from the bottom, 100 the canal, 201.. discs
        "csi2014": None,  # 100, 200, .. in order
    }
)
"""The codes that label maps are written in, by name; None where a code counts vertebrae and tells no levels."""

# What is thinner than this fraction of the thickest place is arch or process, not body (measured: see body_centre).
BODY_THICKNESS_RATIO = 0.6
# Masks finer than this are thinned out first.
FINEST_SPACING_MM = 0.7


class UnknownLevels(ValueError):
    """The numbers of a label map do not determine which levels they are."""


def coded_centroids(label_map: LabelMap, code: str = "verse") -> Landmarks:
    """``body_centroids`` of a map written in one of LABEL_CODES.

    Raises: UnknownLevels where the code has no levels, and where a map declared as VerSe's holds other labels.
    """
    if code not in LABEL_CODES:
        raise ValueError(f"The code of a label map is one of {', '.join(LABEL_CODES)}. Received: {code!r}.")
    ids = LABEL_CODES[code]
    if ids is None:
        order = "from the bottom" if code == "spider" else "in order"
        raise UnknownLevels(f"The label map numbers vertebrae {order}; levels are unknown. Received: code {code}.")
    require_known_labels(label_map, code)
    return body_centroids(label_map, ids)


def require_known_labels(label_map: LabelMap, code: str) -> None:
    """Raises: UnknownLevels where a map declared as VerSe's holds labels that are not in VerSe's code."""
    if code == "verse":
        others = sorted(set(np.unique(label_map.voxels).tolist()) - {0, *VERSE_IDS.values()})
        if others:
            raise UnknownLevels(
                "The label map holds labels that VerSe's code does not know; name its code in the column label_code of "
                f"a manifest ({', '.join(LABEL_CODES)}). Received: {', '.join(map(str, others[:5]))}"
                f"{', ...' if len(others) > 5 else ''}."
            )


def label_names(label_map: LabelMap, ids: Mapping[str, int] = VERSE_IDS) -> tuple[str, ...]:
    """The levels that have at least one voxel, from the top down. ``ids`` is the code the map is written in."""
    numbers = set(np.unique(label_map.voxels).tolist())
    return tuple(sorted((name for name in _levels(ids) if ids[name] in numbers), key=anatomical_order))


def body_centroids(label_map: LabelMap, ids: Mapping[str, int] = VERSE_IDS) -> Landmarks:
    """The centre of the vertebral body of each labelled level, in RAS+ mm, from the top down.

    ids: name -> label. The numbers of a map do not determine its code, so the caller gives it.
    C1, which has no body, is the mean of its mask, as in VerSe. A level truncated by the field of view gives the centre
    of its visible part. The same scan stored in another orientation gives the same points.
    """
    wanted = _levels(ids)
    boxes = ndimage.find_objects(label_map.voxels, max_label=max(wanted.values(), default=0))
    names, points = [], []
    for name in sorted(wanted, key=anatomical_order):
        box = boxes[wanted[name] - 1]
        if box is None:
            continue
        # one orientation for all, so that rounding falls the same way however the map is stored
        part = label_map.window([axis.start for axis in box], [axis.stop - axis.start for axis in box]).reoriented(
            "RAS"
        )
        mask = part.voxels == wanted[name]
        centre = _mean_index(mask) if name == "C1" else body_centre(mask, part.grid.spacing_mm)
        names.append(name)
        points.append(part.grid.to_mm(centre))
    return Landmarks(tuple(names), np.array(points).reshape(-1, 3))


def body_centre(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Index (3,) of the centre of the thickest part of a mask: the mask opened by 0.6 of its largest inner radius.

    On 21 manual VerSe masks (C2 to L5) it lies 0.6 mm from the annotated centre in the mean and 1.8 mm at most; the
    mean of the mask lies 11.6 mm away.
    """
    step = np.maximum(np.floor(FINEST_SPACING_MM / np.asarray(spacing_mm)), 1).astype(int)
    thinned = mask[:: step[0], :: step[1], :: step[2]]
    if not thinned.any():
        step, thinned = np.ones(3, int), mask
    spacing = step * np.asarray(spacing_mm)
    solid = ndimage.binary_fill_holes(np.pad(thinned, 1))
    depth_mm = ndimage.distance_transform_edt(solid, sampling=spacing)
    radius_mm = BODY_THICKNESS_RATIO * depth_mm.max()
    parts, count = ndimage.label(depth_mm >= radius_mm)
    weights = ndimage.sum_labels(depth_mm, parts, np.arange(1, count + 1))
    core = parts == 1 + int(np.argmax(weights))
    body = solid & (ndimage.distance_transform_edt(~core, sampling=spacing) <= radius_mm)
    return (_mean_index(body) - 1) * step


def _levels(ids: Mapping[str, int]) -> dict[str, int]:
    return {name: int(number) for name, number in ids.items() if name in LEVELS and number > 0}


def _mean_index(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array([np.mean(places) for places in np.nonzero(mask)])
