"""Training that ends the worker that does it, once, after an epoch."""

from __future__ import annotations

import os
import signal

from learning_functions.training import training_work
from learning_functions.training.checkpoints import Progress
from learning_functions.training.planned_runs import PlannedRun
from learning_functions.training.training_work import TrainingWork
from tests.ended_workers import end_once

FOLD = 0
whole_trained_run = training_work.trained_run


def trained_unless_ended(work: TrainingWork, run: PlannedRun, before: str | None) -> Progress:
    """A run of one fold ends the worker, its parent, once its first epoch is kept, and is itself ended by that."""
    if run.fold is not None and run.fold.number == FOLD:
        from learning_functions.training.epochs import BetweenEpochs

        whole = BetweenEpochs.on_epoch_end

        def ended(self, epoch, logs=None):  # type: ignore[no-untyped-def]
            whole(self, epoch, logs)
            if epoch == 0:
                worker, flag = os.getppid(), run.model.with_name("ended")
                first = not flag.exists()
                end_once(flag, worker)
                if first:
                    signal.pause()  # until the end of the parent is noticed

        BetweenEpochs.on_epoch_end = ended
    return whole_trained_run(work, run, before)


def always_ended(work: TrainingWork, run: PlannedRun, before: str | None) -> Progress:
    """The process of one fold ends; its worker goes on."""
    if run.fold is not None and run.fold.number == FOLD:
        os._exit(9)
    return Progress({}, 1, 1, 0.5, [{"val_loss": 0.5, "seconds": 1.0}])
