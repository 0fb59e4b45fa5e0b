"""The voxels of a file before they are checked: layout, stored values and their scale."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid

log = logging.getLogger(__name__)

MOST_VOXELS = 4_000_000_000
"""A header that claims more is taken for broken; a whole body at 0.5 mm has about 3e9."""
MOST_STRAIGHTENED_VOXELS = 0.25
"""Axes are written at right angles where that moves no voxel farther than this."""
LABEL_TOLERANCE = 1e-3
"""A label map's values may miss a whole number by this much, as files with a scale factor do."""


@dataclass(frozen=True, eq=False)
class StoredImage:
    """Voxels as they lie in the file: intensity = stored * slope + intercept."""

    path: Path
    grid: Grid
    stored: NDArray[Any]
    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if self.stored.dtype.kind not in "iufb":
            raise BrokenFile(f"{self.path}: each voxel must be one number, but the file stores {self.stored.dtype}.")

    def intensities(self) -> NDArray[Any]:
        """int16 where whole numbers fit it, else float32. Raises: BrokenFile for NaN or infinite voxels."""
        whole = (
            self.stored.dtype.kind in "iub" and self.slope == int(self.slope) and self.intercept == int(self.intercept)
        )
        if whole:
            ends = [int(end) * int(self.slope) + int(self.intercept) for end in (self.stored.min(), self.stored.max())]
            if min(ends) >= -(2**15) and max(ends) < 2**15:
                if (self.slope, self.intercept) == (1.0, 0.0):
                    return self.stored.astype(np.int16, copy=False)
                return self._scaled_whole()
        with np.errstate(over="ignore"):
            if (self.slope, self.intercept) == (1.0, 0.0):
                values = self.stored.astype(np.float32, copy=False)
            else:
                values = self.stored.astype(np.float32)
                values *= np.float32(self.slope)
                values += np.float32(self.intercept)
        self._require_finite(values)
        return values

    def _scaled_whole(self) -> NDArray[np.int16]:
        """Whole numbers that fit int16, layer by layer, so that no wider copy of all is in memory."""
        found = np.empty_like(self.stored, np.int16)
        wide = np.int64 if self.stored.dtype.itemsize > 2 else np.int32
        for layer in _layers(self.stored):
            found[layer] = self.stored[layer].astype(wide) * int(self.slope) + int(self.intercept)
        return found

    def labels(self) -> NDArray[Any]:
        """The smallest integer type that holds them. Raises: BrokenFile where a value is no whole number."""
        values = self.stored
        if values.dtype.kind == "f" or (self.slope, self.intercept) != (1.0, 0.0):
            values = values.astype(np.float64) * self.slope + self.intercept
            self._require_finite(values)
            whole = np.rint(values)
            off = np.abs(values - whole) > LABEL_TOLERANCE
            if off.any():
                raise BrokenFile(
                    f"{self.path}: a label map holds whole numbers, but {int(off.sum())} voxels do not, "
                    f"for example {values[off][0]:.4g}."
                )
            values = whole
        return values.astype(smallest_integer_type(values.min(), values.max()), copy=False)

    def _require_finite(self, values: NDArray[Any]) -> None:
        finite = sum(np.count_nonzero(np.isfinite(values[layer])) for layer in _layers(values))
        broken = int(values.size - finite)
        if broken:
            count = "all" if broken == values.size else str(broken)
            raise BrokenFile(
                f"{self.path}: {count} of its {values.size} voxels are NaN or infinite; give them a value first."
            )


def _layers(values: NDArray[Any]) -> Iterator[tuple[slice | int, ...]]:
    """The layers of an array across the axis along which its numbers lie farthest apart in memory."""
    across = int(np.argmax(np.abs(values.strides)))
    for place in range(values.shape[across]):
        yield (*(slice(None),) * across, place)


def smallest_integer_type(low: float, high: float) -> np.dtype[Any]:
    """The smallest of uint8, int16, uint16, int32, int64 that holds low..high."""
    for kind in (np.uint8, np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)


def three_axes(path: Path, shape: Sequence[int]) -> tuple[int, int, int]:
    """The three axes of a header's ``shape``, a fourth of length one left out.

    Raises: BrokenFile for two-dimensional and time-resolved images, and for sizes that no scan has.
    """
    sizes = [int(n) for n in shape]
    words = " x ".join(str(n) for n in sizes)
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) > 3:
        raise BrokenFile(f"{path}: has {len(sizes)} dimensions ({words}); save one three-dimensional image of it.")
    if len(sizes) < 3 or (min(sizes) == 1):
        raise BrokenFile(f"{path}: is two-dimensional ({words}); a scan needs at least two voxels along three axes.")
    if min(sizes) < 1:
        raise BrokenFile(f"{path}: its header claims {words} voxels.")
    if np.prod(sizes, dtype=float) > MOST_VOXELS:
        raise BrokenFile(f"{path}: its header claims {words} voxels, more than the {MOST_VOXELS:.0e} that can be read.")
    return sizes[0], sizes[1], sizes[2]


def require_spacing(path: Path, spacing: Sequence[float]) -> None:
    """Raise a BrokenFile unless every spacing is a number above zero."""
    values = np.asarray(spacing, float)
    if not (np.isfinite(values).all() and (values > 0).all()):
        words = " x ".join(f"{value:g}" for value in values)
        raise BrokenFile(f"{path}: voxel spacing must be above zero, but the header says {words} mm.")


def grid_of(path: Path, shape: tuple[int, int, int], affine: NDArray[np.float64]) -> Grid:
    """The grid, its errors naming the file; a warning is logged where its axes are not at right angles."""
    try:
        grid = Grid(shape, affine)
    except ValueError as error:
        raise BrokenFile(f"{path}: {error}") from error
    if not grid.is_right_angled:
        square = grid.right_angled()
        apart = float(np.linalg.norm(grid.corners_mm() - square.corners_mm(), axis=1).max())
        log.warning(
            "%s: its axes are sheared by up to %.2g mm, which ITK and 3D Slicer do not open; results are written %s.",
            *(path, apart),
            "on the sheared axes"
            if grid.differences(square, MOST_STRAIGHTENED_VOXELS)
            else "on the nearest axes at right angles",
        )
    return grid
