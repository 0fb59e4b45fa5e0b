"""Synthetic appearances: tissues keep their places, the seed decides all, and stored images are kept on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment import warping  # noqa: E402
from learning_functions.samples.augment.appearance import Appearance  # noqa: E402
from learning_functions.samples.augment.augmentation import Augmentation  # noqa: E402
from learning_functions.samples.augment.tissue_prior import KINDS, MEMBERS, kind_of, prior_of  # noqa: E402
from learning_functions.spec import OUTSIDE  # noqa: E402
from utility_functions.phantom.tissue import TISSUES  # noqa: E402

NAMES = ("padding", "fat", "muscle", "vertebra shell", "vertebra marrow", "rib marrow")
PATCH, STACK = (18, 20, 22, 1), (24, 32, 8)
WINDOW, NORMALISATION = (-200.0, 1000.0), (400.0, 1 / 600)
BARE = dict.fromkeys(("blur", "thick", "bias", "gamma", "noise"), 0.0)
OFF = dict.fromkeys(("flip", "turn", "elastic", "intensity", "noise", "blur"), 0.0)


def look(shape: tuple[int, ...], **options: Any) -> Appearance:
    return Appearance(NAMES, (2.0,) * (len(shape) - 1), WINDOW, **options)


def drawn(shape: tuple[int, ...], **options: Any) -> Appearance:
    return look(shape, **({"kept": 0.0, "mixed": 0.0} | options))


def in_graph(one: Appearance) -> Callable[..., Any]:
    """The appearance, traced once for many seeds."""
    traced = tf.function(one, autograph=False)
    return lambda stored, codes, seed, pair: traced(tf.constant(stored), tf.constant(codes), tf.constant(seed), pair)


def tissues(shape: tuple[int, ...]) -> np.ndarray:
    """Slabs of every tissue, with an edge outside the scan."""
    codes = np.zeros(shape, np.uint8)
    codes[:] = (np.arange(shape[1]) * len(NAMES) // shape[1]).reshape(1, -1, *[1] * (len(shape) - 2))
    codes[:2] = OUTSIDE
    return codes


def image(shape: tuple[int, ...]) -> np.ndarray:
    stored = np.random.default_rng(0).uniform(-0.9, 0.9, shape).astype(np.float32)
    stored[:2] = -1
    return stored


@pytest.mark.parametrize("shape", [PATCH, STACK])
def test_the_same_seed_gives_the_same_and_another_seed_another(shape: tuple[int, ...]) -> None:
    one = drawn(shape, blur=1, thick=1, bias=1, gamma=1, noise=1)
    first, again, other = (one(image(shape), tissues(shape), seed, NORMALISATION) for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert first.shape == shape and not np.array_equal(first, other)


@pytest.mark.parametrize("shape", [PATCH, STACK])
@pytest.mark.parametrize("zscore", [False, True])
def test_synthetic_images_are_in_the_window_and_dark_outside(shape: tuple[int, ...], zscore: bool) -> None:
    for seed in range(8):
        made = look(shape, zscore=zscore)(image(shape), tissues(shape), [seed, 0], NORMALISATION).numpy()
        assert np.isfinite(made).all() and made.min() >= -1 - 1e-5 and made.max() <= 1 + 1e-5
        np.testing.assert_allclose(made[:2], -1, atol=1e-5)


@pytest.mark.parametrize("shape", [PATCH, STACK])
def test_the_stored_image_is_kept_by_the_option_kept(shape: tuple[int, ...]) -> None:
    keeping = look(shape, kept=1.0, mixed=0.0, **BARE)
    np.testing.assert_allclose(keeping(image(shape), tissues(shape), [1, 2], NORMALISATION), image(shape), atol=1e-6)


def test_the_fractions_of_kept_and_mixed_images_are_as_requested() -> None:
    """The stored image is brighter than synthetic ones, so that the mean tells the kind of a sample."""
    bright = np.full(PATCH, 1.0, np.float32)
    fractions = in_graph(look(PATCH, kept=0.3, mixed=0.3, ct=1.0, **BARE))
    fat = np.full(PATCH, 1, np.uint8)
    means = np.array([fractions(bright, fat, [seed, 1], NORMALISATION).numpy().mean() for seed in range(200)])
    assert 0.2 < (means > 0.999).mean() < 0.4
    assert 0.3 < (means < -0.6).mean() < 0.65


def test_ct_like_images_order_fat_muscle_and_bone() -> None:
    like_ct = in_graph(drawn(PATCH, ct=1.0, **BARE))
    codes = tissues(PATCH)
    means = {name: [] for name in NAMES}
    for seed in range(12):
        made = like_ct(image(PATCH), codes, [seed, 3], NORMALISATION).numpy()
        for code, name in enumerate(NAMES):
            means[name].append(made[codes == code].mean())
    order = [np.mean(means[name]) for name in ("fat", "muscle", "vertebra marrow", "vertebra shell")]
    assert order == sorted(order)
    assert np.std(means["vertebra shell"]) > 0.1, "bone is as dense as the patient"


def test_other_contrasts_can_reverse_intensities() -> None:
    free = in_graph(drawn(PATCH, ct=0.0, **BARE))
    codes = tissues(PATCH)
    brighter = []
    for seed in range(40):
        made = free(image(PATCH), codes, [seed, 3], NORMALISATION).numpy()
        brighter.append(made[codes == 3].mean() > made[codes == 2].mean())
    assert 0.25 < np.mean(brighter) < 0.75


def test_all_bones_have_one_kind_of_marrow() -> None:
    assert kind_of("rib marrow") == kind_of("vertebra marrow") == "marrow"
    assert kind_of("something new") == "soft"


def test_a_shell_may_be_as_dim_as_the_marrow_it_encloses() -> None:
    assert prior_of(NAMES).inner.tolist() == [0, 1, 2, 4, 4, 5]
    codes, above, like_ct = tissues(PATCH), [], in_graph(drawn(PATCH, ct=1.0, **BARE))
    for seed in range(20):
        made = like_ct(image(PATCH), codes, [seed, 4], NORMALISATION).numpy()
        above.append(made[codes == 3].mean() - made[codes == 4].mean())
    assert min(above) < 0.35 and max(above) > 0.9


def test_the_tissues_of_phantoms_are_known() -> None:
    """A new tissue needs a kind in tissue_prior.MEMBERS, or it looks like muscle."""
    members = {member for kind in MEMBERS.values() for member in kind}
    assert [name for name in TISSUES if name not in members and not name.endswith((" shell", " marrow"))] == []
    assert set(MEMBERS) <= set(KINDS) and len(prior_of(TISSUES).kind) == len(TISSUES)


@pytest.mark.parametrize("shape", [PATCH, STACK])
def test_image_and_tissues_are_moved_as_one(shape: tuple[int, ...]) -> None:
    """The synthetic image of moved tissues agrees with the moved target."""
    codes = np.ones(shape, np.uint8)
    codes[5:12, 6:14] = 3
    target = (codes[..., 0] == 3).astype(np.uint8)
    moving = Augmentation((2.0,) * (len(shape) - 1), flip_axis=0, **(OFF | {"turn": 1.0, "elastic": 1.0, "flip": 0.5}))
    augment = moving.with_appearance(drawn(shape, ct=1.0, **BARE))
    for seed in range(3):
        x, y, w = augment(image(shape), target, None, [seed, 5], -1.0, codes, NORMALISATION)
        x, y = x.numpy()[..., 0], y.numpy()
        assert w is None and y.any() and not np.array_equal(y, target)
        bone, fat = x[y == 1], x[(y == 0) & (x > -1)]
        assert np.median(bone) > np.median(fat) + 0.3
        assert (np.abs(bone - np.median(bone)) < 0.5).mean() > 0.8


def test_a_stack_is_mirrored_with_its_tissues() -> None:
    codes = np.broadcast_to(np.array([1, 1, 1, 1, 3, 1, 3, 1], np.uint8), STACK)
    flipping = Augmentation((2.0, 2.0), middle_channel=4, **(OFF | {"flip": 1.0}))
    x, _, _ = flipping.with_appearance(drawn(STACK, ct=1.0, **BARE))(
        image(STACK), np.zeros(STACK[:2], np.uint8), None, [1, 2], -1.0, codes, NORMALISATION
    )
    means = x.numpy().mean(axis=(0, 1))
    assert (means > (means.min() + means.max()) / 2).tolist() == [False, False, True, False, True, False, False, False]


def test_weights_come_between_target_and_tissues() -> None:
    moving = Augmentation((2.0,) * 3, **(OFF | {"turn": 1.0})).with_appearance(drawn(PATCH))
    target, weights = np.ones(PATCH[:3], np.uint8), np.full(PATCH[:3], 0.5, np.float32)
    x, y, w = moving(image(PATCH), target, weights, [1, 2], -1.0, tissues(PATCH), NORMALISATION)
    assert set(np.unique(w)) == {0.0, 0.5} and y.dtype == tf.uint8 and np.isfinite(x.numpy()).all()
    np.testing.assert_array_equal(w.numpy() > 0, y.numpy() > 0)


def test_space_is_changed_as_without_an_appearance() -> None:
    """The same seed flips and bends the same way, so that the two kinds of augmentation can be compared."""
    target = (tissues(PATCH)[..., 0] == 3).astype(np.uint8)
    moving = Augmentation((2.0,) * 3, flip_axis=0)
    for seed in range(4):
        without = moving(image(PATCH), target, None, [seed, 1])[1]
        with_look = moving.with_appearance(drawn(PATCH))(
            image(PATCH), target, None, [seed, 1], -1.0, tissues(PATCH), NORMALISATION
        )
        np.testing.assert_array_equal(without, with_look[1])


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_thick_slices_keep_constant_images_and_change_nothing_at_one_voxel(start: float) -> None:

    def coarser(size: int, deviation: float, apart: float) -> np.ndarray:
        return warping.coarser(size, *(tf.constant([value]) for value in (deviation, apart, start))).numpy()[0]

    np.testing.assert_allclose(coarser(9, 0.0, 1.0), np.eye(9), atol=1e-6)
    for apart in (1.001, 1.5, 3.0, 8.0):
        matrix = coarser(24, 0.0, apart)
        assert np.isfinite(matrix).all()
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)
    ramp = coarser(60, 1.0, 4.0) @ np.arange(60)
    np.testing.assert_allclose(ramp[12:-12], np.arange(60)[12:-12], atol=0.05)
    fine = coarser(60, 0.0, 6.0) @ (np.arange(60) % 2)
    assert np.ptp(fine[10:-10]) < 0.1, "structures finer than the slices vanish"


@pytest.mark.parametrize(
    "options",
    [{"kept": 1.2}, {"kept": 0.6, "mixed": 0.6}, {"noise_deviation": -1}, {"tissue_names": ()}, {"spacing_mm": (1,)}],
)
def test_invalid_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Received"):
        Appearance(**({"tissue_names": NAMES, "spacing_mm": (1, 1, 1), "window": WINDOW} | options))


def test_tissues_and_appearance_belong_together() -> None:
    moving = Augmentation((2.0,) * 3)
    target = np.zeros(PATCH[:3], np.uint8)
    with pytest.raises(ValueError, match="An appearance needs tissues"):
        moving.with_appearance(drawn(PATCH))(image(PATCH), target, None, [1, 2])
    with pytest.raises(ValueError, match="An appearance needs tissues"):
        moving(image(PATCH), target, None, [1, 2], -1.0, tissues(PATCH), NORMALISATION)
