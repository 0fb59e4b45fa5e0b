"""Resampling of a scan to an upright 2 mm grid, against one linear SimpleITK call on a prepared image.

The call alone has no geometry. Ours also computes the transform, passes the voxels to SimpleITK and rounds the result.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import SimpleITK as sitk

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import IDENTITY, resample
from utility_functions.geometry.volume import Volume

SHAPE = (256, 256, 200)
SPACING_MM = (0.9, 0.9, 1.25)
CEILING = 1.2
REPEATS = 25


def prepared(volume: Volume, grid: Grid) -> tuple[sitk.Image, sitk.AffineTransform]:
    """The arguments of the call: the image, and the transform from an index of ``grid`` to one of the image."""
    transform = sitk.AffineTransform(3)
    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T)), transform


def seconds_of_both(volume: Volume, grid: Grid) -> tuple[float, float]:
    """The median seconds of ours and of the call, measured in turn."""
    image, transform = prepared(volume, grid)
    ours, reference = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        resample(volume, grid)
        between = time.perf_counter()
        sitk.Resample(image, list(grid.shape), transform, sitk.sitkLinear, (0.0,) * 3, (1.0,) * 3, IDENTITY, 0.0)
        reference.append(time.perf_counter() - between)
        ours.append(between - started)
    return statistics.median(ours), statistics.median(reference)


def main() -> None:
    rng = np.random.default_rng(1)
    for axcodes, order in (("RAS", "F"), ("RAS", "C"), ("LPS", "F"), ("PIR", "F"), ("SAR", "F")):
        grid = Grid.from_spacing(SHAPE, SPACING_MM, axcodes="RAS").reoriented(axcodes)
        volume = Volume(np.asarray(rng.integers(-1000, 2000, grid.shape, np.int16), order=order), grid)  # type: ignore[call-overload]
        ours, reference = seconds_of_both(volume, grid.upright(2.0))
        print(
            f"resampling, {SHAPE} stored as {axcodes} ({order} order) to 2 mm: {ours * 1e3:.1f} ms, "
            f"{ours / reference:.2f}x one SimpleITK call (ceiling {CEILING}x)"
        )


if __name__ == "__main__":
    main()
