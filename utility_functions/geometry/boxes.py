"""Boxes of voxels: a slice along each axis, as arrays are indexed by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utility_functions.geometry.grid import Grid

Box = tuple[slice, ...]
Voxels = Sequence[int] | NDArray[Any]
"""A whole number for each axis: a voxel, or a size in voxels."""


def box_at(first: Voxels, size: Voxels) -> Box:
    """The box of so many voxels whose first one is ``first``."""
    return tuple(slice(int(low), int(low) + int(length)) for low, length in zip(first, size, strict=True))


def first_of(box: Box) -> tuple[int, ...]:
    """The first voxel of a box."""
    return tuple(axis.start for axis in box)


def size_of(box: Box) -> tuple[int, ...]:
    """How many voxels a box has along each axis."""
    return tuple(axis.stop - axis.start for axis in box)


def within(first: Voxels, last: Voxels, shape: Voxels) -> Box:
    """The box from voxel ``first`` to the one before ``last``, as far as an array of ``shape`` reaches; maybe empty."""
    box = []
    for low, high, size in zip(first, last, shape, strict=True):
        start = min(max(int(low), 0), int(size))
        box.append(slice(start, max(min(int(high), int(size)), start)))
    return tuple(box)


def overlap(first: Voxels, size: Voxels, shape: Voxels) -> tuple[Box, Box]:
    """The overlap of a patch of ``size`` whose first voxel is ``first`` and an array of ``shape``: its box in the
    array, and its box in the patch.

    Both are of one shape and index without wrapping; they are empty where patch and array have no voxel in common.
    """
    source = within(first, [int(low) + int(length) for low, length in zip(first, size, strict=True)], shape)
    target = []
    for part, low, length in zip(source, first, size, strict=True):
        start = min(max(part.start - int(low), 0), int(length))
        target.append(slice(start, start + part.stop - part.start))
    return source, tuple(target)


def moved(box: Box, voxels: Voxels) -> Box:
    """A box so many voxels farther along each axis."""
    return tuple(slice(axis.start + int(n), axis.stop + int(n)) for axis, n in zip(box, voxels, strict=True))


def part_of(grid: Grid, box: Box) -> Grid:
    """The grid of a box of another grid."""
    return grid.window(first_of(box), size_of(box))


def box_around(part: Grid, grid: Grid) -> Box:
    """The box of ``grid`` that covers all that ``part`` does, as far as ``grid`` reaches; maybe an empty one."""
    inside = grid.to_index(part.corners_mm())
    return within(np.floor(inside.min(axis=0)).astype(int), np.ceil(inside.max(axis=0)).astype(int) + 1, grid.shape)


def widened(box: Box, *voxels: int) -> Box:
    """A box with so many voxels more on both sides, of all axes or of each, but none before the first of the array."""
    more = voxels if len(voxels) > 1 else voxels * len(box)
    return tuple(slice(max(axis.start - n, 0), axis.stop + n) for axis, n in zip(box, more, strict=True))


def common(one: Box, other: Box) -> Box:
    """The intersection of two boxes, maybe empty."""
    lows = [max(a.start, b.start) for a, b in zip(one, other, strict=True)]
    highs = [min(a.stop, b.stop) for a, b in zip(one, other, strict=True)]
    return tuple(slice(low, max(low, high)) for low, high in zip(lows, highs, strict=True))


def seen_from(box: Box, outer: Box) -> Box:
    """A box relative to ``outer``, which contains it."""
    return moved(box, [-low for low in first_of(outer)])


def slabs(box: Box, most_voxels: int) -> Iterator[Box]:
    """A box in slabs across its longest axis, of at most so many voxels each or of one layer."""
    sizes = size_of(box)
    if not min(sizes):
        return
    along = int(np.argmax(sizes))
    step = max(most_voxels * sizes[along] // int(np.prod(sizes)), 1)
    for start in range(box[along].start, box[along].stop, step):
        yield (*box[:along], slice(start, min(start + step, box[along].stop)), *box[along + 1 :])
