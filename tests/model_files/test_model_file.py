"""The model file: saving and loading, reading by Keras alone, and refusal of other files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from learning_functions.model_files.model_file import CARD, load_model, read_card, save_model
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile

SPEC = Spec((1, 1, 1), "RAS", (4, 6, 8), 1, ("background", "vertebra"))
SLICES = Spec((1, 1, 1), "RAS", (8, 6, 10), 8, ("C1", "C2"))


def network(*, patch: tuple[int | None, ...] = (4, 6, 8), channels: int = 1, classes: int = 2) -> keras.Model:
    image = keras.Input((*patch, channels))
    convolution = layers.Conv3D if len(patch) == 3 else layers.Conv2D
    x = layers.BatchNormalization(momentum=0.1)(convolution(3, 3, padding="same")(image))
    x = layers.Activation("relu")(x)
    return keras.Model(image, layers.Softmax()(convolution(classes, 1)(x)))


def several(channels: int = 1, level: str = "level", levels: int = 1) -> keras.Model:
    """A network with a mask and two numbers as outputs."""
    image = keras.Input((4, 6, 8, channels))
    mask = layers.Conv3D(1, 1, activation="sigmoid", name="mask")(image)
    figures = layers.GlobalAveragePooling3D()(image)
    complete = layers.Dense(1, activation="sigmoid", name="complete")(figures)
    return keras.Model(image, {"mask": mask, "complete": complete, level: layers.Dense(levels, name=level)(figures)})


def card(task: str = "detection", spec: Spec = SPEC, **more: Any) -> dict[str, Any]:
    return {"format": 1, "task": task, "spec": spec.to_json(), "settings": {"preset": "small"}, **more}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_model(network(), tmp_path / "model.h5", card(training={"epochs": 3}))
    return tmp_path / "model.h5"


def random_input(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def test_a_saved_model_loads_with_its_card_and_equal_outputs(tmp_path: Path) -> None:
    model = network()
    model.compile("adam", "categorical_crossentropy")
    inputs = random_input(2, 4, 6, 8, 1)
    model.train_on_batch(inputs, np.eye(2)[(inputs[..., 0] > 0).astype(int)])
    save_model(model, tmp_path / "deep" / "model.h5", card())
    again, found = load_model(tmp_path / "deep" / "model.h5")
    np.testing.assert_array_equal(again(inputs, training=False), model(inputs, training=False))
    assert not again.compiled
    assert Spec.from_json(found["spec"]) == SPEC
    assert found["task"] == "detection" and found["format"] == 1
    assert found["versions"]["keras"] == keras.__version__
    assert found == read_card(tmp_path / "deep" / "model.h5")


def test_keras_itself_loads_the_file(saved: Path) -> None:
    inputs = random_input(1, 4, 6, 8, 1)
    plain = keras.models.load_model(saved, compile=False)
    np.testing.assert_array_equal(plain(inputs, training=False), load_model(saved)[0](inputs, training=False))


def test_half_precision_survives(tmp_path: Path) -> None:
    half = keras.DTypePolicy("mixed_float16")
    image = keras.Input((None, None, None, 1))
    x = layers.Conv3D(2, 3, padding="same", dtype=half, activation="leaky_relu", kernel_regularizer="l2")(image)
    x = layers.Concatenate()([x, layers.LeakyReLU()(image)])
    model = keras.Model(image, layers.Conv3D(2, 1, activation=keras.activations.softmax, dtype="float32")(x))
    save_model(model, tmp_path / "model.h5", card())
    inputs = random_input(1, 4, 4, 4, 1)
    np.testing.assert_array_equal(load_model(tmp_path / "model.h5")[0](inputs), model(inputs))


def test_a_nested_network_survives(tmp_path: Path) -> None:
    image = keras.Input((4, 6, 8, 1))
    model = keras.Model(image, keras.Sequential([network(), layers.Dropout(0.5)])(image))
    save_model(model, tmp_path / "model.h5", card())
    inputs = random_input(1, 4, 6, 8, 1)
    np.testing.assert_array_equal(load_model(tmp_path / "model.h5")[0](inputs), model(inputs))


def test_a_card_may_be_long_and_hold_numpy_s_numbers_and_nan(tmp_path: Path) -> None:
    losses = np.linspace(0, 1, 40_000)
    summary = {"losses": losses, "best": np.float32(0.5), "worst": float("nan"), "pair": (1, 2)}
    save_model(network(), tmp_path / "model.h5", card(training=summary))
    kept = read_card(tmp_path / "model.h5")["training"]
    assert kept == {"losses": losses.tolist(), "best": 0.5, "worst": None, "pair": [1, 2]}
    assert load_model(tmp_path / "model.h5")[1]["training"] == kept


def test_reading_a_card_imports_no_keras(saved: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from learning_functions.model_files.model_file import read_card\n"
        "card = read_card(Path(sys.argv[1])); print(card['task'], 'keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    assert done.stdout.split() == ["detection", "False", "False"]


def test_a_failed_save_leaves_what_was_there(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    model = network()

    def half_way(path: Path, **_: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", half_way)
    with pytest.raises(OSError, match="disk full"):
        save_model(model, saved, card())
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def as_text(path: Path) -> None:
    path.write_text("a model, surely")


def as_empty(path: Path) -> None:
    path.write_bytes(b"")


def as_cut(path: Path) -> None:
    save_model(network(), path, card())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def as_samples(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["spine_samples"] = 1


def as_archive(path: Path) -> None:
    network().save(path.with_suffix(".keras"))
    path.with_suffix(".keras").rename(path)


def as_weights(path: Path) -> None:
    network().save_weights(path.with_name("x.weights.h5"))
    path.with_name("x.weights.h5").rename(path)


def as_table(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "There is no model file"),
        (lambda path: path.mkdir(), "not a folder"),
        (as_text, "is not an HDF5 file"),
        (as_empty, "is not an HDF5 file"),
        (as_cut, "is cut short or damaged"),
        (as_samples, "is a samples file, not a model"),
        (as_archive, r"is a \.keras archive"),
        (as_weights, "holds weights without their network"),
        (as_table, "but not a model"),
    ],
)
def test_a_file_that_is_no_model_is_refused(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    make(tmp_path / "file.h5")
    for read in (read_card, load_model):
        with pytest.raises(BrokenFile, match=message) as caught:
            read(tmp_path / "file.h5")
        assert "\n" not in str(caught.value)


def test_weights_cut_out_of_a_file_are_noticed(saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        for name in list(file["model_weights"]):
            if name.startswith("batch"):
                del file["model_weights"][name]
    with pytest.raises(BrokenFile, match="cannot be built again"):
        load_model(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "not of format 1"),
        (json.dumps(card() | {"format": 2}), "not of format 1"),
        (json.dumps(card() | {"task": None, "training": {}, "versions": {}}), "names no task"),
        (json.dumps(card() | {"versions": {}}), "has no training"),
        (json.dumps(card() | {"training": {}, "versions": {}, "spec": {"spacing_mm": [1, 1, 1]}}), "no usable spec"),
        (
            json.dumps(card() | {"training": {}, "versions": {}, "spec": SPEC.to_json() | {"axcodes": "RRS"}}),
            "no usable spec",
        ),
    ],
)
def test_a_damaged_card_is_reported(text: str, message: str, saved: Path) -> None:
    with h5py.File(saved, "r+") as file:
        file.attrs[CARD] = text
    for read in (read_card, load_model):
        with pytest.raises(BrokenFile, match=message):
            read(saved)


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.h5"):
        save_model(network(), tmp_path / "model.keras", card())


def test_bytes_changed_at_random_never_give_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = (Path(__file__).parents[1] / "fixtures/old_keras/identification_keras_2_2_4.h5").read_bytes()
    for _ in range(30):
        damaged = bytearray(whole)
        for place in rng.integers(0, 6000, 3):
            damaged[place] = rng.integers(256)
        other = tmp_path / "damaged.h5"
        other.write_bytes(damaged)
        try:
            load_model(other)
        except BrokenFile as error:
            str(error).encode("utf-8")
