"""Makes the shipped statistics of naming: python -m utility_functions.anatomy.naming VID_FOLDER."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from utility_functions.anatomy.naming.fitting import Example, fit
from utility_functions.anatomy.naming.shipped import PATH, STEPS, SURENESS, TURNS, write_shipped
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoints import read_keypoints
from utility_functions.geometry.landmarks import Landmarks

log = logging.getLogger(__name__)


def examples(folder: Path) -> Iterator[Example]:
    """Every scan of VID: what was detected, and what is true. Raises: BrokenFile where the folder holds none."""
    paths = sorted((folder / "truth").glob("*.json"))
    if not paths:
        raise BrokenFile(f"{folder}: holds no keypoints in truth/ and predictions/.")
    for path in paths:
        true, seen = read_keypoints(path), read_keypoints(folder / "predictions" / path.name)
        pedicles = (seen.left_mm, seen.right_mm)
        yield Example(seen.bodies_mm, Landmarks(true.names, true.bodies_mm), seen.probabilities, pedicles)


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m utility_functions.anatomy.naming", description=__doc__)
    parser.add_argument("folder", type=Path, help="VID: truth/ and predictions/")
    parser.add_argument("--output", type=Path, default=PATH, help="the file to write")
    arguments = parser.parse_args(argv)
    try:
        fitted = fit(examples(arguments.folder))
    except (ValueError, OSError) as error:
        log.error("error: %s", error)
        return 2
    # pedicles do not help the names of VID's own folds (benchmarks naming_vid)
    write_shipped(replace(fitted.loosened(STEPS, TURNS), sureness=SURENESS, pedicles=None), arguments.output)
    log.info("written: %s", arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
