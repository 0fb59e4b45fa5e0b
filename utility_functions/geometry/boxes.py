"""Boxes of voxels: a slice along each axis, as arrays are indexed by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from utility_functions.geometry.grid import Grid

Box = tuple[slice, ...]


def part_of(grid: Grid, box: Box) -> Grid:
    """The grid of a box of another grid."""
    return grid.window([axis.start for axis in box], [axis.stop - axis.start for axis in box])


def box_around(part: Grid, grid: Grid) -> Box:
    """The box of ``grid`` that covers all that ``part`` does, as far as ``grid`` reaches; maybe an empty one."""
    inside = grid.to_index(part.corners_mm())
    low = np.clip(np.floor(inside.min(axis=0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(inside.max(axis=0)).astype(int) + 1, low, grid.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def widened(box: Box, *voxels: int) -> Box:
    """A box with so many voxels more on both sides, of all axes or of each, but none before the first of the array."""
    more = voxels if len(voxels) > 1 else voxels * len(box)
    return tuple(slice(max(axis.start - n, 0), axis.stop + n) for axis, n in zip(box, more, strict=True))


def common(one: Box, other: Box) -> Box:
    """What lies in both of two boxes, maybe nothing."""
    lows = [max(a.start, b.start) for a, b in zip(one, other, strict=True)]
    highs = [min(a.stop, b.stop) for a, b in zip(one, other, strict=True)]
    return tuple(slice(low, max(low, high)) for low, high in zip(lows, highs, strict=True))


def seen_from(box: Box, outer: Box) -> Box:
    """A box in the array that ``outer``, which holds it, cuts out."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, outer, strict=True))


def slabs(box: Box, most_voxels: int) -> Iterator[Box]:
    """A box in slabs across its longest axis, of at most so many voxels each or of one layer."""
    sizes = [axis.stop - axis.start for axis in box]
    if not min(sizes):
        return
    along = int(np.argmax(sizes))
    step = max(most_voxels * sizes[along] // int(np.prod(sizes)), 1)
    for start in range(box[along].start, box[along].stop, step):
        yield (*box[:along], slice(start, min(start + step, box[along].stop)), *box[along + 1 :])
