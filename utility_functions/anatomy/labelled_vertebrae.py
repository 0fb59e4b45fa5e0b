"""The vertebrae of a label map in anatomical order, in any code, and which are truncated by the field of view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.centroids import LABEL_CODES, UnknownLevels, require_known_labels
from utility_functions.anatomy.labels import VERTEBRAE, anatomical_order
from utility_functions.anatomy.spine_sizes import are_neighbours
from utility_functions.geometry.volume import LabelMap

SPIDER_PARTIAL = 100
"""SPIDER adds this to the number of a truncated vertebra; 100 alone is the canal, and discs start at 201."""
CSI2014_STEP = 100


@dataclass(frozen=True)
class Labelled:
    """One vertebra of a label map.

    label: its number in the map. name: its level, "" where the code has no levels. place: its position in the code's
    count, so that a gap shows. whole: whether it lies completely within the field of view.
    """

    label: int
    name: str
    place: int
    whole: bool


def vertebrae_in_order(label_map: LabelMap, code: str) -> tuple[Labelled, ...]:
    """The free vertebrae that have at least one voxel, from the top down; sacrum, discs and canal are left out.

    A vertebra that touches the border of the map is not whole. SPIDER counts from the bottom; CSI 2014 counts in an
    order that follows from the positions of the vertebrae.
    Raises: UnknownLevels where the map holds numbers that are none of its code's.
    """
    require_known_labels(label_map, code)
    numbers = [int(number) for number in np.unique(label_map.voxels) if number > 0]
    cut = _on_the_border(label_map.voxels)
    ids = LABEL_CODES[code]
    if ids is not None:
        names = {ids[name]: name for name in VERTEBRAE if name in ids}
        known = sorted(
            (number for number in numbers if number in names), key=lambda each: anatomical_order(names[each])
        )
        return tuple(Labelled(each, names[each], anatomical_order(names[each]), each not in cut) for each in known)
    if code == "spider":
        counted = [each for each in numbers if each < 2 * SPIDER_PARTIAL and each % SPIDER_PARTIAL]
        counted.sort(key=lambda each: -(each % SPIDER_PARTIAL))
        return tuple(
            Labelled(each, "", -(each % SPIDER_PARTIAL), each < SPIDER_PARTIAL and each not in cut) for each in counted
        )
    if others := [each for each in numbers if each % CSI2014_STEP]:
        raise UnknownLevels(
            f"Label maps of the code {code} number vertebrae {CSI2014_STEP}, {2 * CSI2014_STEP}, and so on. "
            f"Received: {', '.join(map(str, others[:5]))}."
        )
    heights = {each: _height_mm(label_map, each) for each in numbers}
    downwards = sorted(numbers, key=lambda each: -heights[each])
    sign = -1 if len(numbers) > 1 and downwards[0] > downwards[-1] else 1
    return tuple(Labelled(each, "", sign * each // CSI2014_STEP, each not in cut) for each in downwards)


def contiguous_segments(vertebrae: Sequence[Labelled]) -> list[tuple[Labelled, ...]]:
    """The contiguous labelled segments: the vertebrae, split where one between two neighbours is not labelled."""
    runs: list[list[Labelled]] = [[each] for each in vertebrae[:1]]
    for upper, lower in pairwise(vertebrae):
        adjoin = are_neighbours(upper.name, lower.name) if upper.name else lower.place - upper.place == 1
        if adjoin:
            runs[-1].append(lower)
        else:
            runs.append([lower])
    return [tuple(run) for run in runs]


def is_top(vertebra: Labelled) -> bool:
    """Whether no vertebra can lie above."""
    return vertebra.name == "C1"


def is_bottom(vertebra: Labelled, label_map: LabelMap, code: str) -> bool:
    """Whether no free vertebra can lie below: the last lumbar one, or SPIDER's first."""
    ids = LABEL_CODES[code]
    if ids is None:
        return code == "spider" and vertebra.label % SPIDER_PARTIAL == 1
    sacrum = [ids[name] for name in ("sacrum", "S1") if name in ids]
    return vertebra.name in ("L5", "L6") or (vertebra.name == "L4" and bool(np.isin(label_map.voxels, sacrum).any()))


def _on_the_border(voxels: NDArray[np.integer]) -> set[int]:
    """The labels on the six faces of an array."""
    faces = [np.take(voxels, place, axis) for axis in range(3) for place in (0, -1)]
    return {int(number) for face in faces for number in np.unique(face)}


def _height_mm(label_map: LabelMap, label: int) -> float:
    return float(label_map.grid.to_mm(np.argwhere(label_map.voxels == label).mean(axis=0))[2])
