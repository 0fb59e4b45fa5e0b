"""Boxes of voxels, and the same place on another grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.geometry.any_grids import ALL_ORIENTATIONS
from utility_functions.geometry.boxes import (
    Box,
    box_around,
    box_at,
    common,
    first_of,
    moved,
    overlap,
    part_of,
    seen_from,
    size_of,
    slabs,
    widened,
    within,
)
from utility_functions.geometry.grid import Grid

GRID = Grid.from_spacing((20, 30, 40), (2.0, 1.0, 3.0), (5.0, -7.0, 11.0))
BOX: Box = (slice(3, 9), slice(10, 25), slice(0, 40))


def test_the_grid_of_a_box_begins_at_its_first_voxel() -> None:
    part = part_of(GRID, BOX)
    assert part.shape == (6, 15, 40)
    np.testing.assert_allclose(part.to_mm([0, 0, 0]), GRID.to_mm([3, 10, 0]))


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS[::7])
def test_a_part_is_covered_on_any_grid_and_not_by_much_more(axcodes: str) -> None:
    other = Grid.from_spacing((100, 100, 100), (1.5, 1.5, 1.5), (-10.0, -20.0, -5.0)).reoriented(axcodes)
    part = part_of(GRID, BOX)
    box = box_around(part, other)
    covered = part_of(other, box)
    inside = covered.contains(part.corners_mm(), 1e-6)
    within = other.contains(part.corners_mm(), 1e-6)
    assert (inside == within).all() and within.any()
    assert (part.contains(covered.corners_mm(), 2 * 1.5)).all()


def test_disjoint_grids_give_an_empty_box() -> None:
    away = Grid.from_spacing((8, 8, 8), (1.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    box = box_around(away, GRID)
    assert np.zeros(GRID.shape)[box].size == 0
    assert list(slabs(box, 100)) == []


def test_boxes_widen_but_never_before_the_first_voxel() -> None:
    assert widened(BOX, 2) == (slice(1, 11), slice(8, 27), slice(0, 42))
    assert widened(BOX, 5, 1, 0) == (slice(0, 14), slice(9, 26), slice(0, 40))


def test_the_intersection_of_two_boxes_in_coordinates_of_one() -> None:
    other: Box = (slice(5, 30), slice(0, 12), slice(7, 8))
    shared = common(BOX, other)
    assert shared == (slice(5, 9), slice(10, 12), slice(7, 8))
    assert seen_from(shared, BOX) == (slice(2, 6), slice(0, 2), slice(7, 8))
    assert np.zeros(GRID.shape)[common(BOX, (slice(15, 20), slice(0, 5), slice(0, 3)))].size == 0


@pytest.mark.parametrize("most", [1, 100, 1000, 10**9])
def test_slabs_are_the_box_in_pieces(most: int) -> None:
    times_covered = np.zeros(GRID.shape, int)
    layer = 6 * 15
    for slab in slabs(BOX, most):
        times_covered[slab] += 1
        assert times_covered[slab].size <= max(most, layer)
    expected = np.zeros(GRID.shape, int)
    expected[BOX] = 1
    assert np.array_equal(times_covered, expected)


places = st.lists(st.tuples(st.integers(-9, 12), st.integers(0, 6), st.integers(0, 7)), min_size=1, max_size=3)


@given(places)
def test_a_patch_shows_of_an_array_exactly_the_voxels_they_have_in_common(axes: list[tuple[int, int, int]]) -> None:
    """A first voxel, a size and an array's size for each axis: before, inside, around and behind the array."""
    first, size, shape = zip(*axes, strict=True)
    numbers = 1 + np.arange(np.prod(shape)).reshape(shape)
    patch, times_covered = np.zeros(size, int), np.zeros(shape, bool)
    source, target = overlap(first, size, shape)
    patch[target] = numbers[source]
    times_covered[source] = True
    for index in np.ndindex(*size):
        place = tuple(int(n) for n in np.add(index, first))
        inside = all(0 <= n < most for n, most in zip(place, shape, strict=True))
        assert patch[index] == (numbers[place] if inside else 0)
    assert set(numbers[times_covered]) == set(patch[patch > 0])


@given(places)
def test_both_boxes_of_an_overlap_are_of_one_shape_and_index_without_wrapping(axes: list[tuple[int, int, int]]) -> None:
    first, size, shape = (np.array(part) for part in zip(*axes, strict=True))
    source, target = overlap(first, size, shape)
    assert size_of(source) == size_of(target)
    for box, limits in ((source, shape), (target, size)):
        for axis, limit in zip(box, limits, strict=True):
            assert type(axis.start) is type(axis.stop) is int
            assert 0 <= axis.start <= axis.stop <= limit
    if min(size_of(source)):
        assert source == moved(target, first)


@given(places)
def test_clipping_to_an_array_is_the_intersection_with_it(axes: list[tuple[int, int, int]]) -> None:
    first, size, shape = zip(*axes, strict=True)
    box = within(first, np.add(first, size), shape)
    assert box == overlap(first, size, shape)[0]
    if min(size_of(box)):
        assert box == common(box_at(first, size), box_at([0] * len(shape), shape))
    assert box_at(first_of(box), size_of(box)) == box
