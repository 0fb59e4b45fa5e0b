"""Voxels together with the grid they lie on: images (Volume) and integer label maps (LabelMap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.geometry.boxes import overlap
from utility_functions.geometry.grid import Grid, orientation_transform


@dataclass(frozen=True, eq=False)
class Volume:
    """An image: ``voxels`` (x, y, z) on ``grid``. Intensities are HU for CT, arbitrary for MR."""

    voxels: NDArray[Any]
    grid: Grid

    def __post_init__(self) -> None:
        voxels = np.asarray(self.voxels)
        if voxels.shape != self.grid.shape:
            raise ValueError(f"Voxels and grid must agree in shape. Received: {voxels.shape} on {self.grid.shape}.")
        object.__setattr__(self, "voxels", voxels)

    def with_voxels(self, voxels: NDArray[Any]) -> Self:
        """Other voxels on the same grid."""
        return type(self)(voxels, self.grid)

    def reoriented(self, axcodes: str) -> Self:
        """The same voxels with the array stored as ``axcodes``; no value and no place in the world changes."""
        transform = orientation_transform(self.grid.axcodes, axcodes)
        voxels = nib.orientations.apply_orientation(self.voxels, transform)
        return type(self)(voxels, self.grid.reoriented(axcodes))

    def window(self, start: ArrayLike, shape: ArrayLike, fill: float = 0) -> Self:
        """The box of ``shape`` voxels whose first voxel is ``start``; ``fill`` where it reaches beyond the scan.

        A ``fill`` that the type of the voxels cannot hold becomes the nearest value that it can.
        """
        first = np.asarray(start, int)
        size = np.asarray(shape, int)
        voxels = np.full(tuple(size), held(fill, self.voxels.dtype), dtype=self.voxels.dtype)
        source, target = overlap(first, size, self.grid.shape)
        voxels[target] = self.voxels[source]
        return type(self)(voxels, self.grid.window(first, size))


@dataclass(frozen=True, eq=False)
class LabelMap(Volume):
    """An integer label per voxel; it is only ever resampled by nearest neighbour. 0 is background."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.voxels.dtype == bool:
            object.__setattr__(self, "voxels", self.voxels.astype(np.uint8))
        if not np.issubdtype(self.voxels.dtype, np.integer):
            raise ValueError(f"A label map holds integers. Received: {self.voxels.dtype}.")


def held(value: float, dtype: np.dtype[Any]) -> float | int:
    """The number nearest to ``value`` that ``dtype`` can hold: -1024 becomes 0 where there are no negative numbers."""
    if dtype.kind not in "iub":
        return value
    if not np.isfinite(value):
        raise ValueError(f"Voxels of type {dtype} hold whole numbers only. Received: {value}.")
    low, high = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return min(max(round(value), low), high)
