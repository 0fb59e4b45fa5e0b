"""Real scans that no model was trained on, measured: python -m experiments real_scans [--models A.h5 B.h5].

found 10, found 20: labelled vertebrae with a prediction within so many mm, whatever its name. named: identified by
VerSe's rule. same name mm, nearest mm: mean distance to the prediction of the same name, and to the nearest one.
false: predictions more than 20 mm from every label, inside the labelled range or far from the spine. outside: the other
predictions outside the labelled range. Truncated vertebrae there are often unlabelled, so that they are neither right
nor wrong. Dice: detection against the masks, inside the labelled range. Of a detection of parts, body and arch count;
on example_ct the body alone, since its masks hold bodies alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from experiments.real_cases import BODIES_ALONE, NAMELESS, VARIABLE, real_cases, real_folder, true_centres
from experiments.real_scores import RealScore, detection_map, dice_in_range, mask_classes, score
from utility_functions.anatomy.centroids import LABEL_CODES
from utility_functions.command_line import one_line
from utility_functions.files.atomic_write import require_writable, write_text
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.scan_list import require_listable, write_scan_list
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.tables import MISSING, millimetres, percent, text_table

if TYPE_CHECKING:
    from learning_functions.options import InferenceOptions
    from learning_functions.predict.trained_model import TrainedModel

HEADER = (
    *("scan", "labelled", "found 10", "found 20", "named", "rate", "same name mm", "nearest mm"),
    *("false", "outside", "Dice", "seconds"),
)
FLOOR_RATE, FLOOR_MM, FLOOR_DICE, MOST_FALSE = 0.8, 6.0, 0.8, 1


def measure(case: Case, models: Sequence[TrainedModel], folder: Path | None, options: InferenceOptions) -> RealScore:
    """Runs the models on one scan and scores it; ``folder``: where its picture goes."""
    from learning_functions.predict.pipeline import run_models

    scan = load_scan(case)
    truth = true_centres(scan)
    started = time.perf_counter()
    findings = run_models(models, scan.volume, case.case_id, options)
    seconds = time.perf_counter() - started
    ids = LABEL_CODES[case.label_code]
    dice = None
    detection = detection_map(findings)
    if detection is not None and scan.label_map is not None and ids is not None:
        labels = next(model.settings.spec.labels for model in models if "detection" in model.task.gives)
        classes = mask_classes(labels, case.case_id in BODIES_ALONE)
        dice = dice_in_range(detection, scan.label_map, truth, classes, ids)
    result = score(case.case_id, findings.landmarks or Landmarks.empty(), truth, dice, seconds)
    if folder is not None:
        from experiments.real_pictures import write_picture

        write_picture(scan, findings, truth, folder / f"{case.case_id}.png", f"{case.case_id}: {in_words(result)}")
    return result


def in_words(result: RealScore) -> str:
    """A scan's score in one line."""
    return (
        f"{result.near} of {result.labelled} within 10 mm, {result.named} named, {len(result.false)} false, "
        f"Dice {MISSING if result.dice is None else f'{result.dice:.2f}'}"
    )


def cells(result: RealScore) -> tuple[str, ...]:
    """A scan's row under HEADER."""
    return (
        result.case_id,
        *(str(count) for count in (result.labelled, result.near, result.far, result.named)),
        percent(result.rate),
        millimetres(result.named_mm),
        millimetres(result.nearest_mm),
        ",".join(result.false) or MISSING,
        ",".join(result.outside) or MISSING,
        MISSING if result.dice is None else f"{result.dice:.3f}",
        f"{result.seconds:.1f}",
    )


def below_floor(result: RealScore) -> list[str]:
    """The floors that a scan misses, in words. A scan that cannot be named has one floor: all vertebrae are found."""
    missed = []
    if result.near < result.labelled:
        missed.append(f"{result.labelled - result.near} not found within 10 mm")
    if result.case_id in NAMELESS:
        return missed
    if len(result.false) > MOST_FALSE:
        missed.append(f"{len(result.false)} false")
    if result.rate < FLOOR_RATE:
        missed.append(f"{percent(result.rate)} named")
    if result.named_mm is None or result.named_mm > FLOOR_MM:
        missed.append(f"mean distance {millimetres(result.named_mm)} mm")
    if result.dice is None or result.dice < FLOOR_DICE:
        missed.append(f"Dice {MISSING if result.dice is None else f'{result.dice:.3f}'}")
    return missed


def as_csv(results: Sequence[RealScore]) -> str:
    """The table as CSV: levels separated by spaces, an empty cell where a figure is not defined."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(name.replace(" ", "_") for name in HEADER)
    for one in results:
        counts = (one.labelled, one.near, one.far, one.named, one.rate, one.named_mm, one.nearest_mm)
        ends = (" ".join(one.false), " ".join(one.outside), one.dice, one.seconds)
        rows.writerow(
            [one.case_id, *(round(value, 4) if isinstance(value, float) else value for value in (*counts, *ends))]
        )
    return text.getvalue()


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m experiments real_scans", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument(
        "--models", type=Path, nargs="+", default=[], help="trained models (.h5; default: the shipped ones)"
    )
    options.add_argument("--real", type=Path, help=f"folder of the real scans (default: {VARIABLE}, or ../shared/real)")
    options.add_argument("--only", nargs="+", metavar="SCAN", help="only these scans, by name")
    options.add_argument(
        "--output", type=Path, help="folder for the pictures and real_scans.csv (default: none are written)"
    )
    options.add_argument("--memory-gb", type=float, default=4.0, help="approximate limit of memory (default: 4)")
    options.add_argument("--list", type=Path, metavar="CSV", help="only write a list of the scans, for measure.py")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    command_line = parser()
    arguments = command_line.parse_args(argv)
    try:
        cases = real_cases(real_folder(arguments.real))
    except NotADirectoryError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if unknown := sorted(set(arguments.only or ()) - {case.case_id for case in cases}):
        command_line.error(
            f"no real scan is called {', '.join(unknown)}; there are {', '.join(c.case_id for c in cases)}"
        )
    selected = [case for case in cases if not arguments.only or case.case_id in arguments.only]
    try:
        if arguments.list is not None:
            require_listable(selected, arguments.list)
            write_scan_list(selected, arguments.list)
            return 0
        if arguments.output is not None:
            require_writable(arguments.output)
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2

    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.options import InferenceOptions
    from learning_functions.predict.pipeline import load_models

    try:
        models, options = load_models(arguments.models), InferenceOptions(memory_gb=arguments.memory_gb)
        results = [measure(case, models, arguments.output, options) for case in selected]
    except (ValueError, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    if results:
        print(text_table(pd.DataFrame([cells(result) for result in results], columns=HEADER)))
    for result in results:
        if missed := below_floor(result):
            print(f"{result.case_id} is below the floor: {'; '.join(missed)}")
    if arguments.output is not None:
        write_text(arguments.output / "real_scans.csv", as_csv(results))
        print(f"Pictures and real_scans.csv: {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
