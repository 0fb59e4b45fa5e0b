"""The presets of vertebra_heatmaps and vertebra_masks hold the published numbers, in the settings and the networks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from keras_models.spatial_configuration_net import spatial_configuration_net
from learning_functions.task import Settings, load_task, settings_of
from utility_functions.anatomy.labels import VERTEBRAE


def preset(task: str, name: str = "paper") -> Settings:
    return settings_of(load_task(task), name)


def layers_of(network: keras.Model, kind: str, part: str = "") -> list[Any]:
    return [layer for layer in network.layers if type(layer).__name__ == kind and layer.name.startswith(part)]


@pytest.fixture(scope="module")
def heatmaps() -> keras.Model:
    return load_task("vertebra_heatmaps").network(preset("vertebra_heatmaps"))


def test_heatmaps_are_of_26_landmarks_at_2_mm(heatmaps: keras.Model) -> None:
    settings = preset("vertebra_heatmaps")
    assert settings.spec.labels == VERTEBRAE and len(VERTEBRAE) == 26
    assert (settings.spec.spacing_mm, settings.spec.patch) == ((2.0, 2.0, 2.0), (96, 96, 128))
    assert heatmaps.input_shape == (None, 96, 96, 128, 1) and heatmaps.output_shape == (None, 96, 96, 128, 26)
    assert (settings.filters, settings.levels, settings.batch, settings.learning_rate) == (96, 4, 1, 1e-4)
    loss = load_task("vertebra_heatmaps").objective(settings).loss
    assert (loss.sigma, loss.penalty, loss.form) == (4.0, 100.0, "sums")
    assert settings.options.learn_sigma and settings.options.absent == "unknown"


def test_both_parts_of_the_network_are_the_published_ones(heatmaps: keras.Model) -> None:
    for part, convolutions in (("local_", 2), ("spatial_", 1)):
        *body, head = layers_of(heatmaps, "Conv3D", part)
        assert len(body) == 7 * convolutions and {layer.filters for layer in body} == {96}
        assert {layer.kernel_size for layer in body} == {(3, 3, 3)} and head.filters == 26
        assert head.kernel_initializer.stddev == 1e-4
        relus = layers_of(heatmaps, "LeakyReLU", part)
        assert len(relus) == len(body) and {layer.negative_slope for layer in relus} == {0.1}
        drops = layers_of(heatmaps, "Dropout", part)
        assert len(drops) == 4 and {layer.rate for layer in drops} == {0.25}
    pools = {layer.name: layer.pool_size for layer in layers_of(heatmaps, "AveragePooling3D") if "pool" in layer.name}
    assert pools.pop("spatial_pool") == (4, 4, 4) and len(pools) == 6 and set(pools.values()) == {(2, 2, 2)}
    assert [layer.activation.__name__ for layer in layers_of(heatmaps, "Activation")] == ["tanh", "tanh"]
    np.testing.assert_array_equal(np.asarray(heatmaps.get_layer("landmark_sigmas").alpha), np.full(26, 4.0))


def test_heatmaps_are_the_product_of_local_and_spatial_ones() -> None:
    network = spatial_configuration_net((8, 8, 16), 3, 2, 2, head_deviation=0.5, spatial_start=0.7)
    parts = keras.Model(network.input, [network.get_layer(name).output for name in ("local", "spatial")])
    inputs = np.random.default_rng(1).normal(size=(1, 8, 8, 16, 1)).astype(np.float32)
    local, spatial = (np.asarray(part) for part in parts(inputs))
    np.testing.assert_allclose(np.asarray(network(inputs)), local * spatial, atol=1e-6)
    assert np.abs(local).max() > 0.01 and spatial.mean() > 0.3


def test_masks_are_of_one_vertebra_at_1_mm() -> None:
    settings = preset("vertebra_masks")
    network = load_task("vertebra_masks").network(settings)
    assert (settings.spec.spacing_mm, settings.spec.patch, settings.levels) == ((1.0,) * 3, (128, 128, 96), 5)
    assert network.input_shape == (None, 128, 128, 96, 2) and network.output_shape == (None, 128, 128, 96, 1)
    assert len([layer for layer in layers_of(network, "AveragePooling3D") if "pool" in layer.name]) == 4
    assert network.layers[-1].activation.__name__ == "sigmoid"
    loss = load_task("vertebra_masks").objective(settings).loss
    assert (loss.dice, loss.crossentropy, loss.focal) == (0.5, 0.5, 0.0)
    assert settings.options.sigma_mm == 3.0 and settings.options.offset_mm == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", ["small", "shipped"])
@pytest.mark.parametrize("task", ["vertebra_heatmaps", "vertebra_masks"])
def test_patches_of_other_presets_fit_the_networks_poolings(task: str, name: str) -> None:
    settings = preset(task, name)
    coarser = settings.options.coarser if task == "vertebra_heatmaps" else 1
    stride = coarser * 2 ** (settings.levels - 1)
    assert all(size % stride == 0 for size in settings.spec.patch)
