"""Resampling: exact where it can be, in any storage, on any grid, in any type of voxel."""

from __future__ import annotations

import numpy as np
import pytest
from any_grids import grids, voxel_centres
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.resampling import TIE_VOXELS, resample
from utility_functions.geometry.volume import LabelMap, Volume

some_shapes = st.tuples(*[st.integers(2, 7)] * 3)
slopes = st.tuples(*[st.floats(-3, 3)] * 3)


def aimed(target: Grid, at: Grid) -> Grid:
    """``target`` moved so that its middle lies on the middle of ``at``."""
    affine = target.affine.copy()
    affine[:3, 3] += at.corners_mm().mean(axis=0) - target.corners_mm().mean(axis=0)
    return Grid(target.shape, affine)


def laid_out(voxels: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another order in memory."""
    if layout == "C":
        return np.ascontiguousarray(voxels)
    if layout == "Fortran":
        return np.asfortranarray(voxels)
    if layout == "flipped":
        return np.ascontiguousarray(voxels[::-1, :, ::-1])[::-1, :, ::-1]
    if layout == "swapped":
        return np.ascontiguousarray(voxels.transpose(1, 2, 0)).transpose(2, 0, 1)
    holder = np.zeros(np.multiply(voxels.shape, 2), voxels.dtype)
    holder[::2, 1::2, ::2] = voxels
    return holder[::2, 1::2, ::2]


LAYOUTS = ("C", "Fortran", "flipped", "swapped", "every other")


@given(grids(shapes=some_shapes), grids(shapes=some_shapes), slopes, st.sampled_from(LAYOUTS))
def test_a_linear_ramp_comes_out_exact_on_any_grid(grid: Grid, target: Grid, slope: np.ndarray, layout: str) -> None:
    """Oblique, sheared and anisotropic on both sides."""
    target = aimed(target, grid)
    volume = Volume(laid_out(voxel_centres(grid) @ slope, layout), grid)
    resampled = resample(volume, target, fill=1e6)
    assert resampled.grid.same_as(target, 1e-6)
    place = grid.to_index(voxel_centres(target))
    far = np.asarray(grid.shape) - 1
    between = ((place >= 1e-6) & (place <= far - 1e-6)).all(axis=-1)
    outside = ((place < -0.5 - 1e-6) | (place > far + 0.5 + 1e-6)).any(axis=-1)
    np.testing.assert_allclose(resampled.voxels[between], (voxel_centres(target) @ slope)[between], atol=1e-6)
    assert (resampled.voxels[outside] == 1e6).all()
    assert (resampled.voxels[((place > -0.5 + 1e-6) & (place < far + 0.5 - 1e-6)).all(axis=-1)] != 1e6).all()


@given(grids(shapes=some_shapes), grids(shapes=some_shapes), st.integers(0, 99), st.sampled_from(LAYOUTS))
def test_a_label_is_that_of_the_nearest_voxel(grid: Grid, target: Grid, seed: int, layout: str) -> None:
    target = aimed(target, grid)
    labels = np.random.default_rng(seed).choice([0, 7, 19, 28, 200], grid.shape).astype(np.uint8)
    resampled = resample(LabelMap(laid_out(labels, layout), grid), target)
    assert isinstance(resampled, LabelMap)
    assert set(np.unique(resampled.voxels)) <= set(np.unique(labels)) | {0}
    upright = LabelMap(labels, grid).reoriented("RAS")  # half way, the world decides
    place = upright.grid.to_index(voxel_centres(target)) - TIE_VOXELS
    nearest = np.round(place).astype(int)
    inside = ((nearest >= 0) & (nearest < upright.grid.shape)).all(axis=-1)
    within = np.clip(nearest, 0, np.subtract(upright.grid.shape, 1))
    expected = np.where(inside, upright.voxels[tuple(np.moveaxis(within, -1, 0))], 0)
    tie = (np.abs(np.abs(place - np.floor(place)) - 0.5) < 1e-6).any(axis=-1)
    np.testing.assert_array_equal(resampled.voxels[~tie], expected[~tie])


on_axes = st.tuples(*[st.sampled_from((0.5, 0.9765625, 1.0, 1.5, 2.0, 3.0, 4.25))] * 3)
scan_shapes = st.tuples(*[st.integers(3, 12)] * 3)


@settings(max_examples=25)
@given(on_axes, scan_shapes, st.sampled_from(((2.0, 2.0, 2.0), (4.0, 3.0, 3.0), (1.0, 1.0, 1.0))), st.integers(0, 99))
def test_labels_of_a_scan_on_the_world_s_axes_are_the_same_from_all_48_storages(
    spacing: tuple[float, ...], shape: tuple[int, ...], wanted: tuple[float, ...], seed: int
) -> None:
    """Half way between two voxels the storage decided once; headers of 32 bits shift positions slightly."""
    grid = Grid.from_spacing(shape, spacing, (-177.95632934570312, 249.51171875, -846.25))
    labels = LabelMap(np.random.default_rng(seed).integers(0, 200, shape).astype(np.uint8), grid)
    upright = resample(labels, grid.upright(wanted))
    back = resample(upright, grid)
    for axcodes in ALL_ORIENTATIONS:
        stored = labels.reoriented(axcodes)
        stored = LabelMap(
            np.ascontiguousarray(stored.voxels), Grid(stored.grid.shape, stored.grid.affine.astype(np.float32))
        )
        other = resample(stored, stored.grid.upright(wanted))
        np.testing.assert_array_equal(other.voxels, upright.voxels)
        np.testing.assert_array_equal(resample(other, stored.grid).reoriented("RAS").voxels, back.voxels)


@settings(max_examples=25)
@given(on_axes, scan_shapes, st.sampled_from(((2.0, 2.0, 2.0), (4.0, 3.0, 3.0), (1.0, 1.0, 1.0))), st.integers(0, 99))
def test_an_image_on_the_world_s_axes_is_the_same_from_all_48_storages_up_to_its_faces(
    spacing: tuple[float, ...], shape: tuple[int, ...], wanted: tuple[float, ...], seed: int
) -> None:
    """Half a voxel off, the outermost new voxels can lie on a face of the scan: inside or out by storage."""
    grid = Grid.from_spacing(shape, spacing, (-177.95632934570312, 249.51171875, -846.25))
    image = Volume(np.random.default_rng(seed).normal(0, 300, shape).astype(np.float32), grid)

    def halves_off(scan: Volume) -> Volume:
        upright = scan.grid.upright(wanted)
        return resample(scan, upright.window((-0.5,) * 3, np.add(upright.shape, 1)), fill=-1024)

    expected = halves_off(image)
    for axcodes in ALL_ORIENTATIONS:
        stored = image.reoriented(axcodes)
        affine = stored.grid.affine.astype(np.float32)
        stored = Volume(np.ascontiguousarray(stored.voxels), Grid(stored.grid.shape, affine))
        np.testing.assert_allclose(halves_off(stored).voxels, expected.voxels, atol=2.0)


def test_a_voxel_on_the_face_of_an_image_lies_outside() -> None:
    image = Volume(np.full((2, 2, 2), 7, np.int16), Grid.from_spacing((2, 2, 2), 1.0))
    across = Grid.from_spacing((3, 1, 1), 1.0, (-0.5, 0, 0))
    for axcodes in ALL_ORIENTATIONS:
        stored = image.reoriented(axcodes)
        stored = stored.with_voxels(np.ascontiguousarray(stored.voxels))
        assert resample(stored, across, fill=-5).voxels.ravel().tolist() == [-5, 7, -5]


def test_half_way_between_two_labels_lies_the_one_to_the_left_behind_or_below() -> None:
    labels = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], np.uint8)
    grid = Grid.from_spacing((2, 2, 2), 1.0)
    between = Grid.from_spacing((1, 1, 1), 1.0, (0.5, 0.5, 0.5))
    for axcodes in ALL_ORIENTATIONS:
        stored = LabelMap(labels, grid).reoriented(axcodes)
        stored = stored.with_voxels(np.ascontiguousarray(stored.voxels))
        assert resample(stored, between).voxels.item() == 1


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i2", "uint16", "int32", "int64", "float16", ">f4", "float64"])
def test_another_storage_of_the_same_voxels_is_reached_without_a_change(dtype: str) -> None:
    voxels = np.random.default_rng(3).integers(0, 120, (4, 5, 6)).astype(dtype)
    if np.dtype(dtype).kind in "if":
        voxels -= 60
    smallest = 1e-11 if dtype == "float64" else 0
    volume = Volume(voxels, Grid.from_spacing((4, 5, 6), (0.7, 1.1, 2.3), (-31.7, 12.9, 801.3), "PIR"))
    for axcodes in ALL_ORIENTATIONS:
        wanted = volume.reoriented(axcodes)
        resampled = resample(volume, wanted.grid)
        assert resampled.voxels.dtype == dtype
        np.testing.assert_allclose(resampled.voxels, wanted.voxels, rtol=0, atol=smallest)
        np.testing.assert_allclose(resample(wanted, volume.grid).voxels, voxels, rtol=0, atol=smallest)


@settings(max_examples=8)
@given(grids(most_degrees=20, most_shear=0.1, shapes=st.tuples(*[st.integers(3, 8)] * 3)), st.integers(0, 99))
def test_a_scan_resampled_upright_is_the_same_from_all_48_storages(grid: Grid, seed: int) -> None:
    volume = Volume(np.random.default_rng(seed).normal(0, 300, grid.shape), grid)
    upright = resample(volume, grid.upright(1.7), fill=-1024)
    edge = np.abs(np.abs(grid.to_index(voxel_centres(upright.grid)) / (np.asarray(grid.shape) / 2) - 1) - 1)
    for axcodes in ALL_ORIENTATIONS:
        stored = volume.reoriented(axcodes)
        other = resample(stored, stored.grid.upright(1.7), fill=-1024)
        differs = np.abs(other.voxels - upright.voxels) > 1e-5
        assert not (differs & (edge > 1e-5).all(axis=-1)).any()
        assert differs.mean() < 0.05  # voxels that lie on the very border, inside or out by rounding


@pytest.mark.parametrize(("value", "shift", "expected"), [(-31, 0.75, -30), (30, 0.75, 31), (-31, 1 - 1e-9, -30)])
def test_interpolated_integers_are_rounded_to_the_nearest(value: int, shift: float, expected: int) -> None:
    """They used to lose their fraction, so that images drifted towards zero by half a unit."""
    ramp = np.broadcast_to(np.arange(value, value + 4, dtype=np.int16)[:, None, None], (4, 4, 4))
    grid = Grid((4, 4, 4), np.eye(4))
    moved = Grid.from_spacing((2, 2, 2), 1.0, (shift, 1.0, 1.0))
    assert resample(Volume(ramp, grid), moved).voxels[0, 0, 0] == expected


@pytest.mark.parametrize(
    ("dtype", "fill", "expected"),
    [("int16", -1024, -1024), ("uint16", -1024, 0), ("uint8", 300, 255), ("float32", -1024, -1024)],
)
def test_voxels_outside_have_the_nearest_representable_fill(dtype: str, fill: int, expected: int) -> None:
    """Air at -1024 around a scan stored without a sign used to turn into 64512."""
    for kind in (Volume, LabelMap) if np.dtype(dtype).kind in "iu" else (Volume,):
        volume = kind(np.full((3, 3, 3), 10, dtype), Grid((3, 3, 3), np.eye(4)))
        outside = resample(volume, Grid.from_spacing((3, 3, 3), 1.0, (100, 0, 0)), fill=fill)
        assert type(outside) is kind
        assert (outside.voxels == expected).all()
        assert outside.voxels.dtype == dtype


def test_a_mask_of_booleans_is_resampled_too() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[:2] = True
    resampled = resample(Volume(mask, Grid((4, 4, 4), np.eye(4))), Grid.from_spacing((8, 4, 4), (0.5, 1, 1)))
    assert resampled.voxels.dtype == bool
    assert resampled.voxels[:, 0, 0].tolist() == [True, True, True, False, False, False, False, False]


def test_the_same_grid_gives_the_volume_itself() -> None:
    volume = Volume(np.zeros((3, 3, 3)), Grid((3, 3, 3), np.eye(4)))
    assert resample(volume, Grid((3, 3, 3), np.eye(4))) is volume


def test_numbers_that_are_not_real_are_refused() -> None:
    volume = Volume(np.zeros((3, 3, 3), np.complex64), Grid((3, 3, 3), np.eye(4)))
    with pytest.raises(ValueError, match=r"Only real numbers can be resampled. Received: voxels of type complex64"):
        resample(volume, Grid((4, 4, 4), np.eye(4)))
