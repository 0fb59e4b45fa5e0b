"""Training on several devices of one machine gives what one device gives: losses, metrics, weights and best epoch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from learning_functions.model_files.model_file import save_model
from learning_functions.task import Settings, load_task
from tests.tiny import tiny_settings, write_samples

ROOT = Path(__file__).resolve().parents[2]
TRAINING = """
import contextlib, functools, json, sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 3)
from learning_functions.training import fit as fitting
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.teacher import Teacher
from learning_functions.training.training_choices import Training

# Adam divides gradients by their own size, and so makes rounding of those that are zero as large as a learning rate.
fitting.optimiser = lambda rate, decay, norm=None: keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=norm)

@functools.cache  # as in learning_functions/runtime/devices.py
def strategy(devices):
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])

def on(devices):
    return contextlib.nullcontext() if devices == 1 else strategy(devices).scope()

def trained(run, model, devices, epochs, **choices):
    with on(devices):
        paths = Path(run["training"]), Path(run["validation"])
        return fitting.train(
            *paths, model, lambda told: told.changed(epochs=epochs), Training(augment=run["augment"], **choices)
        )

def weights(model):
    found = Checkpoints(model).load(2)
    return {each.path: np.asarray(each) for each in found.weights}

resumed = sys.argv[2] == "resumed"
for run in json.loads(sys.argv[1]):
    folder = Path(run["training"]).parent
    teacher = Teacher(Path(run["teacher"])) if run["teacher"] else None
    one, several = folder / f"{run['name']}_one.h5", folder / f"{run['name']}_several.h5"
    if not resumed:
        trained(run, one, 1, 2, teacher=teacher)
        trained(run, several, 2, 1, teacher=teacher)
        continue
    rows = [Checkpoints(one).progress().history, trained(run, several, 3, 2, teacher=teacher, resume=True).history]
    first, other = weights(one), weights(several)
    apart = {path: float(np.abs(first[path] - other[path]).max()) for path in first}
    where = max(apart, key=apart.get)
    print(json.dumps({"name": run["name"], "rows": rows, "apart": apart[where], "where": where}), flush=True)
"""
"""Two processes for all tasks: TensorFlow parts the processor only before it is first used, and its collective
operations know one number of devices."""
FORMS: dict[str, dict[str, Any]] = {
    "instances": {"batch": 1, "samples_per_scan": 3},  # as the presets of batch 1: the other devices have no sample
    "naming": {"batch": 4, "samples_per_scan": 5},
}


TASKS = ("vertebra_heatmaps",)
"""Whose network has batch normalisation, and whose gradients are clipped."""
TAUGHT = "identification"
"""The task that is also trained with a teacher."""


def save_teacher(path: Path, settings: Settings) -> Path:
    """An untrained network as a model file."""
    network = load_task(TAUGHT).network(settings)
    save_model(network, path, {"task": TAUGHT, "spec": settings.spec.to_json(), "settings": settings.to_json()})
    return path


def settings_for(task: str) -> Settings:
    """Batches of odd numbers of samples: 3 and 2."""
    return tiny_settings(
        task, learning_rate=0.01, schedule="constant", **FORMS.get(task, {"batch": 4, "samples_per_scan": 5})
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each task learnt in two epochs on one device, and in one epoch on two devices and one more on three."""
    folder, runs = tmp_path_factory.mktemp("devices"), []
    for number, task in enumerate(TASKS):
        training, validation = write_samples(task, folder, settings_for(task))
        run = {"name": task, "training": str(training), "validation": str(validation), "teacher": ""}
        runs.append({**run, "augment": ("none", "standard")[number % 2]})
        if task == TAUGHT:
            teacher = save_teacher(folder / "teacher.h5", settings_for(task))
            runs.append({**run, "name": "taught", "augment": "none", "teacher": str(teacher)})
    for part in ("begun", "resumed"):
        done = subprocess.run(
            [sys.executable, "-c", TRAINING, json.dumps(runs), part],
            cwd=ROOT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines()) if "rows" in row}


@pytest.mark.parametrize("task", TASKS)
def test_several_devices_train_as_one(trained: dict[str, Any], task: str) -> None:
    one, several = trained[task]["rows"]
    assert len(one) == len(several) == 2
    for row, expected in zip(several, one, strict=True):
        assert row.keys() == expected.keys()
        for name in set(row) - {"seconds"}:
            near = 1e-4 if name.endswith("loss") else 1e-3  # rounding moves voxels over a threshold
            assert row[name] == pytest.approx(expected[name], rel=near, abs=1e-5, nan_ok=True), name
    assert trained[task]["apart"] < 1e-4, trained[task]["where"]
