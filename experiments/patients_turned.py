"""Patients laid otherwise than the header says, and whether detection notices.

python -m experiments patients_turned [SCANS]

Each scan is shown as its header has it and turned by one, two and three quarters about the vertical axis. left: whether
the scan that lies as the patient does was left so; turned back: how many of the other three are shown to later models
as the patient lies; wrong: scans turned to what is not how the patient lies; seconds: of detection of the first, and,
others, of the other three on average. SCANS is what measure.py takes: phantom:N, a folder, or a CSV, such as real_scans
--list writes. Phantoms themselves lie against their header at times: how most of the four come to lie counts as true.
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

HEADER = ("scan", "lies", "left", "turned back", "wrong", "seconds", "others")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments patients_turned", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scans", type=Path, nargs="?", default=Path("phantom:12:seed=980"))
    parser.add_argument("--model", type=Path, help="of detection, of parts (default: the one shipped)")
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
    left = back = wrong = scans = 0
    try:
        model = TrainedModel.load(arguments.model or SHIPPED / "detection.h5")
        for case in find_cases(arguments.scans):
            volume = load_scan(case).volume
            took, lies = [], []
            for quarters in range(4):
                started = time.perf_counter()
                found = run_models([model], turned(volume, quarters), case.case_id)
                took.append(time.perf_counter() - started)
                lies.append((quarters + found.quarter_turns) % 4)
            true = Counter(lies).most_common(1)[0][0]
            apart = [quarters for quarters in range(4) if quarters != true]
            turned_back = sum(lies[quarters] == true for quarters in apart)
            right = lies[true] == true
            astray = sum(each not in (true, quarters) for quarters, each in enumerate(lies))
            scans, left, back, wrong = scans + 1, left + right, back + turned_back, wrong + astray
            rest = sum(took[quarters] for quarters in apart) / len(apart)
            told = "as told" if true == 0 else f"{90 * true} degrees off"
            row = (case.case_id, told, "yes" if right else "no", f"{turned_back} of 3", str(astray))
            rows.append((*row, f"{took[true]:.1f}", f"{rest:.1f}"))
            print(*rows[-1], sep="  ", flush=True)
    except (ValueError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    print("", text_table(pd.DataFrame(rows, columns=HEADER), left=2), sep="\n")
    print(f"left as they lie: {left} of {scans}; turned back: {back} of {3 * scans}; turned wrongly: {wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
