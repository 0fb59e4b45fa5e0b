"""Random numbers inside a network depend on seed and epoch alone."""

from __future__ import annotations

import keras
import numpy as np

from learning_functions.runtime.seeding import seed_network


def network() -> keras.Model:
    inner_input = keras.Input((40,))
    inner = keras.Model(inner_input, keras.layers.Dropout(0.5)(inner_input))
    image = keras.Input((40,))
    return keras.Model(image, keras.layers.Dropout(0.5)(inner(image)))


def drawn(made: keras.Model, seed: int, epoch: int) -> np.ndarray:
    seed_network(made, seed, epoch)
    ones = np.ones((1, 40), np.float32)
    return np.concatenate([np.asarray(made(ones, training=True)) for _ in range(2)])


def test_random_layers_depend_on_seed_and_epoch_alone() -> None:
    one, other = network(), network()
    expected = drawn(one, 3, 5)
    one(np.ones((1, 40), np.float32), training=True)
    np.testing.assert_array_equal(drawn(one, 3, 5), expected)
    np.testing.assert_array_equal(drawn(other, 3, 5), expected)
    assert (expected[0] != expected[1]).any(), "step by step"
    for seed, epoch in ((3, 6), (4, 5)):
        assert (drawn(other, seed, epoch) != expected).any()
