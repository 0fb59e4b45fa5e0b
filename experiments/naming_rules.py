"""Three naming rules on the same network outputs.

python -m experiments naming_rules [SCANS] [--models A.h5 B.h5]

decoder: the exact decoder. chain: the votes of the cheapest chain name it. published: votes per voxel (McCouat &
Glocker 2019). SCANS: as measure.py takes them, with a truth (default: phantom:30:seed=900).
all, original: true vertebrae identified by VerSe's rule, and by the original rule. mm: mean distance between landmarks
of the same name. right: scans with every true level right. detected: scans with every detected level right. shifted:
scans in which every name is one level off, the same way. ECE: calibration error of the posteriors. warned wrong,
right: fraction of the scans with a wrong name, and of the others, that have a warning.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from utility_functions.command_line import one_line
from utility_functions.reporting.tables import MISSING, millimetres, percent, text_table

if TYPE_CHECKING:
    from utility_functions.files.cases import Case
    from utility_functions.reporting.results import ScanRow

HEADER = ("rule", "levels", "all", "original", "mm", "right", "detected", "shifted", "ECE", "warned wrong", "right")
RULES = ("published", "chain", "decoder")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments naming_rules", description=__doc__)
    parser.add_argument("scans", type=Path, nargs="?", default=Path("phantom:30:seed=900"), help="scans with a truth")
    parser.add_argument(
        "--models", type=Path, nargs="+", default=[], help="trained models (.h5; default: the shipped ones)"
    )
    arguments = parser.parse_args(argv)

    from learning_functions.runtime.tensorflow_setup import start_tensorflow
    from utility_functions.files.manifest import find_cases

    try:
        cases = find_cases(arguments.scans)
        start_tensorflow()
        rows = compared(cases, arguments.models)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text_table(pd.DataFrame(rows, columns=HEADER)))
    return 0


def compared(cases: Sequence[Case], model_paths: Sequence[Path]) -> list[tuple[str, ...]]:
    """A row for each rule. The last model names; those before it run once per scan."""
    from learning_functions.options import InferenceOptions
    from learning_functions.predict.pipeline import load_models, run_models
    from losses_and_metrics.identification_rate import score_scan
    from utility_functions.files.cases import load_scan, true_landmarks
    from utility_functions.geometry.landmarks import Landmarks
    from utility_functions.reporting.results import ScanRow

    *first, last = load_models(model_paths)
    rows: dict[str, list[ScanRow]] = {rule: [] for rule in RULES}
    for case in cases:
        scan = load_scan(case)
        truth = true_landmarks(scan)
        if truth is None:
            raise ValueError(f"The comparison needs scans with a truth. Received: {case.case_id}.")
        before = run_models(first, scan.volume, case.case_id)
        for rule in RULES:
            found = run_models([last], scan.volume, options=InferenceOptions(naming=rule), before=before)
            landmarks = found.landmarks or Landmarks.empty()
            score = score_scan(case.case_id, landmarks, truth, interpolated=found.interpolated)
            rows[rule].append(ScanRow(case.case_id, found, truth, score))
        print(f"{case.case_id}: {', '.join(f'{rule} {_hits(rows[rule][-1])}' for rule in RULES)}", flush=True)
    return [row(rule, scans) for rule, scans in rows.items()]


def _hits(row: ScanRow) -> str:
    levels = row.score.levels if row.score else ()
    return f"{sum(level.hit_verse for level in levels)}/{len(levels)}"


def row(rule: str, scans: Sequence[ScanRow]) -> tuple[str, ...]:
    """The figures of one rule under HEADER."""
    from losses_and_metrics.naming_summary import summarise_names
    from losses_and_metrics.scan_scores import summarise
    from utility_functions.reporting.score_frames import level_frame

    total = summarise(level_frame(scans)).iloc[0]
    names = summarise_names(scans)
    fractions = [MISSING if each is None else percent(each[0]) for each in (names.all_right, names.detected_right)]
    calibration = (names.calibration_error, names.warned_wrong, names.warned_right)
    return (
        rule,
        str(total["levels"]),
        percent(total["rate_verse"]),
        percent(total["rate_original"]),
        millimetres(total["mean_mm"]),
        *fractions,
        MISSING if names.shifted is None else percent(names.shifted[0]),
        *(MISSING if figure is None else percent(figure) for figure in calibration),
    )


if __name__ == "__main__":
    sys.exit(main())
