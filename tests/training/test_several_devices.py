"""Training on several devices of one machine gives what one device gives: losses, metrics, weights and best epoch.

Every task takes two steps (`device_steps`); one is trained whole, with checkpoints and the best epoch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from learning_functions.task import Settings, task_names
from tests.tiny import tiny_settings, write_samples
from tests.training import device_steps

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import contextlib, functools, json, sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 3)
from learning_functions.training import fit as fitting
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.training_choices import Training

# Adam divides gradients by their own size, and so makes rounding of those that are zero as large as a learning rate.
fitting.optimiser = lambda rate, decay, norm=None: keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=norm)

@functools.cache  # as in learning_functions/runtime/devices.py
def strategy(devices):
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])

def on(devices):
    return contextlib.nullcontext() if devices == 1 else strategy(devices).scope()

def trained(model, devices, epochs, **choices):
    with on(devices):
        return fitting.train(*paths, model, lambda told: told.changed(epochs=epochs), Training(**choices))

def weights(model):
    found = Checkpoints(model).load(2)
    return {each.path: np.asarray(each) for each in found.weights}

*paths, folder = map(Path, sys.argv[2:])
one, several = folder / "one.h5", folder / "several.h5"
if sys.argv[1] == "begun":
    trained(one, 1, 2)
    trained(several, 2, 1)
else:
    rows = [Checkpoints(one).progress().history, trained(several, 3, 2, resume=True).history]
    first, other = weights(one), weights(several)
    apart = {path: float(np.abs(first[path] - other[path]).max()) for path in first}
    where = max(apart, key=apart.get)
    best = [Checkpoints(model).progress().best_epoch for model in (one, several)]
    print(json.dumps({"rows": rows, "best": best, "apart": apart[where], "where": where}), flush=True)
"""
"""Two processes: TensorFlow parts the processor only before it is first used, and its collective operations know one
number of devices."""
TRAINED = "detection"
FORMS: dict[str, dict[str, Any]] = {
    "instances": {"batch": 1, "samples_per_scan": 3},  # as the presets of batch 1: the other devices have no sample
}


def settings_for(task: str) -> Settings:
    """Batches of odd numbers of samples: 3 and 2."""
    form = FORMS.get(task, {"batch": 4, "samples_per_scan": 5})
    return tiny_settings(task, learning_rate=0.01, schedule="constant", **form)


def printed(*command: object) -> list[dict[str, Any]]:
    """The JSON objects that a process of its own prints."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def require_alike(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found.keys() == expected.keys()
    for name in set(expected) - {"seconds"}:
        near = 1e-4 if name.endswith("loss") else 1e-3  # rounding moves voxels over a threshold
        assert found[name] == pytest.approx(expected[name], rel=near, abs=1e-5, nan_ok=True), name


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the steps of each task gave."""
    folder = tmp_path_factory.mktemp("steps")
    for task in task_names():
        write_samples(task, folder, settings_for(task))
    return {row["name"]: row for row in printed(device_steps.__file__, folder)}


@pytest.mark.parametrize("name", [*task_names(), f"{device_steps.TAUGHT}, taught"])
def test_steps_on_two_devices_and_resumed_on_three_are_those_of_one(
    stepped: dict[str, dict[str, Any]], name: str
) -> None:
    for expected, found in stepped[name]["rows"]:
        require_alike(found, expected)
    assert stepped[name]["apart"] < 1e-4, stepped[name]["where"]
    assert stepped[name]["moved"] > 1e-3, "the steps changed the weights"


def test_a_whole_training_on_two_devices_and_resumed_on_three_is_that_of_one(tmp_path: Path) -> None:
    """Augmented, in batches of 3 and 2."""
    training, validation = write_samples(TRAINED, tmp_path, settings_for(TRAINED))
    printed("-c", TRAINING, "begun", training, validation, tmp_path)
    [found] = printed("-c", TRAINING, "resumed", training, validation, tmp_path)
    one, several = found["rows"]
    assert len(one) == len(several) == 2
    for row, expected in zip(several, one, strict=True):
        require_alike(row, expected)
    assert found["best"][0] == found["best"][1]
    assert found["apart"] < 1e-4, found["where"]
