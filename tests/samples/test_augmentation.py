"""Augmentation: image and target move together, labels stay labels, and the seed decides everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment import random_draws, warping  # noqa: E402
from learning_functions.samples.augment.augmentation import Augmentation  # noqa: E402

OFF = dict.fromkeys(("flip", "turn", "elastic", "intensity", "noise", "blur"), 0.0)
PATCH, STACK = (18, 20, 22, 1), (24, 32, 8)


def arrays(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    return values, rng.choice([0, 3, 24], shape[:-1]).astype(np.uint8), rng.random(shape[:-1]).astype(np.float32)


def only(shape: tuple[int, ...], **options: Any) -> Augmentation:
    return Augmentation((2.0,) * (len(shape) - 1), **(OFF | options))


@pytest.mark.parametrize("shape", [PATCH, STACK])
def test_probabilities_of_0_change_nothing(shape: tuple[int, ...]) -> None:
    parts = arrays(shape)
    for ours, theirs in zip(only(shape)(*parts, [1, 2]), parts, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [PATCH, STACK])
@pytest.mark.parametrize("amounts", [{"turn_degrees": 0, "zoom": 0}, {"elastic_mm": 0}])
def test_a_warp_of_amount_0_changes_nothing(shape: tuple[int, ...], amounts: dict[str, float]) -> None:
    chosen = {"turn": 1} if "zoom" in amounts else {"elastic": 1}
    parts = arrays(shape)
    for ours, theirs in zip(only(shape, **chosen, **amounts)(*parts, [1, 2]), parts, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("shape", [PATCH, STACK])
def test_the_same_seed_gives_the_same_and_another_seed_another(shape: tuple[int, ...]) -> None:
    augment = only(shape, **dict.fromkeys(OFF, 1.0), flip_axis=0)
    first, again, other = (augment(*arrays(shape), seed) for seed in ([1, 2], [1, 2], [1, 3]))
    for ours, theirs, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not np.array_equal(ours, different)


def test_flipping_twice_gives_the_patch_back() -> None:
    parts = arrays(PATCH)
    augment = only(PATCH, flip=1.0, flip_axis=0)
    once = augment(*parts, [1, 2])
    for flipped, part in zip(once, parts, strict=True):
        np.testing.assert_array_equal(flipped, part[::-1])
    for back, part in zip(augment(*once, [5, 6]), parts, strict=True):
        np.testing.assert_array_equal(back, part)


@pytest.mark.parametrize(("channels", "order"), [(5, [4, 3, 2, 1, 0]), (8, [7, 7, 6, 5, 4, 3, 2, 1]), (1, [0])])
def test_a_stack_is_mirrored_about_the_slice_of_its_target(channels: int, order: list[int]) -> None:
    x, y, w = arrays((6, 7, channels))
    mirrored = only(STACK, flip=1.0, middle_channel=channels // 2)(x, y, w, [1, 2])
    np.testing.assert_array_equal(mirrored[0], x[..., order])
    np.testing.assert_array_equal(mirrored[1], y)
    np.testing.assert_array_equal(mirrored[0][..., channels // 2], x[..., channels // 2])


def blocks(shape: tuple[int, ...]) -> np.ndarray:
    """Two labelled blocks, away from the border."""
    labels = np.zeros(shape, np.uint8)
    labels[5:11, 6:12] = 3
    labels[9:14, 13:17] = 24
    return labels


@pytest.mark.parametrize("shape", [(18, 20, 22), (24, 32)])
@pytest.mark.parametrize("seed", range(4))
def test_image_target_and_weights_move_together(shape: tuple[int, ...], seed: int) -> None:
    labels = blocks(shape)
    augment = only((*shape, 1), turn=1.0, elastic=1.0, flip=0.5, flip_axis=0, turn_degrees=20.0, elastic_mm=3.0)
    x, y, w = augment(labels[..., None].astype(np.float32), labels, labels.astype(np.float32) + 1, [seed, 7], 0.0)
    x, y, w = x.numpy()[..., 0], y.numpy(), w.numpy()
    assert set(np.unique(y)) <= {0, 3, 24} and not np.array_equal(y, labels)
    assert set(np.unique(w)) <= {0.0, 1.0, 4.0, 25.0}
    np.testing.assert_array_equal(w[w > 0], y[w > 0] + 1)
    for value in (3, 24):  # both agree away from edges, where interpolation and rounding differ
        image = np.isclose(x, value, atol=1e-3)
        assert (y[image] == value).all()
        mine = np.argwhere(y == value).mean(axis=0)
        alone, _, _ = augment((labels == value)[..., None].astype(np.float32), labels, None, [seed, 7], 0.0)
        assert np.abs(mine - np.argwhere(alone.numpy()[..., 0] > 0.5).mean(axis=0)).max() < 0.25


def test_voxels_outside_have_padding_values_and_weight_0() -> None:
    shape = (20, 20, 20, 1)
    augment = only(shape, turn=1.0, turn_degrees=45.0, zoom=0.0, ignore=7)
    x, y, w = augment(np.ones(shape), np.ones(shape[:3], np.int16), np.ones(shape[:3], np.float32), [3, 4], -5.0)
    outside = x.numpy()[..., 0] == -5
    assert 0.01 < outside.mean() < 0.5 and y.dtype == tf.int16
    np.testing.assert_array_equal(y.numpy() == 7, outside)
    np.testing.assert_array_equal(w.numpy() == 0, outside)


def test_turning_is_in_mm_and_not_in_voxels() -> None:
    """A square in mm on voxels twice as long stays a square in mm after a rotation by a right angle."""
    matrix = warping.rotation(tf.constant([[np.pi / 2]]), 2)
    places = np.stack(warping.sources((5, 9), (2.0, 1.0), matrix), axis=-1)[0]
    np.testing.assert_allclose(places[2, 4], [2, 4], atol=1e-5)
    np.testing.assert_allclose(places[4, 4], [2, 8], atol=1e-5)  # 4 mm along one axis is 4 voxels along the other
    np.testing.assert_allclose(places[2, 8], [0, 4], atol=1e-5)


def test_a_smooth_field_has_the_requested_standard_deviation() -> None:
    shape, spacing_mm, control_mm = (40, 30), (1, 2), 8.0
    seeds = tf.constant([[seed, 0] for seed in range(30)])
    control = random_draws.normals(seeds, [*warping.control_shape(shape, spacing_mm, control_mm), 2], 0)
    fields = warping.smooth_field(control, shape, spacing_mm, control_mm).numpy()
    assert fields.shape == (30, 40, 30, 2) and np.std(fields) == pytest.approx(1, abs=0.1)
    steps = np.diff(fields[0], axis=0)
    assert np.abs(steps).max() < 0.5, "neighbouring voxels move together"


@pytest.mark.parametrize("rank", [2, 3])
def test_interpolation_is_exact_for_linear_images(rank: int) -> None:
    shape = (5, 6, 7)[:rank]
    slopes = np.array([1.0, -2.0, 0.5])[:rank]
    image = (np.indices(shape) * slopes.reshape(-1, *[1] * rank)).sum(axis=0)[..., None].astype(np.float32)
    rng = np.random.default_rng(3)
    places = [tf.constant(rng.uniform(0, size - 1, (2, *shape)), tf.float32) for size in shape]
    batch = tf.stack([tf.concat([image, -image], -1), tf.concat([-image, image], -1)])
    found = warping.linear(batch, places, warping.is_inside(places, shape), tf.zeros(2)).numpy()
    expected = sum(slope * place.numpy() for slope, place in zip(slopes, places, strict=True))
    expected *= np.reshape([1, -1], [2] + [1] * rank)
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-4)
    np.testing.assert_allclose(found[..., 1], -expected, atol=1e-4)


def test_blurring_keeps_a_plain_image_and_spreads_a_point() -> None:
    point = np.zeros(PATCH, np.float32)
    point[9, 10, 11] = 1
    spread = warping.blurred(tf.constant(point[None]), (1, 1, 1), tf.constant([1.0])).numpy()[0]
    assert spread[9, 10, 11, 0] == pytest.approx((2 * np.pi) ** -1.5, rel=0.01)
    assert np.unravel_index(spread.argmax(), PATCH) == (9, 10, 11, 0)
    plain = warping.blurred(tf.ones((2, *STACK)), (1, 1), tf.constant([3.0, 0.0])).numpy()
    np.testing.assert_allclose(plain, 1, atol=1e-5)


def test_intensities_change_within_their_bounds() -> None:
    x, y, _ = arrays(PATCH)
    changed, targets, weights = only(PATCH, intensity=1.0, contrast=0.2, brightness=0.1)(x, y, None, [1, 2])
    slope, shift = np.polyfit(x.ravel(), changed.numpy().ravel(), 1)
    assert abs(slope - 1) <= 0.2 and abs(shift) <= 0.1 and slope != 1
    assert weights is None
    np.testing.assert_array_equal(targets, y)


@pytest.mark.parametrize(
    "options",
    [
        {"spacing_mm": (1,)},
        {"spacing_mm": (1, 0)},
        {"flip": 1.5},
        {"blur_mm": -1},
        {"zoom": 1},
        {"control_mm": 0},
        {"flip_axis": 3},
    ],
)
def test_invalid_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        Augmentation(**({"spacing_mm": (1, 1, 1)} | options))


def test_a_target_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="share 3 axes"):
        only(PATCH)(np.zeros(PATCH), np.zeros((18, 20, 21), np.uint8), None, [1, 2])


def augmented(augment: Augmentation, target: np.ndarray, seed: int, fraction: float = 0.9) -> tuple[np.ndarray, ...]:
    """Image (bright where the target is), target, memory and numbers as changed."""
    memory, figures = np.ones(target.shape, np.uint8), np.array([7.0, fraction], np.float32)
    weights = np.full(target.shape, 2.0, np.float32)
    image = target[..., None].astype(np.float32)
    x, y, w, numbers = augment(image, target, weights, [seed, 1], -1.0, memory=memory, numbers=figures)
    np.testing.assert_array_equal(w, weights)
    return x.numpy()[..., 0], y.numpy(), x.numpy()[..., 1], numbers.numpy()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [22, 9])
def test_cropped_voxels_are_padded_and_reduce_the_visible_fraction(seed: int, size: int) -> None:
    target = np.zeros((8, 9, size), np.uint8)
    target[2:6, 2:6, 1:-1] = 1
    image, y, memory, numbers = augmented(only(PATCH, crop=1.0, fraction_number=1), target, seed)
    padding = (image == -1).all(axis=(0, 1))
    np.testing.assert_array_equal(padding, ~(memory > 0).all(axis=(0, 1)))
    assert not y[..., padding].any() and (y[..., ~padding] == target[..., ~padding]).all()
    assert not padding[size // 2] and padding.sum() <= size // 2
    assert len(np.flatnonzero(np.diff(padding))) <= 1, "one end is cut away"
    assert numbers[0] == 7 and numbers[1] == pytest.approx(0.9 * y.sum() / target.sum())


def test_crops_vary_and_have_the_requested_frequency() -> None:
    target = np.ones((2, 2, 20), np.uint8)
    fractions = [augmented(only(PATCH, crop=0.5, fraction_number=1), target, seed, 1.0)[3][1] for seed in range(40)]
    whole = sum(fraction == 1 for fraction in fractions)
    assert (
        10 <= whole <= 30 and len({round(float(fraction), 3) for fraction in fractions}) > 8 and min(fractions) >= 0.5
    )


def test_rotations_reduce_the_visible_fraction() -> None:
    inner, corner = np.zeros((2, 20, 20, 20), np.uint8)
    inner[7:13, 7:13, 7:13] = 1
    corner[:4, :4, :4] = 1
    augment = Augmentation((2.0,) * 3, **(OFF | {"turn": 1.0}), turn_degrees=30.0, zoom=0.0, fraction_number=1)
    for seed in range(4):
        weights = None
        numbers = [
            augment(part[..., None], part, weights, [seed, 1], numbers=np.array([0.0, 1.0], np.float32))[3].numpy()[1]
            for part in (inner, corner)
        ]
        assert numbers[0] == 1 and numbers[1] < 1


def test_an_empty_target_loses_nothing() -> None:
    augment = only(PATCH, crop=1.0, turn=1.0, fraction_number=1)
    empty = np.zeros((8, 9, 10), np.uint8)
    numbers = augment(empty[..., None], empty, None, [3, 1], numbers=np.array([0.0, 0.4], np.float32))[3]
    assert float(numbers[1]) == pytest.approx(0.4)


@pytest.mark.parametrize("options", [{"crop": 2.0}, {"crop_fraction": 0.6}])
def test_invalid_crops_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        Augmentation((1, 1, 1), **options)
