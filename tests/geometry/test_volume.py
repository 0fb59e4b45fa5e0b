"""Volumes and label maps: every operation on the array keeps the world positions of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from any_grids import grids, voxel_centres
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap, Volume, held


def numbered(grid: Grid) -> Volume:
    """A volume in which every voxel has its own number, from 1."""
    return Volume(1 + np.arange(np.prod(grid.shape), dtype=np.int32).reshape(grid.shape), grid)


def places(volume: Volume) -> dict[int, tuple[float, ...]]:
    """Where each numbered voxel lies in the world, to 1e-6 mm."""
    centres = voxel_centres(volume.grid).reshape(-1, 3)
    return {
        int(number): tuple(np.round(place, 6) + 0.0)
        for number, place in zip(volume.voxels.ravel(), centres, strict=True)
        if number
    }


@settings(max_examples=5)
@given(grids(most_degrees=15, most_shear=0.1, shapes=st.tuples(*[st.integers(1, 3)] * 3)))
def test_every_voxel_stays_in_its_place_in_all_48_storages(grid: Grid) -> None:
    volume = numbered(grid)
    before = np.array([place for _, place in sorted(places(volume).items())])
    for axcodes in ALL_ORIENTATIONS:
        stored = volume.reoriented(axcodes)
        after = np.array([place for _, place in sorted(places(stored).items())])
        np.testing.assert_allclose(after, before, atol=3e-6)
        back = stored.reoriented(grid.axcodes)
        np.testing.assert_array_equal(back.voxels, volume.voxels)
        assert back.grid.same_as(grid, 1e-9)


boxes = st.tuples(*[st.integers(-6, 8)] * 3)
sizes = st.tuples(*[st.integers(1, 9)] * 3)


@given(grids(), boxes, sizes)
def test_a_window_holds_its_voxels_and_fill_outside(grid: Grid, start: tuple[int, ...], shape: tuple[int, ...]) -> None:
    volume = numbered(grid)
    window = volume.window(start, shape, fill=-7)
    assert window.voxels.shape == window.grid.shape == shape
    for index in np.ndindex(*shape):
        source = np.add(index, start)
        inside = ((source >= 0) & (source < grid.shape)).all()
        assert window.voxels[index] == (volume.voxels[tuple(source)] if inside else -7)
    np.testing.assert_allclose(window.grid.to_mm((0, 0, 0)), grid.to_mm(start))


def test_a_window_is_a_copy_of_the_same_type() -> None:
    labels = LabelMap(np.ones((3, 3, 3), np.uint8), Grid((3, 3, 3), np.eye(4)))
    window = labels.window((0, 0, 0), (3, 3, 3))
    window.voxels[:] = 5
    assert isinstance(window, LabelMap)
    assert window.voxels.dtype == np.uint8
    assert (labels.voxels == 1).all()


@pytest.mark.parametrize(
    ("fill", "dtype", "kept"),
    [
        (-1024, "int16", -1024),
        (-1024.0, "uint16", 0),
        (-1024, "uint8", 0),
        (300, "uint8", 255),
        (-1024, "int8", -128),
        (-0.6, "int16", -1),
        (7, "bool", True),
        (-1024.5, "float32", -1024.5),
    ],
)
def test_a_fill_becomes_the_nearest_value_that_the_voxels_can_hold(fill: float, dtype: str, kept: float) -> None:
    """Air at -1024 around a scan stored without a sign used to fail, or to turn into 64512."""
    assert held(fill, np.dtype(dtype)) == kept
    volume = Volume(np.zeros((2, 2, 2), dtype), Grid((2, 2, 2), np.eye(4)))
    window = volume.window((5, 5, 5), (1, 1, 1), fill=fill)
    assert window.voxels.dtype == dtype
    assert window.voxels[0, 0, 0] == kept


def test_whole_numbers_cannot_be_filled_with_nan() -> None:
    with pytest.raises(ValueError, match=r"whole numbers only. Received: nan"):
        held(float("nan"), np.dtype("int16"))


def test_other_voxels_come_on_the_same_grid_and_in_the_same_kind() -> None:
    grid = Grid((2, 3, 4), np.diag([1, 2, 3, 1]))
    labels = LabelMap(np.zeros(grid.shape, np.uint8), grid)
    other = labels.with_voxels(np.ones(grid.shape, np.int16))
    assert isinstance(other, LabelMap)
    assert other.grid is grid
    with pytest.raises(ValueError, match=r"Received: \(4, 3, 2\) on \(2, 3, 4\)"):
        labels.with_voxels(np.ones((4, 3, 2), np.int16))


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_a_label_map_holds_integers(dtype: str) -> None:
    with pytest.raises(ValueError, match=f"holds integers. Received: {dtype}"):
        LabelMap(np.zeros((2, 2, 2), dtype), Grid((2, 2, 2), np.eye(4)))


def test_a_mask_of_booleans_is_a_label_map_of_ones() -> None:
    mask = LabelMap(np.ones((2, 2, 2), bool), Grid((2, 2, 2), np.eye(4)))
    assert mask.voxels.dtype == np.uint8
    assert mask.voxels.max() == 1
