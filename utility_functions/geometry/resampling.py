"""Values of a volume on another grid: by SimpleITK, slab by slab, whatever the two orientations are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from utility_functions.geometry.boxes import within
from utility_functions.geometry.grid import FloatArray, Grid
from utility_functions.geometry.volume import LabelMap, Volume, held

TIE_VOXELS = 1e-3
"""Nearer than this to half way between two voxels of a label map, the one to the left, behind or below is taken.

As near to an outer face of an image, a voxel lies outside.
"""
MOST_VOXELS = 16_000_000
"""Voxels that SimpleITK holds at once, about, in a copy."""
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

AnyVolume = TypeVar("AnyVolume", bound=Volume)


def resample(volume: AnyVolume, grid: Grid, fill: float = 0) -> AnyVolume:
    """``volume`` on ``grid``: linear for images, nearest neighbour for label maps; ``fill`` outside the volume.

    The mapping is done between voxel indices, so sheared affines, which SimpleITK's images cannot
    carry, are resampled as truly as upright ones. The type of the voxels is kept: integers are rounded
    to the nearest, and a ``fill`` that the type cannot hold becomes the nearest value that it can.
    Half way between two voxels the world decides (TIE_VOXELS), never the order in which the voxels are stored.
    """
    if volume.grid.shape == grid.shape and volume.grid.same_as(grid, tolerance_voxels=1e-6):
        return volume
    dtype = volume.voxels.dtype
    nearest = isinstance(volume, LabelMap)
    working, interpolated = _itk_types(dtype, nearest)
    source = volume.reoriented("RAS")  # a view
    to_source = np.linalg.inv(source.grid.affine) @ grid.affine
    if nearest:
        to_source[:3, 3] -= TIE_VOXELS
    in_memory, to_memory = _as_in_memory(source.voxels)
    to_voxel = to_memory @ to_source
    axes, backwards = _read_in_line(to_voxel)
    matrix = np.where(backwards, -1, 1) * to_voxel[:3, axes]
    shape = np.array([grid.shape[axis] for axis in axes])
    first = to_voxel[:3, 3] - matrix @ np.where(backwards, shape - 1, 0)
    out = np.empty(tuple(shape[::-1]), dtype)
    in_line = out.T[tuple(slice(None, None, -1 if back else 1) for back in backwards)]
    outside = held(fill, dtype)
    for start, stop in _slabs(first, matrix, shape, in_memory.shape[::-1]):
        begins, size = first + matrix[:, 2] * start, (*shape[:2], stop - start)
        part = _reached(begins, matrix, size, in_memory.shape[::-1])
        if not all(axis.stop > axis.start for axis in part):
            in_line[..., start:stop] = outside
            continue
        shown = sitk.GetImageFromArray(np.ascontiguousarray(in_memory[part[::-1]], dtype=working))
        shown.SetOrigin([float(axis.start) for axis in part])
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(matrix.ravel().tolist())
        transform.SetTranslation(begins.tolist())
        resampled = sitk.Resample(
            shown,
            [int(count) for count in size],
            transform,
            sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear,
            (0.0,) * 3,
            (1.0,) * 3,
            IDENTITY,
            float(outside),
            interpolated,
        )
        values = sitk.GetArrayViewFromImage(resampled).T
        if nearest or dtype.kind == "f":
            in_line[..., start:stop] = values
        else:
            np.rint(values, out=in_line[..., start:stop], casting="unsafe")
    found = out.T.transpose(np.argsort(axes))
    if not nearest:
        for axis, layers in _on_a_face(to_source, source.grid.shape, grid.shape):
            np.moveaxis(found, axis, 0)[layers] = held(fill, dtype)
    return type(volume)(found, grid)


def _slabs(
    first: FloatArray, matrix: FloatArray, shape: NDArray[np.int_], source: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """The first layer of each slab of the target across its last axis, and the one after its last.

    SimpleITK copies what it is given and what it answers, so that a slab takes about MOST_VOXELS of both. first,
    matrix: where voxels of the target lie in the source, both with the fastest axis first.
    """
    reached = [axis.stop - axis.start for axis in _reached(first, matrix, shape.tolist(), source)]
    most = max(np.prod(reached, dtype=float), np.prod(shape, dtype=float))
    step = int(np.ceil(shape[2] / np.ceil(most / MOST_VOXELS))) if most else int(shape[2])
    for start in range(0, int(shape[2]), step):
        yield start, min(start + step, int(shape[2]))


def _reached(first: FloatArray, matrix: FloatArray, size: Sequence[int], source: tuple[int, ...]) -> tuple[slice, ...]:
    """The box of the source from which voxels of the target are interpolated, maybe empty.

    A voxel more on both sides keeps its borders, where SimpleITK repeats the last voxel, those of the source.
    """
    ends = matrix * (np.asarray(size) - 1)
    low = np.floor(first + np.minimum(ends, 0).sum(axis=1)).astype(int) - 1
    high = np.ceil(first + np.maximum(ends, 0).sum(axis=1)).astype(int) + 2
    return within(low, high, source)


def _on_a_face(
    to_source: FloatArray, source: tuple[int, int, int], target: tuple[int, int, int]
) -> Iterator[tuple[int, NDArray[np.int_]]]:
    """The layers of the target, by axis, whose voxels lie on an outer face of the source; none where it lies askew."""
    for row, size in zip(to_source[:3], source, strict=True):
        axis = int(np.abs(row[:3]).argmax())
        askew = (np.abs(row[:3]) * target).sum() - abs(row[axis]) * target[axis]
        if askew > TIE_VOXELS:
            continue
        places = row[axis] * np.arange(target[axis]) + row[3]
        on_face = np.minimum(np.abs(places + 0.5), np.abs(places - (size - 0.5))) < TIE_VOXELS
        if on_face.any():
            yield axis, np.flatnonzero(on_face)


def _itk_types(dtype: np.dtype[Any], nearest: bool) -> tuple[np.dtype[Any], int]:
    """The type in which SimpleITK is given voxels, and the one in which it is to return them.

    SimpleITK supports neither bool nor float16 nor foreign byte order, and truncates interpolated integers.
    """
    if dtype.kind not in "iubf":
        raise ValueError(f"Only real numbers can be resampled. Received: voxels of type {dtype}.")
    working = {"b": np.dtype(np.uint8), "f": np.dtype(np.float32 if dtype.itemsize <= 4 else np.float64)}.get(
        dtype.kind, dtype.newbyteorder("=")
    )
    if nearest:
        return working, sitk.sitkUnknown
    return working, sitk.sitkFloat32 if dtype.itemsize <= 2 or working == np.float32 else sitk.sitkFloat64


def _as_in_memory(voxels: NDArray[Any]) -> tuple[NDArray[Any], FloatArray]:
    """A view of the voxels in the order in which they lie in memory, so that no copy has to reorder them.

    Also the 4x4 matrix that takes an index of ``voxels`` to SimpleITK's index in the view (fastest axis first).
    """
    flipped = [stride < 0 for stride in voxels.strides]
    slowest_first = np.argsort([-abs(stride) for stride in voxels.strides], kind="stable")
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for place, axis in enumerate(slowest_first[::-1]):
        matrix[place, axis] = -1 if flipped[axis] else 1
        matrix[place, 3] = voxels.shape[axis] - 1 if flipped[axis] else 0
    unflipped = voxels[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)]
    return unflipped.transpose(slowest_first), matrix


def _read_in_line(to_source: FloatArray) -> tuple[list[int], NDArray[np.bool_]]:
    """The order of the new grid's axes, and which of them to reverse, to read the source in the order of memory."""
    along = to_source[:3, :3] / np.linalg.norm(to_source[:3, :3], axis=0)
    axes = list(
        max(permutations(range(3)), key=lambda axes: sum(abs(along[row, axis]) for row, axis in enumerate(axes)))
    )
    return axes, np.diag(along[:, axes]) < 0
