"""The box round the body in a scan: the background outside it is cropped before a scan is resized."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from utility_functions.geometry.boxes import first_of, size_of, within
from utility_functions.geometry.volume import Volume

OPEN_MM, CLOSE_MM = 4.0, 12.0
"""Opening removes bridges of this width (to straps, noise); closing fills gaps of this width (dark bowel, cortex)."""
COARSE_MM = 2.0
"""The body is segmented at about this spacing."""
MARGIN_MM = 6.0
LEAST_FRACTION = 0.02
"""A component that fills a smaller fraction of the scan is not taken for the body; then the scan is not cropped."""


def cropped_to_body(volume: Volume, margin_mm: float = MARGIN_MM) -> Volume:
    """The scan cropped to its body, on the grid's own axes.

    Otsu's threshold (Otsu 1979) separates the body from the background. Opening and closing clean the mask, and its
    largest component is the body. A scan without background, or of one intensity, is returned unchanged.
    """
    upright = volume.reoriented("RAS")  # so that the coarse grid begins at the same voxel in any storage
    start, stop = body_box(upright, margin_mm)
    return upright.window(start, stop - start).reoriented(volume.grid.axcodes)


def body_box(volume: Volume, margin_mm: float = MARGIN_MM) -> tuple[np.ndarray, np.ndarray]:
    """First voxel (3,) of the box round the body, and the one behind its last."""
    whole = np.zeros(3, int), np.asarray(volume.grid.shape)
    steps = np.maximum(np.round(COARSE_MM / np.asarray(volume.grid.spacing_mm)), 1).astype(int)
    values = np.asarray(volume.voxels[:: steps[0], :: steps[1], :: steps[2]], np.float32)
    low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    if not high > low:
        return whole
    spacing = steps * np.asarray(volume.grid.spacing_mm)
    image = sitk.GetImageFromArray(np.clip(values, low, high))
    bright = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1, 128)) > 0
    # The threshold may separate fat from muscle instead of body from air; a third of the way to it is well above air.
    level = float(values[bright].min()) if bright.any() else high
    mask = sitk.GetImageFromArray((values > low + (level - low) / 3).astype(np.uint8))
    mask = sitk.BinaryMorphologicalClosing(mask, _radius(CLOSE_MM, spacing))
    mask = sitk.BinaryMorphologicalOpening(mask, _radius(OPEN_MM, spacing))
    parts = sitk.GetArrayFromImage(sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True))
    if (parts == 1).sum() < LEAST_FRACTION * parts.size:
        return whole
    box = ndimage.find_objects((parts == 1).astype(np.uint8))[0]
    edge = np.ceil(margin_mm / np.asarray(volume.grid.spacing_mm)).astype(int)
    around = within(
        [axis.start for axis in box] * steps - edge, [axis.stop for axis in box] * steps + edge, volume.grid.shape
    )
    return np.array(first_of(around)), np.add(first_of(around), size_of(around))


def _radius(width_mm: float, spacing_mm: np.ndarray) -> list[int]:
    """Half a width in voxels along SimpleITK's axes, which run the other way round."""
    return [int(count) for count in np.round(width_mm / 2 / spacing_mm)[::-1]]
