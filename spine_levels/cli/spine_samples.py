"""Cut training samples for one task from a data set of annotated scans."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learning_functions.runtime.workers import Workers
    from utility_functions.command_line import Parser

EXAMPLES = """examples:
  {call} detection training_dataset samples/detection/training.h5
  {call} identification data_set samples/validation.h5 --split validation --preset small
  {call} detection scans samples/training.h5 --hold-out 0.2 --part training
  {call} detection scans samples/validation.h5 --hold-out 0.2 --part validation
  {call} detection scans samples/validation.h5 --folds 5 --fold 0 --part validation
  {call} vertebra_heatmaps scans samples/training.h5 --crop-by models/spine_heatmap.h5
  {call} detection phantom:2000 samples/training.h5 --preset small --seed 1
  {call} detection phantom:200:lumbar samples/validation.h5 --preset small --seed 2

phantom:N makes N phantom scans while the samples are cut; no image is written. Further colons may add a region (such
as lumbar), a kind (ct, mr-t1, mr-t2, mr-stir, mr-gre; mr and any for several), and seed=N, a seed for the phantoms
other than that of the samples.
"""


def parser(prog: str = "spine-samples") -> Parser:
    """The options, as they are called by ``prog``."""
    from learning_functions.task import task_names
    from utility_functions.anatomy.centroids import LABEL_CODE_HELP, LABEL_CODES
    from utility_functions.command_line import Parser, called
    from utility_functions.reporting.support_log import add_log_option

    found = Parser(prog, __doc__, EXAMPLES.format(call=called(prog)))
    found.add_argument("task", choices=task_names(), help="the task of the samples")
    found.add_argument("dataset", type=Path, help="folder of annotated scans, CSV manifest, or phantom:N")
    found.add_argument("output", type=Path, help="sample file to write (.h5)")
    found.add_argument(
        "--preset", default="paper", help="preset of the task: paper, small, shipped, .. (default: paper)"
    )
    found.add_argument("--target", help="detection: tubes around centroids, or parts of vertebrae from masks")
    found.add_argument("--direction", help="instances: direction of the traversal, up or down (default: the preset's)")
    found.add_argument("--split", help="only the scans of this split: training, validation or testing")
    found.add_argument("--label-code", choices=tuple(LABEL_CODES), help=LABEL_CODE_HELP)
    found.add_argument("--hold-out", type=float, metavar="FRACTION", help="fraction of patients for validation")
    found.add_argument("--folds", type=int, metavar="N", help="or split the patients into N folds")
    found.add_argument("--fold", type=int, metavar="K", help="and use fold K, from 0 on, for validation")
    found.add_argument("--part", choices=("training", "validation"), help="the part of that split to cut")
    text = "seed of the split; the same for all parts (default: 1)"
    found.add_argument("--hold-out-seed", type=int, metavar="N", help=text)
    text = "key for pseudonyms of patients in DICOM headers; made if missing (default: patients.key beside OUTPUT)"
    found.add_argument("--patient-key", type=Path, metavar="FILE", help=text)
    text = "a trained model of the previous stage that crops the samples; repeat --crop-by for several"
    found.add_argument("--crop-by", type=Path, action="append", default=[], metavar="MODEL", help=text)
    found.add_argument("--samples-per-scan", type=int, metavar="N", help="instead of the preset's number")
    found.add_argument(
        "--spacing", type=float, nargs="+", metavar="MM", help="one or three voxel sizes, not the preset's"
    )
    found.add_argument("--seed", type=int, default=1, help="the same seed gives the same file (default: 1)")
    either = found.add_mutually_exclusive_group()
    either.add_argument("--workers", type=int, metavar="N", help="number of processes (default: one per core)")
    found.add_scheduler(either)
    found.add_argument("--compression", choices=("gzip", "lzf", "none"), default="gzip", help="default: gzip")
    found.add_argument("--skip-errors", action="store_true", help="exit code 0 even if broken scans were left out")
    add_log_option(found)
    return found


def run(arguments: argparse.Namespace) -> int:
    from learning_functions.runtime.requested_workers import requested_workers
    from learning_functions.runtime.workers import LocalWorkers
    from utility_functions.command_line import make_absolute

    make_absolute(arguments, "output")
    with requested_workers(arguments.scheduler, LocalWorkers(arguments.workers)) as workers:
        return _generate(arguments, workers)


def _generate(arguments: argparse.Namespace, workers: Workers) -> int:
    from learning_functions.generate.cropping import requested_cropping
    from learning_functions.generate.generation import cases_of_one_split, generate
    from learning_functions.model_files.pretrained import located
    from learning_functions.task import load_task, settings_of
    from utility_functions.files.manifest import in_label_code
    from utility_functions.stage_seconds import timed_stage

    task = load_task(arguments.task)
    cropping = requested_cropping(arguments.task, [located(path) for path in arguments.crop_by])
    settings = settings_of(task, arguments.preset).changed(samples_per_scan=arguments.samples_per_scan)
    settings = settings.choosing(task, direction=arguments.direction)
    if arguments.target:
        settings = settings.aiming_at(task, arguments.target)
    if arguments.spacing:
        settings = settings.at_spacing(arguments.spacing)
    held_out = (arguments.hold_out, arguments.part, arguments.hold_out_seed)
    folds = {"folds": arguments.folds, "fold": arguments.fold}
    with timed_stage("finding scans"):
        cases = cases_of_one_split(arguments.dataset, arguments.split, *held_out, phantom_seed=arguments.seed, **folds)
    cases = in_label_code(cases, arguments.label_code)
    with timed_stage("cutting samples"):
        made = generate(
            arguments.task,
            cases,
            arguments.output,
            settings,
            seed=arguments.seed,
            workers=workers,
            compression=arguments.compression,
            cropping=cropping,
            patient_key=arguments.patient_key,
        )
    print(f"{made.samples} samples of {made.scans} scans: {arguments.output}")
    if not made.problems:
        return 0
    broken = f"{len(made.problems)} of {len(cases)} scans were left out: {', '.join(made.problems)}."
    print(broken if arguments.skip_errors else f"error: {broken}", file=sys.stderr)
    return 0 if arguments.skip_errors else 2


def main(argv: list[str] | None = None, prog: str = "spine-samples") -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    from utility_functions.command_line import run_command
    from utility_functions.reporting.support_log import logged

    return run_command(parser(prog), logged(run), argv, "no sample file was written")
