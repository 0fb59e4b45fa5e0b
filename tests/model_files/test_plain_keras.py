"""Every model file loads with Keras alone, in a program that imports nothing of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from learning_functions.model_files.model_file import load_model, save_model
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.task import load_task, task_names
from tests.tiny import tiny_settings

ROOT = Path(__file__).parents[2]
REPLACED = ROOT / "tests" / "fixtures" / "replaced_layers"
SHIPPED = sorted((ROOT / "saved_models").glob("*.h5"))
PRESETS = [(name, preset) for name in task_names() for preset in load_task(name).presets]
LOADING = """
import sys
import keras
import numpy as np
for path in sys.argv[1:]:
    network = keras.models.load_model(path)
    shape = [1, *(size or 16 for size in network.input_shape[1:])]
    answers = keras.tree.flatten(network(np.ones(shape, "float32"), training=False))
    print(path, all(np.isfinite(answer).all() for answer in answers), sep="\\t")
ours = ("keras_models", "learning_functions", "losses_and_metrics", "utility_functions", "spine_levels")
print(*[name for name in sys.modules if name.split(".")[0] in ours])
"""


@pytest.fixture(scope="module")
def of_presets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A tiny model file of every preset of every task."""
    folder = tmp_path_factory.mktemp("presets")
    paths = []
    for name, preset in PRESETS:
        settings = tiny_settings(name, preset)
        card = {"task": name, "spec": settings.spec.to_json(), "settings": settings.to_json()}
        paths.append(folder / f"{name}_{preset}.h5")
        save_model(load_task(name).network(settings), paths[-1], card)
    return paths


def test_keras_alone_loads_every_shipped_model_and_every_preset_s(of_presets: list[Path], tmp_path: Path) -> None:
    assert len(SHIPPED) == 10 and len(of_presets) == len(PRESETS)
    paths = [str(path) for path in (*SHIPPED, *of_presets)]
    done = subprocess.run(
        [sys.executable, "-c", LOADING, *paths], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    *lines, ours = done.stdout.split("\n")[:-1]
    assert lines == [f"{path}\tTrue" for path in paths]
    assert ours == "", "nothing of the package may be imported"


@pytest.mark.parametrize("name", ["naming", "vertebra_heatmaps"])
def test_a_file_with_custom_layers_keeps_its_outputs_and_is_saved_with_keras_layers(name: str, tmp_path: Path) -> None:
    network, card = load_model(REPLACED / f"{name}.h5")
    with np.load(REPLACED / f"{name}.npz") as then:
        inputs, predicted = then["seen"], then["predicted"]
    assert np.ptp(predicted) > 0.1, "a constant output would prove nothing"
    np.testing.assert_allclose(np.asarray(network(inputs, training=False)), predicted, atol=1e-5)
    path = tmp_path / "model.h5"
    save_model(network, path, card)
    again = keras.models.load_model(path)
    assert {type(layer).__module__.split(".")[0] for layer in again.layers} == {"keras"}
    np.testing.assert_allclose(np.asarray(again(inputs, training=False)), predicted, atol=1e-5)
    assert load_model(path)[1] == card


@pytest.mark.parametrize("name", ["naming", "vertebra_heatmaps"])
def test_a_network_loaded_from_such_a_file_is_built_as_one_made_today(name: str) -> None:
    network, _ = load_model(REPLACED / f"{name}.h5")
    made = load_task(name).network(tiny_settings(name, "small" if name == "naming" else "paper"))
    assert [layer.name for layer in network.layers] == [layer.name for layer in made.layers]
    assert [each.shape for each in network.weights] == [each.shape for each in made.weights]
    assert [each.path for each in network.weights] == [each.path for each in made.weights]


def test_a_model_for_inference_is_not_compiled(of_presets: list[Path]) -> None:
    network = TrainedModel.load(of_presets[0]).network
    assert not network.compiled and network.loss is None and network.jit_compile is False
    network.predict_on_batch(np.zeros((1, 16, 16, 16, 1), np.float32))
    graph = network.predict_function
    network.predict_on_batch(np.zeros((1, 16, 16, 16, 1), np.float32))
    assert network.predict_function is graph
