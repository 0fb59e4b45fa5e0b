"""On a GPU: memory grows, answers are the processor's, precision is mixed, runs resume, and two GPUs do as one.

``make gpu`` runs these tests. TEST_DEVICE=cpu runs them on the processor, to test the tests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import measure
import train
from learning_functions.model_files.model_file import load_model
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import PROCESSOR, inference_devices
from tests.oracle import oracle_landmarks, oracle_models, oracle_scan
from tests.tiny import tiny_settings, write_samples
from utility_functions.files.images import write_image

pytestmark = pytest.mark.gpu
MODELS = sorted(path.stem for path in SHIPPED.glob("*.h5"))


@pytest.fixture
def device() -> str:
    """What TEST_DEVICE names; without it, or without a GPU, the test is skipped."""
    named = os.environ.get("TEST_DEVICE", "")
    if not named:
        pytest.skip("TEST_DEVICE names no device: make gpu runs the tests on a GPU")
    if named != "cpu" and not tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees no GPU")
    return named


@pytest.fixture
def two_gpus(device: str) -> None:
    if len(tf.config.list_physical_devices("GPU")) < 2:
        pytest.skip("there are no two GPUs")


@pytest.fixture
def exact() -> Iterator[None]:
    """Convolutions without TF32, which rounds factors to 10 bits."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)


def test_memory_grows_with_what_is_needed(device: str) -> None:
    [where] = inference_devices(device)
    assert (where.memory_gb is None) == (device == "cpu")
    for gpu in tf.config.list_physical_devices("GPU"):
        assert tf.config.experimental.get_memory_growth(gpu)


@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_the_processor(name: str, device: str, exact: None) -> None:
    saved = load_model(SHIPPED / f"{name}.h5")[0].inputs[0].shape
    shape = [1, *(min(size, 32) for size in saved[1:-1]), saved[-1]]
    seen = np.random.default_rng(1).normal(scale=0.4, size=shape).astype(np.float32)
    answers = []
    for where in (PROCESSOR, inference_devices(device)[0]):
        model = TrainedModel.load(SHIPPED / f"{name}.h5", where)
        with where.scope():
            answers.append(tf.nest.flatten(model.network.predict_on_batch(seen)))
    for one, other in zip(*answers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_answers_nearly_the_same(precision: str, device: str) -> None:
    if device == "cpu" and precision == "float16":
        pytest.skip("the processor has no float16 convolutions")
    [where] = inference_devices(device)
    answers = []
    for asked in ("float32", precision):
        model = TrainedModel.load(SHIPPED / "detection.h5", where, asked)
        seen = np.random.default_rng(1).normal(scale=0.4, size=(1, 32, 32, 32, 1)).astype(np.float32)
        with where.scope():
            answers.append(model.network.predict_on_batch(seen))
    assert answers[1].dtype == np.float32
    np.testing.assert_allclose(answers[1], answers[0], atol=0.1)


def cohort(folder: Path) -> list[Path]:
    """Three scans in ``folder``/scans; returns models that are right about them."""
    (folder / "scans").mkdir()
    for number in range(3):
        landmarks = oracle_landmarks(top_mm=70.0 - 4 * number)
        write_image(oracle_scan(landmarks=landmarks), folder / "scans" / f"scan{number}.nii.gz")
    return oracle_models(folder / "models")


def centroids(folder: Path) -> list[dict]:
    return [json.loads((folder / f"scan{number}_centroids.json").read_text())[1:] for number in range(3)]


def measured(folder: Path, models: list[Path], device: str) -> list[dict]:
    command = [str(folder / "scans"), *map(str, models), "--output", str(folder / device), "--device", device]
    assert measure.main(command) == 0
    return centroids(folder / device)


def test_a_cohort_is_named_as_on_the_processor(device: str, tmp_path: Path) -> None:
    models = cohort(tmp_path)
    one, other = measured(tmp_path, models, "cpu"), measured(tmp_path, models, device)
    assert [[each["label"] for each in scan] for scan in one] == [[each["label"] for each in scan] for scan in other]
    places = [np.array([[each[axis] for axis in "XYZ"] for scan in run for each in scan]) for run in (one, other)]
    np.testing.assert_allclose(*places, atol=0.5)


def test_two_gpus_measure_as_one(two_gpus: None, tmp_path: Path) -> None:
    models = cohort(tmp_path)
    assert measured(tmp_path, models, "gpu") == measured(tmp_path, models, "gpu:0")


def trained(folder: Path, name: str, *options: str) -> Path:
    """The model of a tiny detection, trained in ``folder``."""
    samples = [str(folder / f"detection_{split}.h5") for split in ("training", "validation")]
    if not Path(samples[0]).is_file():
        write_samples("detection", folder, tiny_settings("detection"))
    assert train.main([*samples, str(folder / f"{name}.h5"), "--augment", "none", *options]) == 0
    return folder / f"{name}.h5"


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_network_learns_in_half_precision_and_is_kept_in_float32(precision: str, device: str, tmp_path: Path) -> None:
    if device == "cpu" and precision == "float16":
        pytest.skip("the processor has no float16 convolutions")
    network, card = load_model(trained(tmp_path, "half", "--device", device, "--precision", precision))
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert all(np.isfinite(weight).all() for weight in network.get_weights())
    assert np.isfinite(card["training"]["log"]["val_loss"])


def test_a_run_resumes_on_the_device(device: str, tmp_path: Path) -> None:
    whole = trained(tmp_path, "whole", "--device", device, "--epochs", "2")
    trained(tmp_path, "parted", "--device", device, "--epochs", "1")
    parted = trained(tmp_path, "parted", "--device", device, "--epochs", "2", "--resume")
    for one, other in zip(load_model(whole)[0].get_weights(), load_model(parted)[0].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_two_gpus_train_as_one(two_gpus: None, tmp_path: Path) -> None:
    weights = [
        load_model(trained(tmp_path, name, "--device", name.replace("_", ":")))[0].get_weights()
        for name in ("gpu", "gpu_0")
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
