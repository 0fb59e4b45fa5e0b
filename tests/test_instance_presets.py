"""The presets of instances hold the published numbers, in the settings and in the built networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from keras_models.instance_fcn import instance_fcn
from learning_functions.task import Settings, load_task, settings_of

TASK = load_task("instances")


def preset(name: str) -> Settings:
    return settings_of(TASK, name)


def layers_of(network: keras.Model, kind: str) -> list[Any]:
    return [layer for layer in network.layers if type(layer).__name__.startswith(kind)]


PUBLISHED = {
    "paper": ((128, 128, 128), (1.0, 1.0, 1.0), 64, "up", 0.0, (0.1, 0.1)),
    "topdown": ((128, 128, 128), (1.0, 1.0, 1.0), 16, "down", 0.3, (0.1, 1.0)),
    "spider": ((64, 192, 192), (2.0, 0.6, 0.6), 64, "up", 0.0, (0.1, 0.1)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_the_published_ones(name: str) -> None:
    settings = preset(name)
    patch, spacing, filters, direction, drop, weights = PUBLISHED[name]
    assert (settings.spec.patch, settings.spec.spacing_mm, settings.filters) == (patch, spacing, filters)
    assert (settings.batch, settings.learning_rate, settings.schedule) == (1, 1e-3, "constant")
    options = settings.options
    assert (options.direction, options.memory_dropout, options.false_positive_weight) == (
        direction,
        drop,
        weights,
    )
    assert (options.empty_fraction, options.loss, options.level_weight) == (0.2, "sums", 1.0)
    assert (options.memory_corruption, options.prompted_fraction, options.threshold) == (0.0, 0.0, 0.5)
    objective = TASK.objective(settings)
    assert set(objective.loss) == set(objective.metrics) == {"mask", "complete", "level"}
    assert objective.highest_is_best == (name == "topdown")


def test_half_of_the_published_samples_are_deformed_blurred_noisy_and_cropped() -> None:
    augment = TASK.augmentation(preset("paper"))
    assert (augment.elastic, augment.blur, augment.noise, augment.crop) == (0.5,) * 4
    assert (augment.flip, augment.turn, augment.intensity) == (0.0,) * 3
    assert TASK.augmentation(preset("spider")).crop == 0.5, "cropped voxels have the padding value of MR"
    topdown = TASK.augmentation(preset("topdown"))
    assert (topdown.flip_axis, topdown.zoom, topdown.turn_degrees, topdown.contrast) == (0, 0.1, 10.0, 0.25)


def test_the_published_network_is_as_wide_on_every_level() -> None:
    network = TASK.network(preset("paper"))
    assert network.input_shape == (None, 128, 128, 128, 2)
    assert {name: part.shape for name, part in network.output.items()} == {
        "mask": (None, 128, 128, 128, 1),
        "complete": (None, 1),
        "level": (None, 1),
    }
    *body, head = layers_of(network, "Conv")
    assert head.filters == 1 and {layer.filters for layer in body} == {64}
    assert {layer.kernel_size for layer in body} == {(3, 3, 3)}
    names = [layer.name for layer in layers_of(network, "MaxPooling")]
    assert names[:3] == ["pool0", "pool1", "pool2"] and len(names) == 3 + 4, "16 cells to one"
    assert {layer.momentum for layer in layers_of(network, "BatchNormalization")} == {0.99}
    assert not layers_of(network, "Rescaling")
    wide, narrow = 27 * 64 * 64 + 64 + 4 * 64, 27 * 64 * 2 + 64 + 4 * 64
    joined = 27 * 128 * 64 + 64 + 4 * 64
    blocks = narrow + 7 * wide + 3 * (joined + wide) + 8 * wide
    assert network.count_params() == blocks + 3 * 65


def test_serrador_s_network_doubles_its_filters() -> None:
    widths = [layer.filters for layer in layers_of(TASK.network(preset("topdown")), "Conv")][:8]
    assert widths == [16, 16, 32, 32, 64, 64, 128, 128]


@pytest.fixture(scope="module")
def tiny() -> keras.Model:
    keras.utils.set_random_seed(1)
    return instance_fcn((16, 16, 8), 1, 2, 3, True, "group", start_level=13.0, level_scale=7.0)


def test_an_untrained_network_predicts_about_its_initial_level(tiny: keras.Model) -> None:
    answers = tiny(np.zeros((1, 16, 16, 8, 2), np.float32))
    assert float(answers["level"][0, 0]) == pytest.approx(13.0, abs=1e-4)
    assert all(np.min(answers[name]) >= 0 and np.max(answers[name]) <= 1 for name in ("mask", "complete"))


def test_group_normalisation_is_independent_of_the_batch(tiny: keras.Model) -> None:
    inputs = np.random.default_rng(1).normal(size=(2, 16, 16, 8, 2)).astype(np.float32)
    together, alone = tiny(inputs), tiny(inputs[:1])
    for name, answer in alone.items():
        np.testing.assert_allclose(together[name][:1], answer, rtol=1e-5, atol=1e-5)  # levels are about 13


def test_another_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match='"batch" or "group"'):
        instance_fcn(norm="layer")


@pytest.mark.parametrize("graph", ["fcn", "unet"])
def test_a_network_with_a_prompt_has_one_more_channel_scaled_from_255(graph: str) -> None:
    small = preset("small")
    spec = replace(small.spec, patch=(16, 16, 16))
    own = small.changed(spec=spec, filters=2, levels=2).with_options(graph=graph, prompted_fraction=0.5)
    network = TASK.network(own)
    assert network.input_shape == (None, 16, 16, 16, 3)
    assert (
        TASK.io_signature(own).misfit(network, spec) is None
        and TASK.io_signature(small).misfit(network, spec) is not None
    )
    [scaled] = layers_of(network, "Rescaling")[:1]
    assert np.asarray(scaled(np.array([[[[[0.5, 1.0, 255.0]]]]]))).ravel().tolist() == [0.5, 1.0, 1.0]
