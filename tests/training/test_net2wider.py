"""Net2Wider: a network with more filters and equal outputs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from keras_models.averaging_unet import mask_unet
from keras_models.outline_unet import next_vertebra_unet, outline_unet
from keras_models.unet import detection_unet, identification_unet
from learning_functions.model_files.model_file import load_model, save_model
from learning_functions.task import load_task
from learning_functions.training.warm_start.initial_model import WarmStart
from learning_functions.training.warm_start.layer_transfer import take_weights
from learning_functions.training.warm_start.net2wider import widened_weights
from tests.tiny import tiny_settings

PATCH = (16, 16, 16)
NETWORKS = {
    "detection": lambda filters: detection_unet(PATCH, filters, 3, 4),
    "slices": lambda filters: identification_unet((16, 32), 3, filters, 2, classes=5, floor_kernel=(3, 3)),
    "outline": lambda filters: outline_unet(PATCH, filters, 2),
    "next vertebra": lambda filters: next_vertebra_unet(PATCH, 1, filters, 2, start_level=13.0, level_scale=7.0),
    "pair": lambda filters: next_vertebra_unet(
        PATCH, 1, filters, 2, start_level=13.0, level_scale=7.0, two_branch=True
    ),
}


def trained(network: keras.Model) -> keras.Model:
    """A network with random kernels, and statistics and biases as after training, none of them 0 or 1."""
    rng = np.random.default_rng(3)
    given = [each.shape for each in network.get_weights()]
    drawn = [
        rng.normal(scale=(2 / np.prod(shape[:-1])) ** 0.5, size=shape)
        if len(shape) > 1
        else rng.uniform(0.05, 1.2, shape)
        for shape in given
    ]
    network.set_weights(drawn)
    return network


def require_alike(given: keras.Model, network: keras.Model) -> None:
    """The wider network has equal outputs once it has the weights."""
    for layer, weights in widened_weights(given, network).items():
        network.get_layer(layer).set_weights(weights)
    image = np.random.default_rng(1).normal(size=(2, *given.input_shape[1:])).astype("float32")
    theirs, own = (keras.tree.flatten(each(image, training=False)) for each in (given, network))
    for a, b in zip(theirs, own, strict=True):
        assert np.ptp(a) > 1e-3, "constant outputs would prove nothing"
        np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("filters", [2, 3, 5])
def test_a_wider_network_gives_the_outputs_of_the_trained_one(name: str, filters: int) -> None:
    given, network = trained(NETWORKS[name](2)), NETWORKS[name](filters)
    require_alike(given, network)


def test_copies_have_unequal_weights_so_that_training_separates_them() -> None:
    given, network = trained(NETWORKS["outline"](2)), NETWORKS["outline"](4)
    kernel = widened_weights(given, network)["down0_b_conv"][0]  # (3, 3, 3, 4, 4): channels 0 and 2 are copies
    np.testing.assert_allclose(
        kernel[..., 0, :] + kernel[..., 2, :],
        given.get_layer("down0_b_conv").get_weights()[0][..., 0, [0, 1, 0, 1]],
        rtol=1e-5,
    )
    assert not np.allclose(kernel[..., 0, :], kernel[..., 2, :], rtol=0.01)
    assert not np.allclose(kernel[..., 0], kernel[..., 2], rtol=0.01)


@pytest.mark.parametrize(
    ("given", "network", "message"),
    [
        (NETWORKS["outline"](4), NETWORKS["outline"](2), "fewer filters"),
        (NETWORKS["outline"](2), outline_unet(PATCH, 4, 3), "the layers are others"),
        (NETWORKS["detection"](2), detection_unet(PATCH, 4, 3, 5), "the answers have other channels"),
        (mask_unet(PATCH, 4, 2, norm="group"), mask_unet(PATCH, 8, 2, norm="group"), "cannot be widened"),
        (
            identification_unet((16, 32), 3, 2, 2, floor_kernel=(3, 3)),
            identification_unet((16, 32), 3, 4, 2, floor_kernel=(5, 5)),
            "other ones",
        ),
        (outline_unet(PATCH, 2, 2), next_vertebra_unet(PATCH, 1, 4, 2), "the layers are others"),
    ],
)
def test_a_network_that_is_not_only_wider_is_refused(given: keras.Model, network: keras.Model, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        widened_weights(given, network)


def test_a_model_of_the_same_task_with_fewer_filters_can_be_started_from(tmp_path: Path) -> None:
    settings = tiny_settings("detection")
    task, path = load_task("detection"), tmp_path / "narrow.h5"
    card = {"task": "detection", "spec": settings.spec.to_json(), "settings": settings.to_json()}
    save_model(trained(task.network(settings)), path, card)
    network = task.network(settings.changed(filters=2 * settings.filters))
    take_weights(network, WarmStart(path), "detection")
    image = np.random.default_rng(1).normal(size=(1, *network.input_shape[1:])).astype("float32")
    given = load_model(path)[0]
    np.testing.assert_allclose(network(image, training=False), given(image, training=False), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_channels_multiplied_one_by_one_are_copies_alike(preset: str) -> None:
    """The published form also has a layer of trainable sigmas, one for each landmark whatever the filters."""
    task, settings = load_task("vertebra_heatmaps"), tiny_settings("vertebra_heatmaps", preset)
    given, network = trained(task.network(settings)), task.network(settings.changed(filters=2 * settings.filters))
    require_alike(given, network)


def test_a_naming_network_cannot_be_widened() -> None:
    task, settings = load_task("naming"), tiny_settings("naming")
    with pytest.raises(ValueError, match="joins unlike channels"):
        widened_weights(task.network(settings), task.network(settings.changed(filters=2 * settings.filters)))
