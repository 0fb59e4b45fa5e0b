"""A folded network answers as the trained one does, with fewer layers, and is traced once."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from keras_models.panoptic_unet import panoptic_unet
from keras_models.unet import detection_unet, identification_unet, sliced_unet
from learning_functions.inference.folded_network import folded
from learning_functions.inference.pass_memory import (
    FIXED_GB,
    LEAST_GB,
    PASS_FRACTION,
    beside_passes_gb,
    bytes_per_voxel,
    left_beside_scan,
)
from learning_functions.inference.sliding_window import flexible, half_pass, run_tiles, trace_once
from utility_functions.geometry.grid import Grid

NETWORKS: dict[str, tuple[Callable[[], keras.Model], tuple[int, ...]]] = {
    "detection": (lambda: detection_unet((8, 8, 8), 2, 3), (8, 12, 16, 1)),
    "identification": (lambda: identification_unet((8, 16), 3, 2, 3, floor_kernel=(2, 4), classes=4), (8, 16, 3)),
    "panoptic": (lambda: panoptic_unet((8, 8, 8), 2, 2), (8, 12, 16, 1)),
    "flat": (lambda: sliced_unet((8, 8, 8), 1, 2, 3, flat_levels=1), (8, 16, 16, 1)),
}


def trained(network: keras.Model) -> keras.Model:
    """The network with figures of normalisation that no new one has."""
    rng = np.random.default_rng(5)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2.0, each.shape).astype(np.float32) for each in layer.get_weights()])
    return network


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_answers_as_the_trained_one(name: str) -> None:
    make, shape = NETWORKS[name]
    network = flexible(trained(make()))
    lean = folded(network)
    seen = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32)
    for expected, found in zip(keras.tree.flatten(network(seen)), keras.tree.flatten(lean(seen)), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=2e-5)
    kinds = {type(layer).__name__ for layer in lean.layers}
    assert lean.output_names == network.output_names
    assert not kinds & {"BatchNormalization", "Concatenate"} - ({"Concatenate"} if name == "panoptic" else set())


def test_a_network_with_nothing_to_fold_stays_as_it_is() -> None:
    inputs = keras.Input((None, None, None, 1))
    network = keras.Model(inputs, keras.layers.Conv3D(1, 3, padding="same")(inputs))
    assert folded(network) is network


def test_features_that_are_used_elsewhere_are_kept() -> None:
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    normal = keras.layers.BatchNormalization()(x)
    network = trained(keras.Model(inputs, keras.layers.Add()([x, normal])))
    seen = np.random.default_rng(2).normal(size=(1, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(folded(network)(seen)), np.asarray(network(seen)), atol=1e-6)


def test_less_memory_is_planned_for_a_folded_network() -> None:
    network = flexible(detection_unet((16, 16, 16), 8, 4, 5))
    assert bytes_per_voxel(folded(network)) < 0.7 * bytes_per_voxel(network) < 34 * 8


def test_what_a_scan_takes_is_left_out_of_the_memory_of_tiles() -> None:
    small, large = (Grid.from_spacing((count,) * 3, 0.5) for count in (100, 700))
    half = PASS_FRACTION * (4.0 - FIXED_GB)
    assert left_beside_scan(4.0, small, 2) == pytest.approx(FIXED_GB + half), "the next scan has the rest"
    assert left_beside_scan(4.0, large, 2) == pytest.approx(4.0 - beside_passes_gb(large, 2))
    assert left_beside_scan(4.0, large, 4) < left_beside_scan(4.0, large, 2) < FIXED_GB + half
    huge = Grid.from_spacing((1000, 1000, 2000), 0.5)
    assert left_beside_scan(4.0, huge, 2) == pytest.approx(FIXED_GB + LEAST_GB), "the smallest tiles are always made"


def test_half_precision_is_what_numpy_rounds_to() -> None:
    network = flexible(trained(detection_unet((8, 8, 8), 2, 2)))
    seen = np.random.default_rng(4).normal(size=(1, 8, 8, 8, 1)).astype(np.float32)
    expected = network.predict_on_batch(seen).astype(np.float16)
    np.testing.assert_allclose(half_pass(network)(seen), expected, rtol=2e-3, atol=1e-6)
    assert half_pass(network)(seen).dtype == np.float16


def test_tiles_of_any_size_are_run_by_one_trace() -> None:
    network = flexible(detection_unet((8, 8, 8), 1, 2))
    trace_once(network)
    for size in (4, 6, 8):
        run_tiles(network, np.zeros((size, 8, 4, 1), np.float32), (2, 2, 2), 4.0, lambda out: out, 0.0)
    assert network.predict_function.experimental_get_tracing_count() == 1
