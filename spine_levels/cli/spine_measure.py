"""Find, name and segment the vertebrae of scans; with ground truth, score the results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learning_functions.runtime.workers import Workers
    from utility_functions.command_line import Parser
    from utility_functions.reporting.results import ScanRow

OF_THE_CALL = ("command", "debug", "choice", "log", "scheduler")
"""Arguments that are no options of a measurement."""
EXAMPLES = """examples:
  {call} one_scan.nii.gz --output results            # CT or MR, by the shipped models
  {call} dicom_series_folder --dicom seg,sr --output results
  {call} lumbar_mr.nii.gz --count-from whole_spine_scout.nii.gz --output results
  {call} --keypoints landmark_files --output results  # names landmark files without images
  {call} testing_dataset saved_models/detection.h5 saved_models/identification.h5 --output results
  {call} testing_dataset vertebra_masks.h5 --landmarks corrected --output results
  {call} testing_dataset --pipeline two_stages.toml --pipeline coarse_to_fine.toml --output results

Per scan: NAME_vertebrae.nii.gz (VerSe ids on the scan's grid), NAME_detection.nii.gz (1 body, 2 disc, 3 arch, 4 sacrum;
in MR 5 canal, 6 cord), NAME_centroids.json (VerSe), NAME_centroids.mrk.json (3D Slicer), NAME_measurements.csv, .json,
NAME.png, NAME_view.html (with the extra 'viewer'), NAME_findings.json (for --skip-existing); of MR
NAME_structures.nii.gz (1 vertebra, 2 disc, 3 canal) and NAME_numbered.nii.gz (SPIDER's numbers); after a traversal
NAME_trail.json and NAME_trail.png; with --save-intermediate also NAME_heatmap.nii.gz, NAME_landmark_heatmap.nii.gz,
NAME_candidates.json and NAME_stages.json (for --from-results).
With --dicom seg,sr of a DICOM scan also NAME_seg.dcm and NAME_sr.dcm.
Series of one study that lie on one frame or grid share their names; --study apart keeps them apart.
Per run: results.json, results.csv, report.html, and with ground truth errors.png and, for masks, dice.png.
With --pipeline all that in a folder for each, and comparison.csv, comparison.json, comparison.html.
"""


def parser(prog: str = "spine-measure") -> Parser:
    """The options, as they are called by ``prog``."""
    from learning_functions.model_files.pretrained import CHOICES
    from learning_functions.options import add_options
    from utility_functions.anatomy.centroids import LABEL_CODE_HELP, LABEL_CODES
    from utility_functions.command_line import Parser, called
    from utility_functions.reporting.support_log import add_log_option

    found = Parser(prog, __doc__, EXAMPLES.format(call=called(prog)))
    found.add_argument("scans", type=Path, help="image, DICOM series, folder of scans, CSV manifest, or phantom:N")
    found.add_argument(
        "models",
        type=Path,
        nargs="*",
        default=[],  # without one argparse would name them among what is missing
        help="trained models: .h5 files or names of shipped ones (default: the best ones for CT or MR, by scan)",
    )
    found.add_argument(
        "--models",
        dest="choice",
        choices=CHOICES,
        help="without named models: the best shipped ones, or the fast ones, which leave out whole masks in CT",
    )
    found.add_argument("--output", type=Path, default=Path("results"), help="folder for the results (default: results)")
    found.add_argument("--keypoints", action="store_true", help="the scans are landmark files to be named")
    found.add_argument("--split", help="only the scans of this split: training, validation or testing")
    text = "only this series of a folder of DICOM files, from 1 on in the order of their numbers (default: all)"
    found.add_argument("--series", type=int, metavar="N", help=text)
    found.add_argument("--label-code", choices=tuple(LABEL_CODES), help=LABEL_CODE_HELP)
    add_options(found)
    text = (
        "a TOML with models = [...] in running order and, optionally, title and options as above (stop_after = ...); "
    )
    text += "they override those of the command line; several TOMLs are measured on the same scans and compared"
    found.add_argument("--pipeline", type=Path, action="append", metavar="TOML", help=text)
    found.add_scheduler()
    found.add_argument("--skip-existing", action="store_true", help="resume: skip the scans that are finished already")
    found.add_argument("--skip-errors", action="store_true", help="exit code 0 even if broken scans were left out")
    add_log_option(found)
    return found


def run(arguments: argparse.Namespace) -> int:
    from learning_functions.runtime.requested_workers import requested_workers
    from learning_functions.runtime.workers import THIS_PROCESS
    from utility_functions.command_line import make_absolute

    if arguments.keypoints and arguments.scheduler is not None:
        raise ValueError(f"Landmark files are named here. Received: --scheduler {arguments.scheduler}.")
    make_absolute(arguments, "output")
    with requested_workers(arguments.scheduler, THIS_PROCESS) as workers:
        return _measure(arguments, workers)


def _measure(arguments: argparse.Namespace, workers: Workers) -> int:
    from learning_functions.measure.pipeline_file import plans_of
    from utility_functions.files.atomic_write import require_writable
    from utility_functions.files.manifest import find_cases, in_label_code
    from utility_functions.stage_seconds import timed_stage

    if arguments.choice:
        if arguments.models:
            named = ", ".join(map(str, arguments.models))
            raise ValueError(f"--models chooses among shipped models, so no others can be named. Received: {named}.")
        arguments.models = [Path(arguments.choice)]
    settings = {name: value for name, value in vars(arguments).items() if name not in OF_THE_CALL}
    with timed_stage("options"):
        plans = plans_of(settings)
    require_writable(arguments.output)
    if arguments.keypoints:
        if arguments.dicom is not None:
            raise ValueError(f"Landmark files have no images for DICOM objects. Received: --dicom {arguments.dicom}.")
        if arguments.count_from is not None:
            raise ValueError(f"Landmark files are counted from no scan. Received: --count-from {arguments.count_from}.")
        from learning_functions.measure.keypoint_measuring import measure_keypoints

        paths = (arguments.scans, arguments.models, arguments.output)
        return _ended(measure_keypoints(*paths, settings, print, arguments.command), arguments)
    with timed_stage("finding scans"):
        cases = find_cases(arguments.scans, arguments.split, series=arguments.series)
    cases = in_label_code(cases, arguments.label_code)
    for plan in plans:
        plan.require_sound(cases)  # before TensorFlow starts
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    with timed_stage("starting TensorFlow"):
        start_tensorflow()
    from learning_functions.measure.comparing import measure_plans

    how = (arguments.command, arguments.skip_existing, workers)
    with timed_stage("measuring"):
        rows = measure_plans(plans, cases, arguments.output, print, *how)
    return _ended(rows, arguments)


def _ended(rows: list[ScanRow], arguments: argparse.Namespace) -> int:
    """Print the scans that could not be measured; returns the exit code."""
    problems = {row.case_id: row.problem for row in rows if row.problem}
    for name, problem in problems.items():
        print(f"error: {name} could not be measured: {problem}", file=sys.stderr)
    print(f"{len(rows) - len(problems)} of {len(rows)} scans measured: {arguments.output}")
    return 2 if problems and not arguments.skip_errors else 0


def main(argv: list[str] | None = None, prog: str = "spine-measure") -> int:
    """Run the command line ``argv`` (None: that of this process); returns its exit code."""
    from utility_functions.command_line import run_command
    from utility_functions.reporting.support_log import logged

    return run_command(parser(prog), logged(run), argv)
