"""Correction of the patient orientation by detection, on scans turned against their header.

python -m experiments patients_turned [SCANS]

Detection runs on each scan as its header has it, and rotated by one, two and three quarter turns about the vertical
axis. true: the patient orientation against the header. kept: whether the scan in the true orientation stayed in it.
corrected: how many of the other three were turned to the true orientation. wrong: scans turned to another orientation.
seconds, others: of detection on the first scan, and on the other three on average. SCANS is what measure.py takes:
phantom:N, a folder, or a CSV, such as real_scans --list writes. Some phantoms differ from their header themselves: the
orientation that most of the four scans end in counts as true.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from utility_functions.command_line import one_line
from utility_functions.reporting.tables import text_table

HEADER = ("scan", "true", "kept", "corrected", "wrong", "seconds", "others")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments patients_turned", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scans", type=Path, nargs="?", default=Path("phantom:12:seed=980"))
    parser.add_argument("--model", type=Path, help="a detection of parts (default: the shipped one)")
    arguments = parser.parse_args(argv)

    from learning_functions.model_files.pretrained import SHIPPED
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.predict.pipeline import run_models
    from learning_functions.predict.trained_model import TrainedModel
    from utility_functions.files.cases import load_scan
    from utility_functions.files.manifest import find_cases
    from utility_functions.geometry.quarter_turns import turned

    rows: list[tuple[str, ...]] = []
    all_kept = all_corrected = all_wrong = scans = 0
    try:
        model = TrainedModel.load(arguments.model or SHIPPED / "detection.h5")
        for case in find_cases(arguments.scans):
            volume = load_scan(case).volume
            seconds, results = [], []
            for turns in range(4):
                started = time.perf_counter()
                found = run_models([model], turned(volume, turns), case.case_id)
                seconds.append(time.perf_counter() - started)
                results.append((turns + found.quarter_turns) % 4)
            true = Counter(results).most_common(1)[0][0]
            others = [turns for turns in range(4) if turns != true]
            corrected = sum(results[turns] == true for turns in others)
            kept = results[true] == true
            wrong = sum(result not in (true, turns) for turns, result in enumerate(results))
            scans, all_kept = scans + 1, all_kept + kept
            all_corrected, all_wrong = all_corrected + corrected, all_wrong + wrong
            rest = sum(seconds[turns] for turns in others) / len(others)
            orientation = "as the header" if true == 0 else f"{90 * true} degrees off"
            row = (case.case_id, orientation, "yes" if kept else "no", f"{corrected} of 3", str(wrong))
            rows.append((*row, f"{seconds[true]:.1f}", f"{rest:.1f}"))
            print(*rows[-1], sep="  ", flush=True)
    except (ValueError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    print("", text_table(pd.DataFrame(rows, columns=HEADER), left=2), sep="\n")
    print(f"kept: {all_kept} of {scans}; corrected: {all_corrected} of {3 * scans}; turned wrongly: {all_wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
