"""Levels of detected voxels from slices, by networks that regress a number or predict level probabilities."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from learning_functions.inference import slices
from learning_functions.inference.slices import mean_predictions, slice_predictions
from learning_functions.options import InferenceOptions
from learning_functions.task import load_task, settings_of
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

SETTINGS = settings_of(load_task("identification"), "small")
GRID = Grid.from_spacing((9, 40, 60), SETTINGS.spec.spacing_mm)


@keras.saving.register_keras_serializable("tests")
class Rounded(layers.Layer):
    """The one-hot level of the number that the middle slice holds."""

    def call(self, x):  # type: ignore[no-untyped-def]
        return ops.one_hot(ops.cast(ops.round(x[..., 0]), "int32") - 1, 26)


def network(level_probabilities: bool) -> keras.Model:
    """Returns each pixel of the middle slice, as a number or as the probabilities of that level."""
    inputs = keras.Input((None, None, SETTINGS.spec.channels))
    middle = layers.Conv2D(1, 1, use_bias=False)
    answer = layers.Activation("relu")(middle(inputs))
    model = keras.Model(inputs, Rounded()(answer) if level_probabilities else answer)
    kernel = np.zeros((1, 1, SETTINGS.spec.channels, 1), np.float32)
    kernel[0, 0, SETTINGS.spec.channels // 2] = 1
    middle.set_weights([kernel])
    return model


@pytest.mark.parametrize("windows", ["tiles", "published"])
@pytest.mark.parametrize("level_probabilities", [False, True])
def test_every_detected_voxel_gets_its_own_level(windows: str, level_probabilities: bool) -> None:
    rng = np.random.default_rng(3)
    image = Volume(rng.integers(1, 27, GRID.shape).astype(np.float32), GRID)
    found = np.zeros(GRID.shape, np.uint8)
    found[2:6, 10:30, 20:50] = rng.integers(0, 2, (4, 20, 30))
    found[8, 39, 59] = 1
    predicted = slice_predictions(
        network(level_probabilities),
        SETTINGS,
        image,
        LabelMap(found, GRID),
        0.0,
        InferenceOptions(windows=windows),
    )
    assert predicted.shape == ((found > 0).sum(), 26 if level_probabilities else 1)
    levels = predicted.argmax(axis=1) + 1 if level_probabilities else predicted[:, 0]
    np.testing.assert_array_equal(levels, image.voxels[found > 0])


def test_two_predictions_halve_what_depends_on_where_the_window_of_a_network_with_poolings_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The network returns the mean height of a block of two voxels, which is half a voxel too high or too low."""
    monkeypatch.setattr(slices, "LEAST_SHIFTED_MM", 0.0)
    middle = network(level_probabilities=False)
    blocks = layers.UpSampling2D((1, 2))(layers.AveragePooling2D((1, 2))(middle.output))
    pooled = keras.Model(middle.input, blocks)
    heights = np.broadcast_to(np.arange(GRID.shape[2], dtype=np.float32), GRID.shape)
    view = view_of(Volume(np.ascontiguousarray(heights), GRID))
    errors = {}
    for first in (20, 22):
        found = np.zeros(GRID.shape, np.uint8)
        found[2:6, 10:30, first:45] = 1
        detection = LabelMap(found, GRID)
        once = slice_predictions(pooled, SETTINGS, view.image, detection, 0.0, view.options)[:, 0]
        mean = mean_predictions(pooled, SETTINGS, view, detection)[:, 0]
        errors[first] = once - heights[found > 0], mean - heights[found > 0]
        np.testing.assert_allclose(np.abs(errors[first][0]), 0.5, atol=1e-4)
        np.testing.assert_allclose(np.abs(errors[first][1]), 0.25, atol=1e-4)
    monkeypatch.setattr(slices, "LEAST_SHIFTED_MM", 1000.0)
    single = mean_predictions(pooled, SETTINGS, view, detection)[:, 0]
    np.testing.assert_array_equal(single, once)  # too little of the spine for two
    tops = [[error.reshape(4, 20, -1)[..., -1].mean() for error in both] for both in errors.values()]
    assert tops[0][0] == pytest.approx(-tops[1][0], abs=1e-4), "a detection one slice shorter moves the blocks"


@pytest.mark.parametrize(("preset", "expected"), [("paper", False), ("small", True), ("shipped", True)])
def test_the_published_preset_predicts_once(preset: str, expected: bool) -> None:
    assert settings_of(load_task("identification"), preset).options.shifted_inference is expected
