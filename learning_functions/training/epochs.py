"""What happens between the epochs of a training run: state that follows from the epoch, checkpoint, log and stop."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from learning_functions.runtime.freed_memory import return_freed_memory
from learning_functions.runtime.seeding import seed_network
from learning_functions.task import Objective
from learning_functions.training.checkpoints import Checkpoints, Progress
from utility_functions.files.atomic_write import written_whole
from utility_functions.reporting.plots import curves
from utility_functions.stage_seconds import tell_seconds


class BetweenEpochs(keras.callbacks.Callback):
    """Before each epoch, sets what follows from its number alone; after it, saves the network and the log.

    seed, epochs: of the whole run. early_stopping: see Training.
    """

    def __init__(
        self,
        network: keras.Model,
        objective: Objective,
        checkpoints: Checkpoints,
        progress: Progress,
        seed: int,
        epochs: int,
        early_stopping: int | None = None,
    ) -> None:
        super().__init__()
        self.network, self.objective = network, objective
        self.checkpoints, self.progress = checkpoints, progress
        self.seed, self.epochs, self.early_stopping = seed, epochs, early_stopping
        self._started = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = time.perf_counter()
        begin_epoch(self.objective, self.network, epoch, self.epochs)
        seed_network(self.network, self.seed, epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        row = {"epoch": epoch + 1.0} | {name: float(value) for name, value in (logs or {}).items()}
        row["seconds"] = time.perf_counter() - self._started
        tell_seconds({"training and validation": row["seconds"]}, f"epoch {epoch + 1}")
        self.progress.add(row, self.objective.watched, self.objective.highest_is_best)
        self.checkpoints.save(self.network, self.progress)
        write_log(self.progress, self.checkpoints.folder)
        return_freed_memory()
        if self.progress.is_stale(self.early_stopping):
            self.model.stop_training = True


def begin_epoch(objective: Objective, network: keras.Model, epoch: int, epochs: int) -> None:
    """Pass the number of the next epoch (the first is 0) to the losses that change over the epochs.

    Losses with learnt parameters (``bind``) receive the network, also when both come from a checkpoint.
    """
    losses = objective.loss.values() if isinstance(objective.loss, Mapping) else [objective.loss]
    for loss in losses:
        if hasattr(loss, "bind"):
            loss.bind(network)
        if hasattr(loss, "begin_epoch"):
            loss.begin_epoch(epoch, epochs)


def write_log(progress: Progress, folder: Path) -> None:
    """Write log.csv, a row for each epoch, and curves.png."""
    names = sorted({name for row in progress.history for name in row}, key=lambda name: (name != "epoch", name))
    with written_whole(folder / "log.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(progress.history)
    shown = [name for name in names if name not in ("epoch", "seconds")]
    curves({name: [row.get(name, float("nan")) for row in progress.history] for name in shown}, folder / "curves.png")
