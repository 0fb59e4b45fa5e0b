"""Trilinear upsampling by Keras's own layers is that of linear interpolation between voxel centres."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_models.linear_upsampling import linear_upsampling


def interpolated(x: np.ndarray, size: int) -> np.ndarray:
    """The three axes of (x, y, z, channels) one after another, by numpy."""
    for axis in range(3):
        places = (np.arange(x.shape[axis] * size) + 0.5) / size - 0.5
        line = np.arange(x.shape[axis])
        x = np.apply_along_axis(lambda values, places=places, line=line: np.interp(places, line, values), axis, x)
    return x


def upsampling(size: int) -> keras.Model:
    image = keras.Input((None, None, None, 2))
    return keras.Model(image, linear_upsampling(image, size, "up"))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 2, 7)])
def test_maps_of_any_size_are_interpolated_up_to_the_border(size: int, shape: tuple[int, int, int]) -> None:
    x = np.random.default_rng(size).normal(size=(*shape, 2)).astype(np.float32)
    grown = np.asarray(upsampling(size)(x[None]))[0]
    assert grown.shape == (*(length * size for length in shape), 2)
    np.testing.assert_allclose(grown, interpolated(x, size), atol=1e-5)


def test_the_last_layer_has_the_name_and_the_shape_is_known() -> None:
    image = keras.Input((3, None, 4, 1))
    network = keras.Model(image, linear_upsampling(image, 2, "up"))
    assert network.output_shape == (None, 6, None, 8, 1) and network.layers[-1].name == "up"
    assert not network.weights


def test_a_factor_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="whole factor"):
        upsampling(0)


def test_gradients_are_those_of_the_same_sums() -> None:
    rng, network = np.random.default_rng(1), upsampling(2)
    x = tf.constant(rng.normal(size=(1, 3, 4, 5, 2)), tf.float32)
    weights = tf.constant(rng.normal(size=(1, 6, 8, 10, 2)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(network(x) * weights)
    gradient = tape.gradient(total, x)
    for axes in ((0, 0, 0), (1, 2, 3), (2, 3, 4)):  # of a corner, of the middle, of the opposite corner
        one = np.zeros((3, 4, 5, 2), np.float32)
        one[(*axes, 1)] = 1
        expected = (interpolated(one, 2) * weights[0]).numpy().sum()
        assert float(gradient[(0, *axes, 1)]) == pytest.approx(float(expected), abs=1e-4)
