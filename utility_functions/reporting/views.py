"""Flat views of a scan along its spine, as arrays: sagittal and coronal planes bent to follow the vertebrae.

Radiological convention: the sagittal view has anterior on the left, the coronal one the patient's right on the left;
both have superior at the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume

FloatArray = NDArray[np.float64]

MAX_PIXELS = 900
SLAB_MM = (-1.5, 0.0, 1.5)
BONE_HU = 150.0
# Fraction of the bone pixels of the middle plane that lie in front of the middle of the bodies.
IN_FRONT = 0.35
# A landmark this far outside the scan does not bend the planes.
OUTSIDE_MM = 15.0


@dataclass(frozen=True, eq=False)
class View:
    """A plane bent along the spine, seen flat.

    pixels: (rows, columns) intensities, NaN outside the scan; row 0 is the most superior.
    labels: (rows, columns) label of each pixel, or None.
    extent_mm: world position of the left, right, bottom and top edge. Left is above right, as both world axes
        (anterior, right) run to the viewer's left.
    axis: the world axis that runs horizontally: 0 (coronal) or 1 (sagittal).
    edges: letters at the left, right, top and bottom edge.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.integer] | None
    extent_mm: tuple[float, float, float, float]
    axis: int
    edges: tuple[str, str, str, str]

    def flat(self, points_mm: ArrayLike) -> FloatArray:
        """Horizontal and vertical position (N, 2) in mm of world points (N, 3), in the frame of ``extent_mm``."""
        return np.asarray(points_mm, np.float64).reshape(-1, 3)[:, [self.axis, 2]]

    def pixel_of(self, points_mm: ArrayLike) -> NDArray[np.int_]:
        """Row and column (N, 2) of the pixels in which world points (N, 3) are shown; they may lie outside."""
        left, right, bottom, top = self.extent_mm
        rows, columns = self.pixels.shape
        across, height = self.flat(points_mm).T
        return np.floor(
            np.stack([(top - height) / (top - bottom) * rows, (left - across) / (left - right) * columns], axis=-1)
        ).astype(int)

    def shows(self, points_mm: ArrayLike) -> NDArray[np.bool_]:
        """Which world points (N, 3) fall inside the picture."""
        place = self.pixel_of(points_mm)
        return np.asarray(((place >= 0) & (place < self.pixels.shape)).all(axis=-1))


def sagittal_view(volume: Volume, course_mm: FloatArray, label_map: LabelMap | None = None) -> View:
    """The sagittal plane whose left-right position follows ``course_mm`` (see ``spine_course``) from row to row."""
    return _view(volume, course_mm, label_map, axis=1, edges=("A", "P", "S", "I"))


def coronal_view(volume: Volume, course_mm: FloatArray, label_map: LabelMap | None = None) -> View:
    """The coronal plane whose depth follows ``course_mm`` (see ``spine_course``) from row to row."""
    return _view(volume, course_mm, label_map, axis=0, edges=("R", "L", "S", "I"))


def spine_course(volume: Volume, *landmarks: Landmarks | None) -> FloatArray:
    """Points (N, 3) in mm, from inferior to superior, that the planes pass through; at least one.

    The first landmarks given determine the course; later ones only extend it at its ends. Without any near the scan,
    it is one point: in the middle from left to right, and in depth where the bone of the middle plane lies.
    """
    course = np.zeros((0, 3))
    for group in landmarks:
        if group is None or not len(group):
            continue
        points = group.points_mm[volume.grid.contains(group.points_mm, margin_mm=OUTSIDE_MM)]
        if len(course):
            points = points[(points[:, 2] < course[:, 2].min()) | (points[:, 2] > course[:, 2].max())]
        course = np.concatenate([course, points])
    if len(course):
        return course[np.argsort(course[:, 2], kind="stable")]
    corners = volume.grid.corners_mm()
    middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
    view = sagittal_view(volume, middle[None])
    _, columns = np.nonzero(view.pixels > BONE_HU)
    if is_ct(volume) and len(columns):
        left, right, _, _ = view.extent_mm
        middle[1] = left - (np.quantile(columns, IN_FRONT) + 0.5) / view.pixels.shape[1] * (left - right)
    return middle[None]


