"""Values of a volume on another grid: one SimpleITK call, whatever the two orientations are."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import SimpleITK as sitk

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

AnyVolume = TypeVar("AnyVolume", bound=Volume)


def resample(volume: AnyVolume, grid: Grid, fill: float = 0) -> AnyVolume:
    """``volume`` on ``grid``: linear for images, nearest neighbour for label maps; ``fill`` outside the volume.

    The mapping is done between voxel indices, so sheared affines, which SimpleITK's images cannot
    carry, are resampled as truly as upright ones.
    """
    if volume.grid.same_as(grid, tolerance_voxels=1e-6):
        return volume
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels.T))  # index order x, y, z
    index_to_index = np.linalg.inv(volume.grid.affine) @ grid.affine
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(index_to_index[:3, :3].ravel().tolist())
    transform.SetTranslation(index_to_index[:3, 3].tolist())
    interpolator = sitk.sitkNearestNeighbor if isinstance(volume, LabelMap) else sitk.sitkLinear
    resampled = sitk.Resample(
        image, list(grid.shape), transform, interpolator, (0.0,) * 3, (1.0,) * 3, IDENTITY, float(fill)
    )
    return type(volume)(sitk.GetArrayFromImage(resampled).T, grid)
