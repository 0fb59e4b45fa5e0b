"""The paper presets hold the published numbers (McCouat & Glocker 2019), in the settings and in the built networks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from learning_functions.task import Settings, load_task, settings_of

PUBLISHED = {
    "detection": {
        "samples_per_scan": 5,
        "filters": 16,
        "levels": 5,
        "momentum": 0.1,
        "batch": 16,
        "epochs": 50,
        "learning_rate": 1e-3,
        "schedule": "constant",
    },
    "identification": {
        "samples_per_scan": 100,
        "filters": 32,
        "levels": 5,
        "momentum": 0.1,
        "batch": 32,
        "epochs": 35,
        "learning_rate": 1e-3,
        "schedule": "constant",
    },
}
SPECS = {
    "detection": {"spacing_mm": (1.0, 1.0, 1.0), "axcodes": "RAS", "patch": (64, 64, 80), "channels": 1},
    "identification": {"spacing_mm": (1.0, 1.0, 1.0), "axcodes": "RAS", "patch": (8, 80, 320), "channels": 8},
}


def paper(name: str) -> Settings:
    return settings_of(load_task(name), "paper")


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_published_ones(name: str) -> None:
    settings = paper(name)
    assert {key: getattr(settings, key) for key in PUBLISHED[name]} == PUBLISHED[name]
    assert {key: getattr(settings.spec, key) for key in SPECS[name]} == SPECS[name]
    assert settings.spec.intensity == "zscore", "zero mean, unit variance"


def test_detection_weights_classes_and_empty_samples_as_published() -> None:
    settings = paper("detection")
    assert settings.options.weights == (0.1, 0.9)
    assert settings.options.empty_fraction * settings.samples_per_scan == 1, "at most one of five without a vertebra"
    objective = load_task("detection").objective(settings)
    assert objective.loss.weights == (0.1, 0.9)
    assert {metric.name for metric in objective.metrics} == {"dice", "recall_vertebra", "recall_background"}


def test_identification_has_the_published_elastic_deformation_alone() -> None:
    options = paper("identification").options
    assert options.elastic_mm == 7.0 and not options.balanced
    assert (options.start_level, options.level_scale, options.answer) == (0.0, 1.0, "number")


def layers_of(network: keras.Model, kind: str) -> list[Any]:
    return [layer for layer in network.layers if type(layer).__name__.startswith(kind)]


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    return {name: load_task(name).network(paper(name)) for name in PUBLISHED}


CASES = [("detection", 3, 16, (3, 3, 3)), ("identification", 2, 32, (5, 20))]


@pytest.mark.parametrize(("name", "dimensions", "filters", "floor"), CASES)
def test_the_network_is_the_published_one(
    networks: dict[str, keras.Model], name: str, dimensions: int, filters: int, floor: tuple[int, ...]
) -> None:
    network = networks[name]
    kernel = (3,) * dimensions
    *body, _ = layers_of(network, "Conv")
    widths = [filters * 2**level for level in (0, 1, 2, 3, 4, 3, 2, 1, 0)]
    assert [layer.filters for layer in body] == [width for width in widths for _ in range(2)]
    floors = [layer for layer in body if layer.filters == filters * 16]
    assert [layer.kernel_size for layer in floors] == [floor, floor]
    assert {layer.kernel_size for layer in body if layer not in floors} == {kernel}
    assert {layer.padding for layer in body} == {"same"} and network.output_shape[1:-1] == network.input_shape[1:-1]
    assert [layer.pool_size for layer in layers_of(network, "MaxPooling")] == [(2,) * dimensions] * 4
    upsampled = layers_of(network, "UpSampling")
    assert [tuple(layer.size) for layer in upsampled] == [(2,) * dimensions] * 4
    assert {getattr(layer, "interpolation", "nearest") for layer in upsampled} == {"nearest"}
    assert len(layers_of(network, "Concatenate")) == 4
    assert [layer.momentum for layer in layers_of(network, "BatchNormalization")] == [0.1] * 18


def test_detection_ends_in_a_softmax_over_two_classes_from_a_wide_kernel(networks: dict[str, keras.Model]) -> None:
    network = networks["detection"]
    head = layers_of(network, "Conv")[-1]
    assert (head.filters, head.kernel_size) == (2, (3, 3, 3))
    assert network.input_shape == (None, 64, 64, 80, 1) and network.output_shape == (None, 64, 64, 80, 2)
    inputs = keras.ops.zeros((1, 1, 1, 1, 2)) + np.array([0.0, np.log(3.0)], "float32")
    np.testing.assert_allclose(np.ravel(network.layers[-1](inputs)), [0.25, 0.75], rtol=1e-6)


def test_identification_ends_in_one_number_that_is_never_below_zero(networks: dict[str, keras.Model]) -> None:
    network = networks["identification"]
    head = layers_of(network, "Conv")[-1]
    assert (head.filters, head.kernel_size) == (1, (1, 1))
    assert network.input_shape == (None, 80, 320, 8) and network.output_shape == (None, 80, 320, 1)
    assert layers_of(network, "ReLU")[-1] is network.layers[-1] or head.activation is keras.activations.relu
    assert not layers_of(network, "Rescaling")
