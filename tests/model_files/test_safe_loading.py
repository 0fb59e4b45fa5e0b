"""A model that would run code, or holds what Keras does not know, is refused before anything is built."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest
from keras import layers

from learning_functions.model_files.model_file import CARD, load_model, save_model
from learning_functions.model_files.safe_loading import refuse_code
from learning_functions.spec import Spec
from utility_functions.files.broken_file import BrokenFile

SPEC = Spec((1, 1, 1), "RAS", (4, 4, 4), 1, ("background", "vertebra"))


def with_lambda(trace: Path) -> keras.Model:
    image = keras.Input((4, 4, 4, 1))
    where = str(trace)
    touch = layers.Lambda(lambda x: (open(where, "w").close(), x)[1], name="scale")  # noqa: PTH123
    return keras.Model(image, layers.Conv3D(2, 1, activation="softmax")(touch(image)))


def nested(trace: Path) -> keras.Model:
    image = keras.Input((4, 4, 4, 1))
    return keras.Model(image, keras.Sequential([with_lambda(trace)])(image))


@pytest.mark.parametrize("make", [with_lambda, nested])
@pytest.mark.parametrize("carded", [True, False])
def test_a_lambda_is_refused_and_never_runs(make: Callable[[Path], keras.Model], carded: bool, tmp_path: Path) -> None:
    trace, path = tmp_path / "ran", tmp_path / "model.h5"
    make(trace).save(path)
    if carded:
        card = {"format": 1, "task": "detection", "spec": SPEC.to_json(), "settings": {}, "training": {}}
        with h5py.File(path, "r+") as file:
            file.attrs[CARD] = json.dumps(card | {"versions": {}})
    trace.unlink()
    with pytest.raises(BrokenFile, match=r"model\.h5 is refused: its layer 'scale' is of the class 'Lambda'"):
        load_model(path)
    assert not trace.exists()
    keras.models.load_model(path, compile=False, safe_mode=False)
    assert trace.exists(), "it would have run"


def test_a_lambda_is_refused_even_where_keras_would_let_it_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace, path = tmp_path / "ran", tmp_path / "model.h5"
    with_lambda(trace).save(path)
    trace.unlink()
    monkeypatch.setattr(keras.src.saving.serialization_lib, "in_safe_mode", lambda: False)
    with pytest.raises(BrokenFile, match="runs code"):
        load_model(path)
    assert not trace.exists()


def test_a_model_that_could_not_be_loaded_is_not_saved(tmp_path: Path) -> None:
    model = with_lambda(tmp_path / "ran")
    (tmp_path / "ran").unlink()
    with pytest.raises(ValueError, match="runs code"):
        save_model(model, tmp_path / "model.h5", {"task": "detection", "spec": SPEC.to_json()})
    assert not list(tmp_path.iterdir())


def functional(*layers_in_it: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Functional", "config": {"name": "net", "layers": list(layers_in_it)}}


def layer(kind: str, config: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": "x", **(config or {})}, "name": "x", **more}


FUNCTION = {"class_name": "function", "registered_name": None}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (layer("Surprise"), "does not know"),
        (layer("Surprise", module="keras.layers"), "does not know"),
        (layer("Conv3D", module="os"), "comes from 'os'"),
        (layer("Conv3D", module="keras_evil.layers"), "not from Keras"),
        (layer("system", module="keras.os"), "does not know"),
        (layer("get_file", module="keras.utils"), "does not know"),
        (layer("Popen", module="keras.src.utils.subprocess"), "does not know"),
        (layer("load_model", module="keras.models"), "does not know"),
        (layer("TFSMLayer", module="keras.layers"), "runs code"),
        (layer("TorchModuleWrapper", module="keras.layers"), "runs code"),
        (layer("StringLookup", {"vocabulary": "/etc/passwd"}, module="keras.layers"), "reads files"),
        (layer("TimeDistributed", {"layer": layer("Lambda")}), "runs code"),
        (layer("Dense", {"activation": {"class_name": "__lambda__", "config": {}}}), "runs code"),
        (layer("Dense", {"activation": FUNCTION | {"config": "get_file", "module": "keras.utils"}}), "get_file"),
        (layer("Dense", {"activation": FUNCTION | {"config": "system", "module": "os"}}), "system"),
        (layer("Dense", {"kernel_initializer": {"class_name": "Mine", "config": {}}}), "does not know"),
        (layer("Dense", inbound_nodes=[{"args": [{"class_name": "TypeSpec", "config": {}}]}]), "does not know"),
        (layer("TFOpLambda", {"function": "math.sin"}), "does not know"),
        ({"class_name": ["Conv3D"], "config": {}}, "no name"),
    ],
)
def test_what_is_not_a_part_of_a_network_is_refused(part: dict[str, Any], message: str) -> None:
    for config in (functional(part), functional(layer("Dense"), layer("Sequential", {"layers": [part]}))):
        with pytest.raises(BrokenFile, match=message) as caught:
            refuse_code(config, "model.h5")
        assert "model.h5" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [None, [], "Functional", {"class_name": "Conv3D", "config": {}}, {"config": {}}])
def test_what_is_no_network_is_refused(config: Any) -> None:
    with pytest.raises(BrokenFile, match="describes no network"):
        refuse_code(config, "model.h5")


def test_keras_s_own_layers_of_any_age_pass() -> None:
    refuse_code(
        functional(
            layer("Conv3D", {"kernel_initializer": {"class_name": "VarianceScaling", "config": {}}}),  # Keras 2.2
            layer("BatchNormalization", {"dtype": {"class_name": "DTypePolicy", "config": {}, "module": "keras"}}),
            layer(
                "Dense", {"activation": FUNCTION | {"config": "softmax", "module": "builtins"}}, module="keras.layers"
            ),
            layer("Functional", {"layers": [layer("InputLayer")]}),
        ),
        "model.h5",
    )


def test_a_class_registered_with_keras_passes_and_loads(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable(package="spine_test")
    class Twice(layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    image = keras.Input((4, 4, 4, 1))
    keras.Model(image, layers.Conv3D(2, 1, activation="softmax")(Twice()(image))).save(tmp_path / "model.h5")
    assert load_model(tmp_path / "model.h5")[1]["task"] == "detection"
    registered = keras.saving.get_custom_objects()
    del registered["spine_test>Twice"]
    with pytest.raises(BrokenFile, match="Twice"):
        load_model(tmp_path / "model.h5")
