"""The overlap of label maps: voxel counts of every pair of labels, and Dice and IoU from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.boxes import Box
from utility_functions.geometry.volume import LabelMap


@dataclass(frozen=True)
class Overlaps:
    """Voxel counts of two label maps on one grid.

    first, second: label -> its voxels. both: (label of the first, label of the second) -> voxels with both, where there
    are any; the second label is 0 for the background of the second map.
    """

    first: Mapping[int, int]
    second: Mapping[int, int]
    both: Mapping[tuple[int, int], int]

    def dice(self, first: int, second: int) -> float | None:
        """Dice of two labels; None where neither has a voxel."""
        return dice(self.both.get((first, second), 0), self.first.get(first, 0), self.second.get(second, 0))

    def iou(self, first: int, second: int) -> float | None:
        """Intersection over union of two labels; None where neither has a voxel."""
        return iou(self.both.get((first, second), 0), self.first.get(first, 0), self.second.get(second, 0))


def overlaps(
    first: LabelMap, second: LabelMap, first_boxes: Mapping[int, Box], second_boxes: Mapping[int, Box]
) -> Overlaps:
    """The overlaps of the labels with a box, each counted inside its own box."""
    first.grid.require_same(second.grid, "Label maps that are compared")
    sizes, both = {}, {}
    for label, box in first_boxes.items():
        under = second.voxels[box][first.voxels[box] == label]
        sizes[label] = int(under.size)
        for other, count in zip(*(part.tolist() for part in np.unique(under, return_counts=True)), strict=True):
            both[label, other] = count
    others = {label: int(np.count_nonzero(second.voxels[box] == label)) for label, box in second_boxes.items()}
    return Overlaps(sizes, others, both)


def label_boxes(label_map: LabelMap, labels: Collection[int] | None = None) -> dict[int, Box]:
    """The bounding box of each of ``labels`` that has a voxel, by label; None: of all labels above 0."""
    most = max(labels, default=0) if labels is not None else int(label_map.voxels.max())
    if most < 1:
        return {}
    voxels: NDArray[Any] = label_map.voxels
    found = ndimage.find_objects(voxels, max_label=most)
    boxes = {label: box for label, box in enumerate(found, start=1) if box is not None}
    return boxes if labels is None else {label: box for label, box in boxes.items() if label in labels}


def dice(both: int, first: int, second: int) -> float | None:
    """2 |A and B| / (|A| + |B|) from voxel counts; None where both masks are empty (Dice 1945)."""
    return 2 * both / (first + second) if first + second else None


def iou(both: int, first: int, second: int) -> float | None:
    """|A and B| / |A or B| from voxel counts; None where both masks are empty (Jaccard 1912)."""
    return both / (first + second - both) if first + second else None
