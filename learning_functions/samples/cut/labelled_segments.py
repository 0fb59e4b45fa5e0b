"""Contiguous labelled segments of a spine, from which samples of the iterative segmenter are cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.samples.cut.sources import place_image, place_tissues
from learning_functions.spec import OUTSIDE, Spec, padding_value_of
from utility_functions.anatomy.centroids import body_centre
from utility_functions.anatomy.labelled_vertebrae import (
    Labelled,
    contiguous_segments,
    is_bottom,
    is_top,
    vertebrae_in_order,
)
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

DIRECTIONS = ("up", "down")
BORDER_MM = 6.0
MOST_EXTRA_WEIGHT = 8.0
REACH_MM = 20.0
"""Farther than this from a border, weights are 1 to float precision."""
STEPS = 255
BODY_CORE_MM = 6.0
"""Voxels this near to the centre of a body, across the scan's third axis, determine the body's height."""


@dataclass(frozen=True, eq=False)
class LabelledSegment:
    """A part of a scan without unlabelled vertebrae, on the upright grid of a spec.

    order: 1, 2, .. from the top down at the voxels of ``vertebrae``, 0 elsewhere. padding: the padding value.
    """

    image: Volume
    order: LabelMap
    tissues: LabelMap | None
    vertebrae: tuple[Labelled, ...]
    padding: float

    @cached_property
    def _boxes(self) -> list[tuple[slice, ...]]:
        return list(ndimage.find_objects(self.order.voxels, max_label=len(self.vertebrae)))

    def voxels_of(self, place: int) -> NDArray[np.int_]:
        """The indices (n, 3) of the voxels of vertebra number ``place``, counted from 1 at the top."""
        box = self._boxes[place - 1]
        inside = np.argwhere(self.order.voxels[box] == place)
        return np.asarray(inside + [axis.start for axis in box])

    def landmark_mm(self, place: int, landmarks: Landmarks | None) -> NDArray[np.float64]:
        """The annotated landmark of a vertebra, else the centre of its body, or for C1 of all of it; RAS+ mm (3,)."""
        vertebra = self.vertebrae[place - 1]
        if landmarks is not None and vertebra.name and vertebra.name in landmarks:
            return landmarks.point(vertebra.name)
        where = self.voxels_of(place)
        first, last = where.min(axis=0), where.max(axis=0)
        mask = self.order.window(first, last - first + 1).voxels == place
        is_ring = vertebra.name == "C1"
        centre = where.mean(axis=0) if is_ring else first + body_centre(mask, self.order.grid.spacing_mm)
        return self.order.grid.to_mm(centre)

    @cached_property
    def _weighed(self) -> dict[int, LabelMap]:
        return {}

    def weights_near(self, place: int) -> LabelMap:
        """``border_steps`` of one vertebra, in a box round it; outside the box they are 0."""
        if place not in self._weighed:
            spacing = self.order.grid.spacing_mm
            box = self._boxes[place - 1]
            edge = np.ceil(REACH_MM / np.asarray(spacing)).astype(int)
            first = np.array([axis.start for axis in box]) - edge
            size = np.array([axis.stop - axis.start for axis in box]) + 2 * edge
            near = self.order.window(first, size)
            self._weighed[place] = near.with_voxels(border_steps(near.voxels == place, spacing))
        return self._weighed[place]


def border_steps(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.uint8]:
    """How near each voxel is to the border of a mask: 255 exp(-d^2 / 6^2), d in mm to the nearest voxel on it.

    Voxels of the mask with a neighbour outside are its border; an empty mask has none, and all are 0.
    """
    border = mask & ~ndimage.binary_erosion(mask)
    if not border.any():
        return np.zeros(mask.shape, np.uint8)
    distance_mm = ndimage.distance_transform_edt(~border, sampling=spacing_mm)
    return np.rint(STEPS * np.exp(-np.square(distance_mm / BORDER_MM))).astype(np.uint8)


def labelled_segments(scan: Scan, spec: Spec) -> list[LabelledSegment]:
    """The contiguous labelled segments of a scan, from the top down.

    A segment is cropped along the third axis to the bodies of its first and last labelled vertebrae, so that unlabelled
    vertebrae do not become background (a neighbour's processes beside these bodies stay). A vertebra whose own
    processes are cropped is not whole. Above C1 and below the last lumbar vertebra the scan is not cropped: the network
    must learn to exclude the sacrum.
    Raises: ValueError where there is no label map, no vertebra in it, or no anatomical order of the labels.
    """
    code = scan.case.label_code
    if scan.label_map is None:
        raise ValueError("Instances are learnt from label maps. Received: no label map.")
    vertebrae = vertebrae_in_order(scan.label_map, code)
    image = place_image(scan, spec)
    tissues = place_tissues(scan, image.grid)
    labels = resample(scan.label_map, image.grid)
    counts = np.bincount(np.clip(labels.voxels, 0, None).ravel())
    vertebrae = tuple(each for each in vertebrae if each.label < len(counts) and counts[each.label])
    if not vertebrae:
        raise ValueError("No vertebra lies inside the image.")
    padding = padding_value_of(image.voxels)
    found = []
    for run in contiguous_segments(vertebrae):
        table = np.zeros(len(counts), np.uint8)
        table[[each.label for each in run]] = np.arange(len(run)) + 1
        order = LabelMap(table[np.clip(labels.voxels, 0, None)], image.grid)
        low, high = 0, image.grid.shape[2]
        if not is_top(run[0]):
            high = body_ends(order, 1)[1]
            run = (_truncated(run[0], bool((order.voxels[:, :, high:] == 1).any())), *run[1:])
        if not is_bottom(run[-1], scan.label_map, code):
            low = min(body_ends(order, len(run))[0], high - 1)
            run = (*run[:-1], _truncated(run[-1], bool((order.voxels[:, :, :low] == len(run)).any())))
        box = (0, 0, low), (*image.grid.shape[:2], high - low)
        codes = None if tissues is None else tissues.window(*box, fill=OUTSIDE)
        kept = order.window(*box)
        sizes = np.bincount(kept.voxels.ravel(), minlength=len(run) + 1)[1:]
        if gone := [each.name or str(each.label) for each, count in zip(run, sizes, strict=True) if not count]:
            raise ValueError(f"Labels are not in anatomical order from the top down. Received: {', '.join(gone)}.")
        found.append(LabelledSegment(image.window(*box), kept, codes, run, padding))
    return found


def body_ends(order: LabelMap, place: int) -> tuple[int, int]:
    """The lowest slice of the body of vertebra number ``place``, and the one above its highest."""
    where = np.argwhere(order.voxels == place)
    first = where.min(axis=0)
    box = order.window(first, where.max(axis=0) - first + 1)
    centre = body_centre(box.voxels == place, order.grid.spacing_mm) + first
    beside_mm = np.linalg.norm((where - centre)[:, :2] * np.asarray(order.grid.spacing_mm)[:2], axis=1)
    near = where[beside_mm <= max(BODY_CORE_MM, float(beside_mm.min()))][:, 2]
    return int(near.min()), int(near.max()) + 1


def _truncated(vertebra: Labelled, is_truncated: bool) -> Labelled:
    return replace(vertebra, whole=False) if is_truncated else vertebra


def memory_of(
    order: NDArray[np.uint8], place: int | None, direction: str, neighbour_only: bool = False
) -> NDArray[np.uint8]:
    """1 in the vertebrae traversed before vertebra number ``place`` (None: all vertebrae), 0 elsewhere.

    direction: "down" has traversed all above, "up" all below. neighbour_only: memory holds the neighbour alone.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"A spine is traversed {' or '.join(DIRECTIONS)}. Received: {direction!r}.")
    if place is None:
        passed = order > 0
    elif neighbour_only:
        passed = (order > 0) & (order == place + (1 if direction == "up" else -1))
    else:
        passed = (order > 0) & ((order > place) if direction == "up" else (order < place))
    return passed.astype(np.uint8)
