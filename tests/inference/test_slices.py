"""Levels of detected voxels from slices, by networks that regress a number or predict level probabilities."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from learning_functions.inference.slices import slice_predictions
from learning_functions.options import InferenceOptions
from learning_functions.task import load_task, settings_of
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
