"""Train the network of a task from sample files; the files name the task."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learning_functions.runtime.workers import Workers
    from utility_functions.command_line import Parser

EXAMPLES = """examples:
  {call} samples/training.h5 samples/validation.h5 saved_models/detection.h5
  {call} samples/training.h5 samples/validation.h5 saved_models/detection.h5 --resume
  {call} samples/training.h5 samples/validation.h5 saved_models/detection.h5 --resume --epochs 80
  {call} samples/all.h5 models/detection.h5 --folds 5            # five models, and a summary of all
  {call} samples/all.h5 models/detection.h5 --folds 5 --fold 0   # the first of them
  {call} samples/all.h5 models/detection.h5 --folds 5 --scheduler tcp://node:8786   # each on a cluster's worker
  {call} samples/training.h5 samples/validation.h5 small.h5 --filters 4 --teacher saved_models/detection.h5
  {call} own/training.h5 own/validation.h5 own.h5 --start-from saved_models/detection.h5 --learning-rate 5e-4

Beside MODEL.h5 the folder MODEL.training keeps the last and the best epoch (.keras), log.csv and curves.png. Of folds
there are MODEL_fold0.h5 and so on, with MODEL_folds.csv and MODEL_folds.json, and with --scans MODEL_fold0_scans.csv.
"""


def parser(prog: str = "spine-train") -> Parser:
    """The options, as they are called by ``prog``."""
    from utility_functions.command_line import Parser, called
    from utility_functions.reporting.support_log import add_log_option

    found = Parser(prog, __doc__, EXAMPLES.format(call=called(prog)))
    found.add_argument("training", type=Path, help="training samples (.h5)")
    text = "validation samples (.h5) of other patients, which decide on the best epoch; left out with --folds"
    found.add_argument("validation", type=Path, nargs="?", help=text)
    found.add_argument("model", type=Path, help="model to write (.h5)")
    for name, kind, text in (
        ("--epochs", int, "passes over the samples"),
        ("--batch", int, "samples per step, on all GPUs together"),
        ("--filters", int, "filters of the network's first level"),
        ("--learning-rate", float, "Adam's learning rate"),
    ):
        found.add_argument(name, type=kind, help=f"{text} (default: the preset's)")
    text = "learning rate over the steps (default: the preset's)"
    found.add_argument("--schedule", choices=("constant", "cosine", "steps"), help=text)
    text = "schedule steps: from each of these steps on the learning rate is a tenth (default: 10000 20000)"
    found.add_argument("--rate-steps", type=int, nargs="+", metavar="N", help=text)
    found.add_argument("--class-weights", type=float, nargs=2, metavar="W", help="detection: background and vertebra")
    text = "synth: random appearances of the tissues of phantoms (default: the preset's)"
    found.add_argument("--augment", choices=("none", "standard", "synth"), help=text)
    found.add_argument("--folds", type=int, metavar="N", help="split the patients into N folds, each held out once")
    found.add_argument("--fold", type=int, metavar="K", help="hold out fold K alone, from 0 on (default: all folds)")
    text = "seed of the folds, independent of --seed (default: 1)"
    found.add_argument("--hold-out-seed", type=int, metavar="N", help=text)
    text = "the data set of the samples: also list each fold's held-out scans, for measure.py"
    found.add_argument("--scans", type=Path, metavar="DATASET", help=text)
    text = (
        "warm start: a model (.h5, or a shipped one) of the same task with as many or fewer filters, or of another task"
    )
    found.add_argument("--start-from", type=Path, metavar="MODEL", help=text)
    text = "with --start-from: take the layers of the same name and shape, whatever images and labels that model knows"
    found.add_argument("--layers-that-fit", action="store_true", help=text)
    found.add_argument(
        "--teacher", type=Path, metavar="MODEL", help="distillation: a trained model (.h5), or a shipped one"
    )
    found.add_argument("--temperature", type=float, help="of the outputs of teacher and student (default: 2)")
    found.add_argument("--alpha", type=float, help="the teacher's fraction of the loss, 0 to 1 (default: 0.5)")
    found.add_argument("--seed", type=int, default=1, help="default: 1")
    text = "resume after the last finished epoch, if there is one; with more --epochs also a finished run"
    found.add_argument("--resume", action="store_true", help=text)
    text = "end the run once N epochs were no better than the best one (default: never)"
    found.add_argument("--early-stopping", type=int, metavar="N", help=text)
    found.add_scheduler(works="train the folds")
    found.add_argument("--device", default="auto", help="auto, cpu, gpu (all of them) or gpu:N (default: auto)")
    text = "what the network computes in; weights are float32 in any case (default: float32)"
    found.add_argument("--precision", choices=("float32", "bfloat16", "float16"), default="float32", help=text)
    text = "most steps in one call of TensorFlow, which saves time where a step is short (default: 1)"
    found.add_argument("--steps-per-execution", type=int, default=1, metavar="N", help=text)
    found.add_argument("--xla", action="store_true", help="compile the step by XLA, for GPUs")
    found.add_argument(
        "--about", default="", metavar="TEXT", help="text for the model's card, such as its data's licence"
    )
    found.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="also write logs there (needs the extra 'track')"
    )
    add_log_option(found)
    return found


def _model(given: Path | None) -> Path | None:
    from learning_functions.model_files.pretrained import located

    return None if given is None else located(given)


def run(arguments: argparse.Namespace) -> int:
    from learning_functions.runtime.requested_workers import requested_workers
    from learning_functions.runtime.workers import THIS_PROCESS
    from utility_functions.command_line import make_absolute

    if arguments.scheduler is not None and arguments.folds is None:
        raise ValueError(
            "A cluster trains the --folds of a cross-validation side by side; one training has nothing to share. "
            f"Received: --scheduler {arguments.scheduler}."
        )
    make_absolute(arguments, "model", "tensorboard")
    with requested_workers(arguments.scheduler, THIS_PROCESS) as workers:
        return _train(arguments, workers)


def _train(arguments: argparse.Namespace, workers: Workers) -> int:
    from learning_functions.runtime.devices import require_device
    from learning_functions.training.cross_validation import train_all
    from learning_functions.training.planned_runs import planned
    from learning_functions.training.teacher import teacher_of
    from learning_functions.training.training_choices import Training
    from learning_functions.training.training_inputs import requested_settings
    from learning_functions.training.training_work import TrainingWork
    from learning_functions.training.warm_start.initial_model import WarmStart
    from utility_functions.files.data_split import requested_folds
    from utility_functions.stage_seconds import timed_stage

    teacher = teacher_of(_model(arguments.teacher), arguments.temperature, arguments.alpha)
    given = _model(arguments.start_from)
    start = None if given is None else WarmStart(given, arguments.layers_that_fit)
    paths = arguments.training, arguments.validation, arguments.model
    folds = requested_folds(arguments.folds, arguments.fold, arguments.hold_out_seed)
    runs = planned(paths, folds, arguments.scans, arguments.augment, (start, teacher))
    changes = {name: getattr(arguments, name) for name in ("epochs", "batch", "filters", "learning_rate", "schedule")}
    changes["rate_steps"] = None if arguments.rate_steps is None else tuple(arguments.rate_steps)
    names = ("seed", "resume", "augment", "precision", "tensorboard", "about")
    more = ("early_stopping", "steps_per_execution", "xla")
    training = Training(**{name: getattr(arguments, name) for name in (*names, *more)}, start=start, teacher=teacher)
    require_device(arguments.device)
    change = partial(requested_settings, changes=changes, class_weights=arguments.class_weights)
    with timed_stage("training"):
        train_all(runs, TrainingWork(change, training, arguments.device), print, arguments.model, workers)
    return 0


def main(argv: list[str] | None = None, prog: str = "spine-train") -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    from utility_functions.command_line import run_command
    from utility_functions.reporting.support_log import logged

    return run_command(parser(prog), logged(run), argv)
