"""Scans upside down, noticed by identification, and scans the right way up that are taken for such.

python -m experiments upside_down [SCANS]

Detection and identification run on each scan as it is, and with its array mirrored along its height. told: whether the
scan is said to stand on its head; of the scan as it is, that is wrong. SCANS is what measure.py takes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from utility_functions.command_line import one_line
from utility_functions.reporting.tables import text_table

HEADER = ("scan", "told as it is", "told upside down", "names upside down")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m experiments upside_down", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("scans", type=Path, nargs="?", default=Path("phantom:8:seed=981"))
    arguments = parser.parse_args(argv)

    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.predict.pipeline import load_models, run_models
    from utility_functions.files.cases import load_scan
    from utility_functions.files.manifest import find_cases

    rows: list[tuple[str, ...]] = []
    wrong = noticed = 0
    try:
        models = load_models()
        for case in find_cases(arguments.scans):
            volume = load_scan(case, annotations=False).volume.reoriented("RAS")
            over = volume.with_voxels(np.ascontiguousarray(volume.voxels[:, :, ::-1]))
            as_it_is, upside_down = (run_models(models, each, case.case_id) for each in (volume, over))
            told = [any("stands on its head" in note for note in each.notes) for each in (as_it_is, upside_down)]
            wrong, noticed = wrong + told[0], noticed + told[1]
            names = () if upside_down.landmarks is None else upside_down.landmarks.names
            words = ["yes" if each else "no" for each in told]
            rows.append((case.case_id, *words, f"{names[0]} to {names[-1]}" if names else "none"))
            print(*rows[-1], sep="  ", flush=True)
    except (ValueError, OSError) as error:
        print(one_line(error), file=sys.stderr)
        return 2
    print("", text_table(pd.DataFrame(rows, columns=HEADER), left=1), sep="\n")
    print(f"told of scans as they are: {wrong} of {len(rows)}; of scans upside down: {noticed} of {len(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
