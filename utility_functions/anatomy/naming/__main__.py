"""Makes the shipped statistics of naming, and places of pedicles: python -m utility_functions.anatomy.naming FOLDER."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from utility_functions.anatomy.naming.default_statistics import INVERSE_TEMPERATURE, PATH, STEPS, TURNS
from utility_functions.anatomy.naming.pedicle_places import PATH as PLACES
from utility_functions.anatomy.naming.pedicle_places import PediclePlaces
from utility_functions.anatomy.naming.pedicle_truth import detected_pedicles
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.atomic_write import write_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import read_keypoints
from utility_functions.geometry.landmarks import Landmarks

ATTRIBUTION = (
    "Fitted on VID, the vertebral keypoints of 1,947 CTs of Buergin et al. (2023), ImFusion GmbH, CC BY-SA 4.0; "
    "these numbers are shared under the same licence."
)
DIGITS = 5
LEAST_MISSED = 0.01
"""VID's detector hardly ever misses a level between others; without this a gap would count as an odd distance."""

log = logging.getLogger(__name__)


def scans(folder: Path) -> list[tuple[Keypoints, Keypoints]]:
    """Every scan of VID: what was detected, and what is true. Raises: BrokenFile where the folder holds none."""
    paths = sorted((folder / "truth").glob("*.json"))
    if not paths:
        raise BrokenFile(f"{folder}: holds no keypoints in truth/ and predictions/.")
    return [(read_keypoints(folder / "predictions" / path.name), read_keypoints(path)) for path in paths]


def example(seen: Keypoints, true: Keypoints) -> Example:
    return Example(
        seen.bodies_mm, Landmarks(true.names, true.bodies_mm), seen.probabilities, (seen.left_mm, seen.right_mm)
    )


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m utility_functions.anatomy.naming", description=__doc__)
    parser.add_argument("folder", type=Path, help="VID: truth/ and predictions/")
    parser.add_argument("--output", type=Path, default=PATH, help="the file of statistics to write")
    parser.add_argument("--places", type=Path, help=f"write the places of pedicles, too (shipped: {PLACES.name})")
    arguments = parser.parse_args(argv)
    try:
        detected_and_true = scans(arguments.folder)
        fitted = fit(example(seen, true) for seen, true in detected_and_true)
        if arguments.places is not None:
            known = (
                (seen.bodies_mm, seen.probabilities, detected_pedicles(seen, true)) for seen, true in detected_and_true
            )
            write_places(PediclePlaces.fit(known), arguments.places)
    except (ValueError, OSError) as error:
        log.error("error: %s", error)
        return 2
    missed = {level: max(probability, LEAST_MISSED) for level, probability in fitted.missed.items()}
    inflated = fitted.with_inflated_variances(STEPS, TURNS)
    # pedicles do not help the names of VID's own folds (experiments naming_vid)
    write_shipped(
        replace(inflated, inverse_temperature=INVERSE_TEMPERATURE, missed=missed, pedicles=None), arguments.output
    )
    log.info("written: %s", ", ".join(str(path) for path in (arguments.output, arguments.places) if path))
    return 0


def write_shipped(statistics: Statistics, path: Path) -> None:
    """Write statistics as they are shipped, with the data's attribution, in few digits."""
    write_json(path, {"attribution": ATTRIBUTION, "statistics": _in_few_digits(statistics.to_json())})


def write_places(places: PediclePlaces, path: Path) -> None:
    """Write places of pedicles likewise."""
    write_json(path, {"attribution": ATTRIBUTION, **_in_few_digits(places.to_json())})


def _in_few_digits(text: str) -> Any:
    return json.loads(text, parse_float=lambda number: float(f"{float(number):.{DIGITS}g}"))


if __name__ == "__main__":
    raise SystemExit(main())
