"""The grid of a scan: its shape and the world positions of its voxels; the one place for geometry.

World frame everywhere: RAS+ millimetres (x grows to the patient's Right, y to Anterior, z to Superior).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

import nibabel as nib
import numpy as np
from numpy.typing import ArrayLike, NDArray

# Two grids are the same when the positions of their voxels agree within this fraction of a voxel.
SAME_GRID_TOLERANCE_VOXELS = 1e-2
# Rounding of voxel counts when a grid is resampled: an extent of 99.9999 mm is 100 mm.
EXTENT_TOLERANCE_VOXELS = 1e-3
# A grid is upright when its axes turn away from the world's by less than this.
UPRIGHT_TOLERANCE_RADIANS = 1e-4
# Axes stand at right angles where the cosines between them are smaller; ITK takes up to 1e-4.
RIGHT_ANGLE_TOLERANCE = 8e-5

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxel layout of a scan.

    shape: number of voxels along the three array axes.
    affine: 4x4 float64, index of a voxel's centre -> world position in RAS+ mm.
    """

    shape: tuple[int, int, int]
    affine: FloatArray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1 or shape != tuple(self.shape):
            raise ValueError(f"A grid needs three whole numbers of voxels above zero. Received: {tuple(self.shape)}.")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"An affine is a finite 4x4 matrix. Received: {affine.tolist()}.")
        if not np.allclose(affine[3], (0, 0, 0, 1)):
            raise ValueError(f"The last row of an affine is 0 0 0 1. Received: {affine[3].tolist()}.")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if (spacing <= 0).any():
            raise ValueError(f"Voxel spacing must be above zero. Received: {spacing.tolist()} mm.")
        if abs(np.linalg.det(affine[:3, :3] / spacing)) < 1e-3:
            raise ValueError(f"The axes of an affine must not lie in one plane. Received: {affine[:3, :3].tolist()}.")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(
        cls, shape: ArrayLike, spacing_mm: ArrayLike, origin_mm: ArrayLike = (0, 0, 0), axcodes: str = "RAS"
    ) -> Grid:
        """An upright grid: spacing along the array axes, origin of voxel (0, 0, 0), axis directions by letters."""
        affine = np.eye(4)
        affine[:3, :3] = direction_matrix(axcodes) * _checked_spacing(spacing_mm)
        affine[:3, 3] = origin_mm
        x, y, z = (int(n) for n in np.asarray(shape))
        return cls((x, y, z), affine)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along the array axes."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_volume_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def axcodes(self) -> str:
        """The direction each array axis runs to, as three letters, for example "PIR"; the nearest for oblique grids."""
        return "".join(nib.orientations.aff2axcodes(self.affine))

    @property
    def is_upright(self) -> bool:
        """Whether the array axes run along the world's axes (within a tenth of a voxel over 1,000 voxels)."""
        directions = np.abs(self.affine[:3, :3]) / np.asarray(self.spacing_mm)
        return bool((directions.max(axis=0) > np.cos(UPRIGHT_TOLERANCE_RADIANS)).all())

    @property
    def is_right_angled(self) -> bool:
        """Whether the array axes stand at right angles to each other."""
        directions = self.affine[:3, :3] / np.asarray(self.spacing_mm)
        return bool(np.abs(directions.T @ directions - np.eye(3)).max() < RIGHT_ANGLE_TOLERANCE)

    def right_angled(self) -> Grid:
        """The grid of the same spacing and centre with the nearest axes at right angles; itself if it has them."""
        if self.is_right_angled:
            return self
        left, _, right = np.linalg.svd(self.affine[:3, :3] / np.asarray(self.spacing_mm))
        affine = np.eye(4)
        affine[:3, :3] = left @ right * np.asarray(self.spacing_mm)
        centre = (np.asarray(self.shape) - 1) / 2
        affine[:3, 3] = self.to_mm(centre) - affine[:3, :3] @ centre
        return Grid(self.shape, affine)

    def to_mm(self, indices: ArrayLike) -> FloatArray:
        """World positions (..., 3) in RAS+ mm of continuous voxel indices (..., 3)."""
        return np.asarray(indices, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_mm: ArrayLike) -> FloatArray:
        """Continuous voxel indices (..., 3) of world positions (..., 3) in RAS+ mm."""
        return (np.asarray(points_mm, np.float64) - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T

    def contains(self, points_mm: ArrayLike, margin_mm: float = 0.0) -> NDArray[np.bool_]:
        """Which points (..., 3) lie inside the grid's voxels, allowing ``margin_mm`` beyond them."""
        index = self.to_index(points_mm)
        margin = margin_mm / np.asarray(self.spacing_mm) + 0.5
        inside = (index >= -margin) & (index <= np.asarray(self.shape) - 1 + margin)
        return np.asarray(inside.all(axis=-1))

    def window(self, start: ArrayLike, shape: ArrayLike) -> Grid:
        """The grid of the box of ``shape`` voxels whose first voxel is ``start``; it may reach beyond this one."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_mm(np.asarray(start))
        x, y, z = (int(n) for n in np.asarray(shape))
        return Grid((x, y, z), affine)

    def padded(self, before: ArrayLike, after: ArrayLike) -> Grid:
        """This grid with voxels added (or, where negative, removed) at the start and the end of each axis."""
        start = -np.broadcast_to(np.asarray(before), 3)
        return self.window(start, np.asarray(self.shape) - start + np.broadcast_to(np.asarray(after), 3))

    def reoriented(self, axcodes: str) -> Grid:
        """The same voxels with array axes permuted and flipped to run nearest to ``axcodes``."""
        transform = orientation_transform(self.axcodes, axcodes)
        shape = np.empty(3, int)
        shape[transform[:, 0].astype(int)] = self.shape
        x, y, z = (int(n) for n in shape)
        return Grid((x, y, z), self.affine @ nib.orientations.inv_ornt_aff(transform, self.shape))

    def corners_mm(self) -> FloatArray:
        """World positions (8, 3) of the outer corners of the corner voxels."""
        return self.to_mm(_outer_corners(self.shape))

    def upright(self, spacing_mm: ArrayLike, axcodes: str = "RAS") -> Grid:
        """The grid of ``spacing_mm`` along the world's own axes that covers this one, centred on the same point.

        It depends only on where the scan lies in the world, never on how its array is stored.
        """
        spacing = _checked_spacing(spacing_mm)
        directions = direction_matrix(axcodes)
        corners = self.corners_mm() @ directions  # along the new axes
        low, high = corners.min(axis=0), corners.max(axis=0)
        shape = np.maximum(np.ceil((high - low) / spacing - EXTENT_TOLERANCE_VOXELS), 1).astype(int)
        first = (low + high) / 2 - (shape - 1) / 2 * spacing
        return Grid.from_spacing(shape, spacing, directions @ first, axcodes)

    def resampled(self, spacing_mm: ArrayLike) -> Grid:
        """The grid of ``spacing_mm`` along this one's own axes, covering the same box, centred on the same point."""
        spacing = _checked_spacing(spacing_mm)
        own = np.asarray(self.spacing_mm)
        extent = np.asarray(self.shape) * own
        shape = np.maximum(np.ceil(extent / spacing - EXTENT_TOLERANCE_VOXELS), 1).astype(int)
        step = spacing / own
        centre = (np.asarray(self.shape) - 1) / 2
        affine = self.affine.copy()
        affine[:3, 3] = self.to_mm(centre - (shape - 1) / 2 * step)
        affine[:3, :3] = self.affine[:3, :3] * step
        x, y, z = (int(n) for n in shape)
        return Grid((x, y, z), affine)

    def same_as(self, other: Grid, tolerance_voxels: float = SAME_GRID_TOLERANCE_VOXELS) -> bool:
        """Whether both have one shape and their voxels agree in place within ``tolerance_voxels``."""
        return not self.differences(other, tolerance_voxels)

    def differences(self, other: Grid, tolerance_voxels: float = SAME_GRID_TOLERANCE_VOXELS) -> list[str]:
        """The differences of the grids in words; empty when they are the same."""
        found = []
        if self.shape != other.shape:
            found.append(f"shape {self.shape} and {other.shape}")
        # the outer corners: of a single slice, they also tell its thickness and which way it faces
        corners = _outer_corners(self.shape)
        distance = np.linalg.norm(self.to_mm(corners) - other.to_mm(corners), axis=1).max()
        if distance > tolerance_voxels * min(self.spacing_mm):
            if self.axcodes != other.axcodes:
                found.append(f"orientation {self.axcodes} and {other.axcodes}")
            found.append(f"voxels up to {distance:.3g} mm apart")
        return found

    def require_same(self, other: Grid, what: str) -> None:
        """Raise a ValueError that names every difference unless the grids are the same."""
        found = self.differences(other)
        if found:
            raise ValueError(f"{what} must lie on one grid. Received: {'; '.join(found)}.")


def _checked_spacing(spacing_mm: ArrayLike) -> FloatArray:
    """Three spacings above zero, from three or from one for all."""
    spacing = np.asarray(spacing_mm, np.float64)
    if spacing.shape not in ((), (1,), (3,)) or not (np.isfinite(spacing) & (spacing > 0)).all():
        raise ValueError(f"Voxel spacing is one number or three, above zero. Received: {spacing.tolist()} mm.")
    return np.broadcast_to(spacing, 3)


def _outer_corners(shape: tuple[int, int, int]) -> FloatArray:
    """Indices (8, 3) of the outer corners of the corner voxels."""
    x, y, z = (n - 0.5 for n in shape)
    return np.array(list(product((-0.5, x), (-0.5, y), (-0.5, z))))


def direction_matrix(axcodes: str) -> FloatArray:
    """Columns are the world directions (RAS+) that the three letters name; "RAS" gives the identity."""
    letters = "".join(axcodes).upper()
    axes = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}
    if len(letters) != 3 or sorted(axes.get(letter, -1) for letter in letters) != [0, 1, 2]:
        raise ValueError(f"An orientation is three letters, one each of R/L, A/P, S/I. Received: {axcodes!r}.")
    matrix = np.zeros((3, 3))
    for column, letter in enumerate(letters):
        matrix[axes[letter], column] = 1.0 if letter in "RAS" else -1.0
    return matrix


def orientation_transform(start: str, end: str) -> NDArray[np.float64]:
    """nibabel's orientation array that turns arrays stored as ``start`` into ``end``."""
    direction_matrix(end)
    codes = nib.orientations.axcodes2ornt
    transform: NDArray[np.float64] = nib.orientations.ornt_transform(codes(tuple(start)), codes(tuple(end)))
    return transform


ALL_ORIENTATIONS = tuple("".join(letters) for axes in permutations(("RL", "AP", "SI")) for letters in product(*axes))
"""The 48 ways in which the axes of an upright scan can be stored."""
