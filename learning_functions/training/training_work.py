"""One training run of a call: in this process, or in one of a cluster's worker. Needs no Keras before it begins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from learning_functions.runtime.devices import computing_on
from learning_functions.task import Settings
from learning_functions.training.checkpoints import Checkpoints, Progress
from learning_functions.training.planned_runs import PlannedRun
from learning_functions.training.training_choices import Training
from utility_functions.stage_seconds import timed_stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingWork:
    """What is done in each run of a call, wherever it runs.

    change: makes the settings of the run from those of the samples. device: as in computing_on().
    """

    change: Callable[[Settings], Settings]
    training: Training
    device: str

    @property
    def reads(self) -> tuple[Path, ...]:
        """The models that every run reads."""
        return tuple(model.path for model in self.training.given.values())


def trained_run(work: TrainingWork, run: PlannedRun, before: str | None) -> Progress:
    """Train one run, independent of all others; returns its progress.

    before: the fingerprint of the run's checkpoints when the call began. Other ones were left by a worker that has
    ended meanwhile; the run goes on from them.
    """
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    with timed_stage("starting TensorFlow"):
        start_tensorflow()
    import keras

    from learning_functions.training.fit import train

    training = work.training
    if run.fold is not None:
        keras.utils.clear_session()
        log.info("%s: %s.", str(run.fold).capitalize(), run.model)
        if training.tensorboard is not None:
            training = replace(training, tensorboard=training.tensorboard / f"fold{run.fold.number}")
    if Checkpoints(run.model).fingerprint() not in (None, before):
        training = replace(training, resume=True)
    with computing_on(work.device):
        return train(run.training, run.validate_on, run.model, work.change, training)
