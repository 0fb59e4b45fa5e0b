"""Points of a sample move exactly like the voxels that they belong to, under every spatial change of augmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment import moved_points, random_draws, warping  # noqa: E402
from learning_functions.samples.augment.augmentation import Augmentation  # noqa: E402

SHAPE, SPACING_MM = (30, 34, 38), (2.0, 1.5, 2.5)
OFF = dict.fromkeys(("flip", "turn", "elastic", "intensity", "noise", "blur"), 0.0)
CHANGES: dict[str, dict[str, Any]] = {
    "flip": {"flip": 1.0},
    "turn": {"turn": 1.0, "zoom": 0.0},
    "zoom": {"turn": 1.0, "turn_degrees": 0.0, "zoom": 0.2},
    "elastic": {"elastic": 1.0, "elastic_mm": 4.0},
    "shift": {"shift": 1.0, "shift_mm": 8.0},
    "crop": {"crop": 1.0, "crop_fraction": 0.1},
    "all": {"flip": 1.0, "turn": 1.0, "elastic": 1.0, "shift": 1.0, "shift_mm": 8.0, "crop": 1.0, "crop_fraction": 0.1},
}


def dot(at: np.ndarray, width: float = 1.0) -> np.ndarray:
    """A bright dot (*SHAPE, 1) round a position in voxels."""
    places = np.stack(np.indices(SHAPE), axis=-1) - at
    return np.exp(-0.5 * (places**2).sum(axis=-1, keepdims=True) / width**2).astype(np.float32)


def moved(at: np.ndarray, seed: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
    """The image of a dot and the numbers (one that is no point, then the dot's place) as changed."""
    augment = Augmentation(SPACING_MM, flip_axis=0, points_from=1, **(OFF | changes))
    numbers = np.array([7.0, *at], np.float32)
    x, _, _, moved = augment(dot(at), np.zeros(SHAPE, np.uint8), None, [seed, 3], 0.0, numbers=numbers)
    assert moved.shape == numbers.shape and float(moved[0]) == 7
    return x.numpy()[..., 0], moved.numpy()[1:]


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_bright_dot_and_its_point_stay_together(changes: dict[str, Any], seed: int) -> None:
    at = np.random.default_rng(seed).uniform(11, 19, 3)
    image, point = moved(at, seed, **changes)
    centre = (np.stack(np.indices(SHAPE)) * image).sum(axis=(1, 2, 3)) / image.sum()
    np.testing.assert_allclose(point, centre, atol=0.2)  # a wide dot is bent: its middle moves
    if "crop" not in changes:
        assert np.abs(point - at).max() > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_a_voxel_taken_from_a_point_is_where_the_point_went(seed: int) -> None:
    """By definition: the voxel at the new position comes from the old one, within a hundredth of a voxel."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, np.array(SHAPE) - 1, (2, 50, 3)).astype(np.float32)
    matrix = warping.rotation(tf.constant(rng.uniform(-0.2, 0.2, (2, 3)), tf.float32), 3) * 1.1
    shape = [*warping.control_shape(SHAPE, SPACING_MM, 32.0), 3]
    control = random_draws.normals(tf.constant([[seed, 1], [seed, 2]]), shape, 0)
    displacement = warping.smooth_field(control, SHAPE, SPACING_MM, 32.0) * 2.0 + np.float32([1, -2, 3])
    found = moved_points.warped(tf.constant(points), SHAPE, SPACING_MM, matrix, displacement)
    middle, step = (np.array(SHAPE) - 1) / 2, np.array(SPACING_MM)
    source = middle + ((found.numpy() - middle) * step) @ matrix.numpy().transpose(0, 2, 1) / step
    source = source + warping.at_points(displacement, found).numpy()
    np.testing.assert_allclose(source, points, atol=0.01)


def test_values_are_interpolated_and_constant_outside() -> None:
    ramp = np.stack(np.meshgrid(np.arange(5.0), np.arange(7.0), indexing="ij"), axis=-1).astype(np.float32)
    found = warping.at_points(tf.constant([ramp, -ramp]), tf.constant([[[1.25, 3.5], [-4.0, 9.0]]] * 2))
    np.testing.assert_allclose(found, [[[1.25, 3.5], [0, 6]], [[-1.25, -3.5], [0, -6]]], atol=1e-6)


def test_missing_points_stay_missing() -> None:
    augment = Augmentation(SPACING_MM, flip_axis=0, points_from=0, **(OFF | CHANGES["all"]))
    numbers = np.array([np.nan, np.nan, np.nan, 15, 16, 17], np.float32)
    moved = augment(dot(np.full(3, 15.0)), np.zeros(SHAPE, np.uint8), None, [1, 2], 0.0, numbers=numbers)[3].numpy()
    assert np.isnan(moved[:3]).all() and np.isfinite(moved[3:]).all()


def test_points_outside_are_lost_where_the_image_is_padded() -> None:
    outside = np.array([15.0, 16.0, -3.0])
    assert np.isnan(moved(outside, 1, **CHANGES["turn"])[1]).all()
    np.testing.assert_allclose(moved(outside, 1, **CHANGES["flip"])[1], [14, 16, -3])


@pytest.mark.parametrize("seed", range(6))
def test_cropped_points_are_lost(seed: int) -> None:
    augment = Augmentation(SPACING_MM, points_from=0, **(OFF | {"crop": 1.0}))
    heights = np.arange(-2, SHAPE[2] + 2, dtype=np.float32)
    numbers = np.stack([np.full_like(heights, 15), np.full_like(heights, 16), heights], axis=1)
    image = np.ones((*SHAPE, 1), np.float32)
    x, _, _, moved = augment(image, np.zeros(SHAPE, np.uint8), None, [seed, 1], -1.0, numbers=numbers.ravel())
    shown = x.numpy()[15, 16, :, 0] > 0
    there = np.isfinite(moved.numpy().reshape(-1, 3)).all(axis=1)
    np.testing.assert_array_equal(there[2:-2], shown)
    np.testing.assert_array_equal(there[[0, -1]], shown[[0, -1]])


def test_of_a_stack_of_slices_points_lie_in_its_plane() -> None:
    augment = Augmentation((2.0, 2.0), middle_channel=1, points_from=0, **(OFF | {"turn": 1.0, "flip": 1.0}))
    image = np.zeros((20, 24, 3), np.float32)
    image[8, 15] = 1
    moved = augment(image, np.zeros((20, 24), np.uint8), None, [4, 1], 0.0, numbers=np.float32([8, 15]))
    brightest = np.unravel_index(moved[0].numpy()[..., 1].argmax(), (20, 24))
    assert np.abs(moved[3].numpy() - brightest).max() <= 0.75
