"""Train the network of a task from sample files; the task is written in the files."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """examples:
  {call} samples/training.h5 samples/validation.h5 saved_models/detection.h5
  {call} samples/training.h5 samples/validation.h5 saved_models/detection.h5 --resume
  {call} samples/all.h5 models/detection.h5 --folds 5            # five models, and a summary of all
  {call} samples/all.h5 models/detection.h5 --folds 5 --fold 0   # the first of them
  {call} samples/training.h5 samples/validation.h5 small.h5 --filters 4 --teacher saved_models/detection.h5
  {call} own/training.h5 own/validation.h5 own.h5 --start-from saved_models/detection.h5 --learning-rate 5e-4

Beside MODEL.h5 the folder MODEL.training keeps the last and the best epoch (.keras), log.csv and curves.png. Of folds
there are MODEL_fold0.h5 and so on, with MODEL_folds.csv and MODEL_folds.json, and with --scans MODEL_fold0_scans.csv.
"""


def parser(prog: str = "spine-train") -> argparse.ArgumentParser:
    """The options, as they are called by ``prog``."""
    from utility_functions.command_line import Parser, called

    found = Parser(prog, __doc__, EXAMPLES.format(call=called(prog)))
    found.add_argument("training", type=Path, help="samples to learn from (.h5)")
    told = "samples to choose the best epoch by (.h5), of other patients; left out with --folds"
    found.add_argument("validation", type=Path, nargs="?", help=told)
    found.add_argument("model", type=Path, help="model to write (.h5)")
    for name, kind, text in (
        ("--epochs", int, "passes over the samples"),
        ("--batch", int, "samples per step, on all GPUs together"),
        ("--filters", int, "filters of the network's first level"),
        ("--learning-rate", float, "Adam's learning rate"),
    ):
        found.add_argument(name, type=kind, help=f"{text} (default: as the preset says)")
    found.add_argument("--schedule", choices=("constant", "cosine"), help="learning rate over the epochs")
    found.add_argument("--class-weights", type=float, nargs=2, metavar="W", help="detection: background and vertebra")
    told = "synth: appearances drawn from the tissues of phantoms (default: as the preset says)"
    found.add_argument("--augment", choices=("none", "standard", "synth"), help=told)
    found.add_argument("--folds", type=int, metavar="N", help="part the patients in so many folds, each held out once")
    found.add_argument("--fold", type=int, metavar="K", help="hold this fold out alone, from 0 on (default: all)")
    told = "who is in which fold, whatever the --seed (default: 1)"
    found.add_argument("--hold-out-seed", type=int, metavar="N", help=told)
    told = "what the samples were cut from: also list each fold's held-out scans, for measure.py"
    found.add_argument("--scans", type=Path, metavar="DATASET", help=told)
    told = "a trained model (.h5) to go on from, with more --filters too, or of another task to take layers of"
    found.add_argument("--start-from", type=Path, metavar="MODEL", help=told)
    found.add_argument("--teacher", type=Path, metavar="MODEL", help="a trained model (.h5) to learn from, too")
    found.add_argument("--temperature", type=float, help="softens the answers of teacher and student (default: 2)")
    found.add_argument("--alpha", type=float, help="the teacher's share of the loss, 0 to 1 (default: 0.5)")
    found.add_argument("--seed", type=int, default=1, help="default: 1")
    found.add_argument("--resume", action="store_true", help="go on after the last finished epoch, if there is one")
    found.add_argument("--device", default="auto", help="auto, cpu, gpu (all of them) or gpu:N (default: auto)")
    found.add_argument("--mixed-precision", action="store_true", help="float16 arithmetic, for GPUs with tensor cores")
    found.add_argument("--about", default="", metavar="TEXT", help="said in the model's card, as of its data's licence")
    found.add_argument("--tensorboard", type=Path, metavar="DIR", help="also log there (needs the extra 'track')")
    return found


def run(arguments: argparse.Namespace) -> int:
    from learning_functions.training.planned_runs import planned
    from learning_functions.training.teacher import teacher_of
    from learning_functions.training.training_inputs import with_class_weights
    from learning_functions.training.warm_start.initial_model import WarmStart
    from utility_functions.files.data_split import requested_folds

    teacher = teacher_of(arguments.teacher, arguments.temperature, arguments.alpha)
    start = None if arguments.start_from is None else WarmStart(arguments.start_from)
    paths = arguments.training, arguments.validation, arguments.model
    folds = requested_folds(arguments.folds, arguments.fold, arguments.hold_out_seed)
    # before TensorFlow starts
    runs = planned(paths, folds, arguments.scans, arguments.augment, (start, teacher))
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.training.cross_validation import train_all
    from learning_functions.training.training_choices import Training

    changes = {name: getattr(arguments, name) for name in ("epochs", "batch", "filters", "learning_rate", "schedule")}
    ways = ("seed", "resume", "augment", "mixed_precision", "tensorboard", "about")
    training = Training(**{name: getattr(arguments, name) for name in ways}, start=start, teacher=teacher)
    told = (training, arguments.device, print, arguments.model)
    train_all(runs, lambda settings: with_class_weights(settings.changed(**changes), arguments.class_weights), *told)
    return 0


def main(argv: list[str] | None = None, prog: str = "spine-train") -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    from utility_functions.command_line import run_command

    return run_command(parser(prog), run, argv)
