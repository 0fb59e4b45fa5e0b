"""Models saved by Keras 1 and 2 load with a note on their task, and give the outputs of their time."""

from __future__ import annotations

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from learning_functions.model_files.keras_1 import in_todays_terms
from learning_functions.model_files.model_file import load_model, read_card, save_model
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile

OLD = Path(__file__).parents[1] / "fixtures" / "old_keras"
NAMES = [
    "detection_keras_2_2_4",
    "detection_keras_2_15_0",
    "identification_keras_1_2_2",
    "identification_keras_2_2_4",
    "identification_keras_2_15_0",
]
LARGEST_DIFFERENCE = 1e-5


def difference(model: keras.Model, name: str) -> float:
    with np.load(OLD / f"{name}.npz") as then:
        now = keras.ops.convert_to_numpy(model(then["seen"], training=False))
        assert now.shape == then["predicted"].shape
        assert np.ptp(then["predicted"]) > 0.3, "a constant output would prove nothing"
        return float(np.abs(now - then["predicted"]).max())


@pytest.mark.parametrize("name", NAMES)
def test_an_old_model_keeps_its_outputs_and_its_task_is_reported(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "learning_functions"):
        model, card = load_model(OLD / f"{name}.h5")
    assert difference(model, name) < LARGEST_DIFFERENCE
    assert card["task"] == name.split("_")[0]
    assert card["settings"] == {"preset": "paper"}
    spec = Spec.from_json(card["spec"])
    assert (spec.spacing_mm, spec.axcodes, spec.intensity) == ((1.0, 1.0, 1.0), "LPS", "zscore")
    version = name.split("keras_")[1].replace("_", ".")
    output = [record.getMessage() for record in caplog.records if "has no card" in record.getMessage()]
    assert len(output) == 1 and f"Keras {version}" in output[0] and card["task"] in output[0]


@pytest.mark.parametrize(
    ("name", "patch", "channels"),
    [
        ("detection_keras_2_2_4", (16, 16, 16), 1),  # a network of fixed size has its own patch
        ("identification_keras_1_2_2", (8, 16, 32), 8),
        ("identification_keras_2_2_4", (8, 80, 320), 8),  # one of any size has the published one
    ],
)
def test_the_patch_is_the_network_s_own_or_the_published_one(
    name: str, patch: tuple[int, int, int], channels: int
) -> None:
    spec = Spec.from_json(load_model(OLD / f"{name}.h5")[1]["spec"])
    assert (spec.patch, spec.channels) == (patch, channels)


@pytest.mark.parametrize("name", NAMES)
def test_an_old_model_saved_with_a_card_keeps_its_outputs(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, card = load_model(OLD / f"{name}.h5")
    save_model(model, tmp_path / "new.h5", card)
    caplog.clear()
    again, kept = load_model(tmp_path / "new.h5")
    assert not caplog.records, "a file with a card needs no assumption"
    assert kept == card == read_card(tmp_path / "new.h5")
    assert difference(again, name) < LARGEST_DIFFERENCE


@pytest.mark.parametrize("name", NAMES)
def test_an_old_model_has_no_card(name: str) -> None:
    assert read_card(OLD / f"{name}.h5") is None


@pytest.mark.parametrize("name", ["lambda_keras_2_15_0", "nested_lambda_keras_2_15_0"])
def test_an_old_lambda_is_refused_and_never_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrokenFile, match=r"its layer 'normalise' is of the class 'Lambda'.*runs code"):
        load_model(OLD / f"{name}.h5")
    assert not (tmp_path / "ran_code").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda image: keras.layers.Conv3D(3, 1, activation="softmax")(image), "3"),  # three classes
        (lambda image: keras.layers.Conv3D(2, 1, activation="sigmoid")(image), "softmax"),
        (lambda image: keras.layers.Flatten()(image), "64"),
    ],
)
def test_a_network_that_is_neither_published_one_is_refused(make, message: str, tmp_path: Path) -> None:
    image = keras.Input((4, 4, 4, 1))
    keras.Model(image, make(image)).save(tmp_path / "other.h5")
    with pytest.raises(BrokenFile, match="neither the published detection") as caught:
        load_model(tmp_path / "other.h5")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("Merge", {"mode": "lambda"}),
        ("Convolution2D", {"dim_ordering": "th"}),
        ("BatchNormalization", {"mode": 2}),
        ("Highway", {}),
    ],
)
def test_layers_of_keras_1_that_mean_something_else_today_are_left_alone(kind: str, changed: dict) -> None:
    layer = {"class_name": kind, "name": "x", "config": {"name": "x", "mode": 0, **changed}}
    config = {"class_name": "Model", "config": {"layers": [layer]}}
    assert in_todays_terms(config) == config
