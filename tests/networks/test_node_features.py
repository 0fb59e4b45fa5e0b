"""The features of each node in the naming network, against a numpy reference."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_models.node_features import node_features


def plainly(x: np.ndarray) -> np.ndarray:
    """The features (nodes, 38) of nodes (nodes, 15), in double precision."""
    there, place = x[:, :1], x[:, 1:4] / 0.03
    parts = []
    for away in (1, -1, 2, -2):
        neighbours = [shifted(there, away), shifted(place, away)]
        both = there * neighbours[0]
        step = (neighbours[1] - place) * both / abs(away)
        parts += [step, length(step) * both, both]
    regions = x[:, 4:7]
    known = regions.sum(axis=1, keepdims=True) > 0
    sure = np.clip(regions, 0.004, 0.996)
    parts += [regions, np.log(sure / (1 - sure)) * known / 4, known]
    left, right = x[:, 8:11] / 0.02, x[:, 12:15] / 0.02
    paired = x[:, 7:8] * x[:, 11:12]
    parts += [x[:, 7:8], left, x[:, 11:12], right, paired]
    parts += [length((right - left) * paired) - paired, length((right + left) / 2 * paired) - paired]
    return np.concatenate(parts, axis=1) * there


def shifted(x: np.ndarray, away: int) -> np.ndarray:
    """The neighbour of each row at an offset, 0 where there is none."""
    found = np.zeros_like(x)
    for row in range(len(x)):
        if 0 <= row + away < len(x):
            found[row] = x[row + away]
    return found


def length(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x**2).sum(axis=1, keepdims=True) + 1e-8)


def some_nodes(rng: np.random.Generator, count: int, room: int) -> np.ndarray:
    x = np.zeros((room, 15))
    x[:count, 0] = 1
    x[:count, 1:4] = np.cumsum(rng.normal(scale=0.03, size=(count, 3)), axis=0)
    x[:count, 4:7] = rng.dirichlet([0.2, 0.2, 0.2], count) * (rng.random((count, 1)) < 0.7)
    for first in (7, 11):
        x[:count, first] = rng.random(count) < 0.7
        x[:count, first + 1 : first + 4] = rng.normal(scale=0.02, size=(count, 3)) * x[:count, first : first + 1]
    return x


@pytest.fixture(scope="module", params=[28, None], ids=["28 nodes", "any number"])
def network(request: pytest.FixtureRequest) -> keras.Model:
    nodes = keras.Input((1, request.param, 15))
    return keras.Model(nodes, node_features(nodes))


def test_features_equal_those_of_a_numpy_reference(network: keras.Model) -> None:
    rng = np.random.default_rng(1)
    room = network.input_shape[2]
    for count in (1, 2, 3, 17, 28):
        x = some_nodes(rng, count, room or count)
        features, there = (np.asarray(each)[0] for each in network(x[None, None].astype(np.float32)))
        np.testing.assert_allclose(features, plainly(x), atol=2e-5)
        np.testing.assert_array_equal(there[:, 0], x[:, 0])


@pytest.mark.parametrize("probability", [0.0, 1e-6, 0.004, 0.0041, 0.03, 0.2, 0.5, 0.9, 0.9959, 0.996, 1.0])
def test_log_odds_are_exact_from_the_lowest_probability_to_the_highest(
    network: keras.Model, probability: float
) -> None:
    x = np.zeros((network.input_shape[2] or 3, 15))
    x[0, :7] = 1, 0, 0, 0, probability, 1 - probability, 0
    features = np.asarray(network(x[None, None].astype(np.float32))[0])[0]
    np.testing.assert_allclose(features[0, 23:26], plainly(x)[0, 23:26], atol=5e-6)


def test_features_are_finite_without_nodes(network: keras.Model) -> None:
    features, there = network(np.zeros((1, 1, 28, 15), np.float32))
    assert not np.asarray(features).any() and not np.asarray(there).any()


def test_features_are_of_float32_in_mixed_precision_too() -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        nodes = keras.Input((1, 28, 15))
        mixed = keras.Model(nodes, node_features(nodes))
    finally:
        keras.config.set_dtype_policy("float32")
    x = some_nodes(np.random.default_rng(2), 20, 28)
    np.testing.assert_allclose(mixed(x[None, None].astype(np.float32))[0][0], plainly(x), atol=2e-5)
