"""What a scan's view in the browser shows of its voxels: the surroundings of the spine, as compressed NIfTI."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.files.nifti import image_of
from utility_functions.geometry.boxes import part_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.reporting.views import is_ct

MARGIN_MM = (35.0, 45.0, 25.0)
"""How far the view reaches beyond masks and landmarks: to the sides, to front and back, up and down."""
FINEST_MM, USUAL_MM, COARSEST_MM = 0.6, 2.0, 4.0
STEP = 1.2
"""Each try is that much coarser than the one before it."""
MOST_VOXELS = 24_000_000
MOST_BYTES = 21_000_000
"""Of both volumes, compressed: encoded for a page that is 28 MB."""
CT_RANGE_HU = (-1024, 3071)
CT_STEP_HU = 2
"""Noise below this step would double the size of the page."""
MR_VALUES = 2047
COMPRESSION = 5


@dataclass(frozen=True)
class ViewVolumes:
    """Two NIfTI files of one grid, gzipped: the image, and the labels (empty bytes where there are none)."""

    grid: Grid
    image: bytes
    labels: bytes


def view_volumes(
    volume: Volume, label_map: LabelMap | None, landmarks: Landmarks | None, most_bytes: int = MOST_BYTES
) -> ViewVolumes:
    """The surroundings of the spine on an upright grid, as fine as fits; the whole scan where nothing was found.

    label_map: on any grid, with numbers up to 255. The grid is no finer than the scan, nor than FINEST_MM. It is
    coarser than USUAL_MM only where nothing else fits, as of a whole body in which nothing was found.
    """
    low, high = region_mm(volume.grid, label_map, landmarks)
    ct = is_ct(volume)
    for spacing_mm in _spacings(volume.grid):
        last = bool((spacing_mm >= COARSEST_MM).all())
        shape = np.maximum(np.ceil((high - low) / spacing_mm - 1e-6), 1).astype(int)
        if shape.prod() > MOST_VOXELS and not last:
            continue
        grid = Grid.from_spacing(shape, spacing_mm, (low + high) / 2 - (shape - 1) / 2 * spacing_mm)
        padding = CT_RANGE_HU[0] if ct else 0
        image = _compressed(*_few_values(resample(volume, grid, padding).voxels, ct), grid)
        labels = b""
        if label_map is not None:
            labels = _compressed(resample(label_map, grid).voxels.astype(np.uint8), 1.0, grid)
        if last or len(image) + len(labels) <= most_bytes:
            break
    return ViewVolumes(grid, image, labels)


def region_mm(
    grid: Grid, label_map: LabelMap | None, landmarks: Landmarks | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two corners in RAS+ mm of the upright box that is shown of a scan."""
    corners = grid.corners_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    points = [np.zeros((0, 3))]
    if landmarks is not None:
        points.append(landmarks.points_mm[grid.contains(landmarks.points_mm)])
    if label_map is not None:
        boxes = (box for box in ndimage.find_objects(label_map.voxels) if box is not None)
        points += [part_of(label_map.grid, box).corners_mm() for box in boxes]
    found = np.concatenate(points)
    if not len(found):
        return low, high
    first, last = found.min(axis=0) - MARGIN_MM, found.max(axis=0) + MARGIN_MM
    return np.maximum(first, low), np.minimum(last, high)


def _spacings(grid: Grid) -> Iterator[NDArray[np.float64]]:
    """Spacings (3,) along the world's axes: as the scan's own, then coarser and coarser."""
    own = np.asarray(grid.reoriented("RAS").spacing_mm)
    least = min(max(float(own.min()), FINEST_MM), USUAL_MM)
    while least < COARSEST_MM:
        yield np.clip(own, least, max(least, USUAL_MM))
        least = USUAL_MM if least < USUAL_MM < least * STEP else least * STEP
    yield np.full(3, COARSEST_MM)


def _few_values(voxels: NDArray[np.number], ct: bool) -> tuple[NDArray[np.int16], float]:
    """Voxels as small whole numbers, and the size of their steps."""
    finite = np.asarray(voxels, np.float32)
    if voxels.dtype.kind == "f":
        finite = np.nan_to_num(finite, nan=CT_RANGE_HU[0] if ct else 0.0)
    step = float(CT_STEP_HU) if ct else max(float(np.percentile(np.abs(finite), 99.99)) / MR_VALUES, 1e-6)
    low, high = CT_RANGE_HU if ct else (-MR_VALUES * step, MR_VALUES * step)
    kept = np.clip(finite, low, high)
    kept /= np.float32(step)
    return np.rint(kept, out=kept).astype(np.int16), step


def _compressed(voxels: NDArray[np.integer], step: float, grid: Grid) -> bytes:
    """A gzipped NIfTI file whose intensities are ``voxels`` times ``step``."""
    header = image_of(voxels, grid).header
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = step, 0, 352, b"n+1"
    return gzip.compress(header.binaryblock + bytes(4) + voxels.tobytes(order="F"), COMPRESSION, mtime=0)