def is_ct(volume: Volume) -> bool:
    """Whether the intensities look like HU: at least a hundredth of the voxels is far below water."""
    return bool(np.percentile(_some_voxels(volume), 1) < -200)


def window(volume: Volume) -> tuple[float, float]:
    """The intensities shown black and white: -450 to 1050 HU for CT, else the 1st and 99.5th percentile."""
    if is_ct(volume):
        return -450.0, 1050.0
    low, high = (float(value) for value in np.percentile(_some_voxels(volume), (1, 99.5)))
    return low, high if high > low else low + 1.0


def _some_voxels(volume: Volume) -> FloatArray:
    steps = tuple(slice(None, None, max(1, size // 64)) for size in volume.grid.shape)
    voxels = np.asarray(volume.voxels[steps], np.float64)
    finite = voxels[np.isfinite(voxels)]
    return finite if finite.size else np.zeros(1)


def _view(
    volume: Volume, course_mm: FloatArray, label_map: LabelMap | None, axis: int, edges: tuple[str, str, str, str]
) -> View:
    corners = volume.grid.corners_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    size_mm = (high - low)[[2, axis]]
    pixel_mm = max(min(volume.grid.spacing_mm), size_mm.max() / MAX_PIXELS)
    rows, columns = (max(1, round(length / pixel_mm)) for length in size_mm)
    height = high[2] - (np.arange(rows) + 0.5) / rows * size_mm[0]
    across = high[axis] - (np.arange(columns) + 0.5) / columns * size_mm[1]
    depth = 1 - axis
    points = np.empty((rows, columns, 3))
    points[..., 2] = height[:, None]
    points[..., axis] = across
    points[..., depth] = np.interp(height, course_mm[:, 2], course_mm[:, depth])[:, None]
    labels = None if label_map is None else _labels_at(label_map, points)
    extent_mm = (float(high[axis]), float(low[axis]), float(low[2]), float(high[2]))
    return View(_slab_mean(volume, points, depth), labels, extent_mm, axis, edges)


def _slab_mean(volume: Volume, points_mm: FloatArray, depth: int) -> NDArray[np.float32]:
    """Mean over a thin slab across the plane, linear between voxels; NaN where none of it lies in the scan."""
    voxels = volume.voxels
    if voxels.dtype in (np.dtype(bool), np.dtype(np.float16)):  # not known to SciPy's interpolation
        voxels = voxels.astype(np.float32)
    total = np.zeros(points_mm.shape[:2])
    count = np.zeros(points_mm.shape[:2], int)
    for offset_mm in SLAB_MM:
        shifted = points_mm.copy()
        shifted[..., depth] += offset_mm
        index, inside = _index_in(volume, shifted)
        values = ndimage.map_coordinates(voxels, np.moveaxis(index, -1, 0), output=np.float64, order=1, mode="nearest")
        inside &= np.isfinite(values)
        total[inside] += values[inside]
        count += inside
    with np.errstate(invalid="ignore"):
        return (total / np.where(count, count, np.nan)).astype(np.float32)


def _labels_at(label_map: LabelMap, points_mm: FloatArray) -> NDArray[np.integer]:
    index, inside = _index_in(label_map, points_mm)
    x, y, z = np.moveaxis(np.rint(index).astype(int), -1, 0)
    return np.where(inside, label_map.voxels[x, y, z], 0)


def _index_in(volume: Volume, points_mm: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    index = volume.grid.to_index(points_mm)
    last = np.asarray(volume.grid.shape) - 1
    inside = ((index >= -0.5) & (index <= last + 0.5)).all(axis=-1)
    return np.clip(index, 0, last), np.asarray(inside)
