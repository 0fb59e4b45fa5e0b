"""Resampling a scan to an upright 2 mm grid, against one SimpleITK linear call on an image that is ready made.

The call alone cannot say which voxel is where: ours also carries the geometry, hands the voxels over and rounds them.
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


def ready_made(volume: Volume, grid: Grid) -> tuple[sitk.Image, sitk.AffineTransform]:
    """What the plain call is given: the image, and the transform from an index of ``grid`` to one of the image."""
    transform = sitk.AffineTransform(3)
    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    return sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T)), transform


def seconds_of_both(volume: Volume, grid: Grid) -> tuple[float, float]:
    """Median seconds of ours and of the plain call, taken in turns."""
    image, transform = ready_made(volume, grid)
    ours, plain = [], []
    for _ in range(REPEATS):
        started = time.perf_counter()
        resample(volume, grid)
        between = time.perf_counter()
        sitk.Resample(image, list(grid.shape), transform, sitk.sitkLinear, (0.0,) * 3, (1.0,) * 3, IDENTITY, 0.0)
        plain.append(time.perf_counter() - between)
        ours.append(between - started)
    return statistics.median(ours), statistics.median(plain)


def main() -> None:
    rng = np.random.default_rng(1)
    for axcodes, order in (("RAS", "F"), ("RAS", "C"), ("LPS", "F"), ("PIR", "F"), ("SAR", "F")):
        grid = Grid.from_spacing(SHAPE, SPACING_MM, axcodes="RAS").reoriented(axcodes)
        volume = Volume(np.asarray(rng.integers(-1000, 2000, grid.shape, np.int16), order=order), grid)  # type: ignore[call-overload]
        ours, plain = seconds_of_both(volume, grid.upright(2.0))
        print(
            f"resampling, {SHAPE} stored as {axcodes} ({order} order) to 2 mm: {ours * 1e3:.1f} ms, "
            f"{ours / plain:.2f}x one SimpleITK call (ceiling {CEILING}x)"
        )


if __name__ == "__main__":
    main()
