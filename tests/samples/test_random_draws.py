"""Random numbers of samples: their distributions, and their independence of the batch."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from learning_functions.samples.augment import random_draws  # noqa: E402
from learning_functions.samples.augment.augmentation import CHANGES, Augmentation  # noqa: E402
from learning_functions.task_options.common_options import Changes  # noqa: E402

MANY = tf.stack([tf.fill([3000], 7), tf.range(3000)], axis=1)


@tf.function(autograph=False)
def keys_of(seeds: tf.Tensor) -> tf.Tensor:
    return random_draws.keys(seeds, 2, 1)


def test_numbers_of_voxels_are_standard_normal_and_independent() -> None:
    noise = random_draws.normal_at(tf.reshape(keys_of(MANY[:2]), [4, 2]), (40, 50, 60)).numpy()
    one, others = noise[0].ravel(), noise[1:].reshape(3, -1)
    assert abs(one.mean()) < 0.012 and one.std() == pytest.approx(1, abs=0.01)
    assert abs((one**3).mean()) < 0.03 and (one**4).mean() == pytest.approx(3, abs=0.06)
    assert np.mean(np.abs(one) > 2) == pytest.approx(0.0455, abs=0.002)
    assert max(abs(np.corrcoef(one, other)[0, 1]) for other in others) < 0.012
    for axis in range(3):
        ahead, behind = np.moveaxis(noise[0], axis, 0)[1:], np.moveaxis(noise[0], axis, 0)[:-1]
        assert abs(np.corrcoef(ahead.ravel(), behind.ravel())[0, 1]) < 0.012
    first = random_draws.normal_at(keys_of(MANY)[:, 0], (2,)).numpy()[:, 0]
    assert abs(first.mean()) < 0.08 and first.std() == pytest.approx(1, abs=0.06)


def test_draws_of_a_sample_are_the_same_in_any_batch() -> None:
    for draw in (random_draws.uniforms, random_draws.normals):
        together = draw(MANY[:3], [2, 2], 4).numpy()
        np.testing.assert_array_equal(together[1:2], draw(MANY[1:2], [2, 2], 4))
        assert len(np.unique(np.concatenate([together, draw(MANY[:3], [2, 2], 5)]))) == 24


def test_spatial_changes_have_the_requested_frequencies_and_ranges() -> None:
    augment = Augmentation((2.0, 1.0, 4.0), flip_axis=0, crop=0.25, shift=0.75, turn_degrees=10.0, zoom=0.1, shift_mm=8)

    @tf.function(autograph=False)
    def drawn(seeds: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor, tuple[tf.Tensor, ...]]:
        happens, tones, moves = augment.changes_of(seeds)
        settings = augment.spatial_settings((8, 8, 8))
        return happens, tones, augment.spatial_draws(settings, happens, moves, seeds, happens["flip"])

    happens, tones, draws = drawn(MANY)
    expected = {name: getattr(Changes, name) for name in CHANGES} | {"crop": 0.25, "shift": 0.75}
    assert {
        name: float(tf.reduce_mean(tf.cast(flags, tf.float32))) for name, flags in happens.items()
    } == pytest.approx(expected, abs=0.03)
    assert np.abs(np.corrcoef([flags.numpy() for flags in happens.values()]) - np.eye(len(CHANGES))).max() < 0.08
    assert tones.numpy().mean(axis=0) == pytest.approx(0.5, abs=0.03) and tones.numpy().std() == pytest.approx(
        0.289, abs=0.01
    )
    turned = happens["turn"].numpy()
    scale = np.linalg.det(draws.matrix.numpy()) ** (1 / 3)
    assert (np.abs(scale[~turned] - 1) < 1e-5).all() and np.abs(scale - 1).max() <= 0.1 + 1e-5
    assert scale[turned].std() == pytest.approx(0.1 / np.sqrt(3), rel=0.08)
    tilt = np.rad2deg(np.arcsin(draws.matrix.numpy()[turned, 0, 2] / scale[turned]))
    assert np.abs(tilt).max() <= 10.01 and tilt.std() == pytest.approx(10 / np.sqrt(3), rel=0.08)
    shift_mm = draws.push.numpy()[happens["shift"].numpy()] * augment.spacing_mm
    assert np.abs(shift_mm).max() <= 8 and shift_mm.std(axis=0) == pytest.approx(8 / np.sqrt(3), rel=0.08)
    assert not draws.push.numpy()[~happens["shift"].numpy()].any()
    np.testing.assert_allclose(draws.bend.numpy()[happens["elastic"].numpy()][0], [1.0, 2.0, 0.5])
    assert draws.control.numpy().std() == pytest.approx(1, abs=0.02)
    assert (
        draws.cut.numpy().min() >= 0
        and draws.cut.numpy().max() <= 4
        and draws.above.numpy().mean() == pytest.approx(0.5, abs=0.03)
    )
