"""The training runs of one call, one after another, and the summary of all folds of a cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras

from learning_functions.runtime.devices import computing_on
from learning_functions.task import Settings
from learning_functions.training.fit import train
from learning_functions.training.fold_summary import fold_row, write_summary
from learning_functions.training.planned_runs import PlannedRun
from learning_functions.training.training_choices import Training
from utility_functions.files.scan_list import write_scan_list

log = logging.getLogger(__name__)


def train_all(
    runs: Sequence[PlannedRun],
    change: Callable[[Settings], Settings],
    training: Training,
    device: str,
    show: Callable[[str], None],
    model: Path,
) -> None:
    """Train all planned runs. ``show`` receives a line for each, and the table of all folds at the end.

    Each run is independent: no state passes from one to the next. device: as in computing_on().
    model: the path that the user named; the summary of several folds is written beside it.
    """
    rows = []
    for number, run in enumerate(runs):
        one = training
        if number:
            keras.utils.clear_session()
        if run.fold is not None:
            log.info("%s: %s.", str(run.fold).capitalize(), run.model)
            if training.tensorboard is not None:
                one = replace(training, tensorboard=training.tensorboard / f"fold{run.fold.number}")
        with computing_on(device):
            progress = train(run.training, run.validate_on, run.model, change, one)
        if run.held_out:
            write_scan_list(run.held_out, run.scan_list, "validation")
        best = "no figure" if progress.best is None else f"{progress.best:.4f}"
        show(f"Best of {progress.epochs} epochs: {progress.best_epoch} ({best}). Model: {run.model}")
        if run.fold is not None:
            rows.append(fold_row(run.fold, run.counts, progress.best_epoch, progress.history[progress.best_epoch - 1]))
    if len(runs) > 1 and (fold := runs[0].fold) is not None:
        entries = {"samples": runs[0].training.name, "folds": fold.folds, "hold_out_seed": fold.seed}
        show(write_summary(model, rows, {**entries, "models": [run.model.name for run in runs]}))
