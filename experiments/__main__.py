"""Runs one experiment by its name, with its own options: python -m experiments NAME [--help].

Experiments train networks or measure models on data sets that stand beside the project; what they found is in
docs/experiments. Those that only compare the speed of code are in benchmarks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = {
    "distillation_table": "students with and without a teacher",
    "learning_curves": "what more phantoms, filters or room bring a task",
    "mr_contrasts": "one network for CT, T1 and T2, or one each",
    "naming_rules": "names by three rules from the same networks' outputs",
    "naming_vid": "real detections named in five folds",
    "patch_predictions": "how well an instances network draws one vertebra at a time",
    "patients_turned": "patients who lie otherwise than the header says",
    "phantom_views": "phantoms beside real scans, to be looked at",
    "real_scans": "trained models on real scans",
    "steadiness": "names and odds under small changes of a scan",
    "real_structures": "vertebrae, discs and canal of real scans",
}


def main(argv: list[str] | None = None) -> int:
    known = "\n".join(f"  {name:20}{text}" for name, text in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description=__doc__,
        epilog=f"experiments:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES, metavar="NAME", help="the experiment; its own options stand behind it")
    given = sys.argv[1:] if argv is None else argv
    name = parser.parse_args(given[:1]).name
    module = f"experiments.{name}"
    return subprocess.run([sys.executable, "-m", module, *given[1:]], cwd=HERE.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
