"""Networks of two filters with random weights, saved as train.py saves them; they find nothing that means anything."""

from __future__ import annotations

from pathlib import Path

import keras

from hardening.tiny_inputs import tiny_settings
from learning_functions.model_files.model_file import save_model
from learning_functions.runtime.tensorflow_setup import start_tensorflow
from learning_functions.task import load_task
from learning_functions.training.checkpoints import Checkpoints, Progress


def write_models(folder: Path) -> list[Path]:
    """Detection and identification with their cards, and detection as Keras itself saves it, without one."""
    start_tensorflow()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in ("detection", "identification"):
        keras.utils.set_random_seed(1)
        task, settings = load_task(name), tiny_settings(name)
        network = task.network(settings)
        card = {"task": name, "spec": settings.spec.to_json(), "settings": settings.to_json(), "training": {}}
        paths.append(folder / f"{name}.h5")
        save_model(network, paths[-1], card)
        if name == "detection":
            network.save(folder / "plain.h5", include_optimizer=False)
    return paths


def write_checkpoints(folder: Path) -> Path:
    """What training leaves beside model.h5 after two epochs, with the state of its optimiser."""
    start_tensorflow()
    folder.mkdir(parents=True, exist_ok=True)
    task, settings = load_task("detection"), tiny_settings("detection")
    network = task.network(settings)
    objective = task.objective(settings)
    network.compile("adam", loss=objective.loss)
    network.optimizer.build(network.trainable_variables)
    checkpoints = Checkpoints(folder / "model.h5")
    progress = Progress(run={"seed": 1}, planned=2)
    for epoch in (1.0, 2.0):
        progress.add({"epoch": epoch, "loss": 1 / epoch, "val_loss": 1 / epoch, "seconds": 1.0}, "val_loss", False)
        checkpoints.save(network, progress)
    return folder / "model.h5"
