"""Runs one experiment by its name, with its own options: python -m experiments NAME [--help].

Experiments train networks or measure models on data sets that lie beside the project. docs/experiments holds their
results. Comparisons of speed alone are in benchmarks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = {
    "distillation_table": "students with and without a teacher",
    "gpu_figures": "tests on a GPU, and figures of training and inference of every task there",
    "learning_curves": "the effect of more phantoms, more filters or larger voxels on a task",
    "mask_errors": "what panoptic masks miss, by cause",
    "mask_thresholds": "the threshold of panoptic masks on labelled scans",
    "mr_contrasts": "one network for CT and MR of any contrast against one network for each",
    "naming_rules": "three naming rules on the same network outputs",
    "naming_vid": "naming of real detections, cross-validated in five folds",
    "patch_predictions": "Dice of single patch predictions of an instances network",
    "patients_turned": "scans whose patient orientation differs from the header",
    "mr_brightness": "flattening of MR by its local mean, by N4 and by both, on real scans",
    "phantom_views": "contact sheets of phantoms beside real scans",
    "public_training": "published presets trained and measured on VerSe or SPIDER",
    "real_mr": "bodies and discs in real MR of the lumbar spine",
    "real_scans": "accuracy of trained models on real scans",
    "small_fields": "false alarms on painted scans without a spine, and names in fields that show little of one",
    "steadiness": "stability of names and log-odds under small changes of a scan",
    "real_structures": "Dice of vertebrae, discs and canal on real scans",
    "upside_down": "scans upside down, and what identification says of them",
}


def main(argv: Sequence[str] | None = None) -> int:
    known = "\n".join(f"  {name:20}{text}" for name, text in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description=__doc__,
        epilog=f"experiments:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES, metavar="NAME", help="the experiment; its own options follow")
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = parser.parse_args(arguments[:1]).name
    module = f"experiments.{name}"
    return subprocess.run([sys.executable, "-m", module, *arguments[1:]], cwd=HERE.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
