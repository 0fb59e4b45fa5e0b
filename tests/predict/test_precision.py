"""A trained network computes in the precision that is asked for, and answers in float32."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_models.unet import detection_unet
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.precision import compute_in
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.task import load_task
from tests.tiny import tiny_settings

SEEN = np.random.default_rng(3).normal(size=(1, 8, 8, 8, 1)).astype(np.float32)


def test_bfloat16_answers_nearly_as_float32_does_and_in_float32() -> None:
    network = detection_unet((8, 8, 8), filters=2, levels=2)
    exact = network.predict_on_batch(SEEN)
    other = keras.models.clone_model(network)
    other.set_weights(network.get_weights())
    compute_in(other, "bfloat16")
    answer = other.predict_on_batch(SEEN)
    assert answer.dtype == np.float32 and 0 < np.abs(answer - exact).max() < 0.03
    computing = [layer.compute_dtype for layer in other.layers]
    assert set(computing[:-1]) == {"bfloat16"} and computing[-1] == "float32", "the output layer stays exact"
    assert {str(weight.dtype) for weight in other.weights} == {"float32"}


def test_a_model_file_is_loaded_in_any_precision() -> None:
    for precision in ("float32", "bfloat16", "float16"):
        model = TrainedModel.load(SHIPPED / "detection.h5", precision=precision)
        assert {layer.compute_dtype for layer in model.network.layers} <= {precision, "float32"}
        assert model.network.layers[1].compute_dtype == precision


def test_parts_and_offsets_stay_exact_where_inference_joins_them() -> None:
    task = load_task("panoptic")
    network = task.network(tiny_settings("panoptic", "shipped"))
    compute_in(network, "bfloat16")
    layers = {layer.name: layer.compute_dtype for layer in task.network_for_inference(network).layers}
    assert {layers[name] for name in (*network.output_names, "offsets_of_voxels", "parts_and_offsets")} == {"float32"}
    assert "bfloat16" in layers.values()


def test_a_network_within_a_network_is_refused() -> None:
    inner = detection_unet((8, 8, 8), filters=1, levels=2)
    inputs = keras.Input((8, 8, 8, 1))
    with pytest.raises(ValueError, match="computes in float32 alone"):
        compute_in(keras.Model(inputs, inner(inputs)), "bfloat16")
