"""Centroids of vertebral bodies computed from a label map, for ground truth that has masks and no landmarks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import (
    LEVELS,
    LUMBAR_IDS,
    TOTALSEGMENTATOR_IDS,
    TOTALSEGMENTATOR_V1_IDS,
    VERSE_IDS,
    anatomical_order,
)
from utility_functions.anatomy.level_places import misplaced_levels
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

log = logging.getLogger(__name__)

LABEL_CODES: Mapping[str, Mapping[str, int] | None] = MappingProxyType(
    {
        "verse": VERSE_IDS,
        "spineps": VERSE_IDS,  # and other structures from 29 on: discs 101.., endplates 201..
        "totalsegmentator": TOTALSEGMENTATOR_IDS,
        "totalsegmentator_v1": TOTALSEGMENTATOR_V1_IDS,
        "lumbar": LUMBAR_IDS,  # 1 to 5, L1 to L5
        "spider": None,  # 1.. from the bottom, 100 the canal, 201.. discs
        "csi2014": None,  # 100, 200, .. in order
    }
)
"""The codes that label maps are written in, by name; None where a code counts vertebrae and tells no levels."""

LABEL_CODE_HELP = "the numbers of the label maps, where neither a manifest nor their names tell (default: VerSe's)"
COMPLETE_CODES = ("verse", "lumbar")
"""Codes of which every label is known; maps in others hold further structures."""
SHOWN = {name: "VerSe's code" if name == "verse" else f"the code {name}" for name in LABEL_CODES}

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
    """Raises: UnknownLevels where a map in one of COMPLETE_CODES holds other labels."""
    ids = LABEL_CODES[code]
    if ids is None or code not in COMPLETE_CODES:
        return
    others = sorted(set(np.unique(label_map.voxels).tolist()) - {0, *ids.values()})
    if others:
        raise UnknownLevels(
            f"The label map holds labels that {SHOWN[code]} does not know; {_advice(label_map, code)} "
            f"Received: {', '.join(map(str, others[:5]))}{', ...' if len(others) > 5 else ''}."
        )


def require_placed_levels(label_map: LabelMap, code: str) -> None:
    """Raises: UnknownLevels where the labels lie as those levels never do (`misplaced_levels`), as of another code.

    VerSe's code is what is taken where none is named; a code that is named is believed, with a warning.
    """
    ids = LABEL_CODES[code]
    misplaced = "" if ids is None else misplaced_levels(label_map, ids)
    if not misplaced:
        return
    if code != "verse":
        log.warning("The label map is hardly in the code %s, as it is said to be: %s.", code, misplaced)
        return
    raise UnknownLevels(
        f"The label map cannot be in {SHOWN[code]}, as {misplaced}; {_advice(label_map, code)} Received: code {code}."
    )


def _advice(label_map: LabelMap, code: str) -> str:
    """What the user can do about the wrong code, with the codes that the labels and their places fit."""
    there = set(np.unique(label_map.voxels).tolist()) - {0}
    fitting = [name for name, known in LABEL_CODES.items() if known and name != code and _fits(label_map, there, name)]
    known = f"it may be {' or '.join(fitting)}" if fitting else ", ".join(LABEL_CODES)
    return f"name its code by --label-code or in the column label_code of a manifest ({known})."


def _fits(label_map: LabelMap, there: set[int], code: str) -> bool:
    """Whether the labels of vertebrae, and where they lie, agree with a code."""
    ids = LABEL_CODES[code]
    if ids is None or (code in COMPLETE_CODES and there - set(ids.values())):
        return False
    levels = there & set(_levels(ids).values())
    return len(levels) > len(there) / 2 and not misplaced_levels(label_map, ids)


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
