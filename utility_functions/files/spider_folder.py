"""Checks of SPIDER folders (images/*.mha, masks/*.mha): python -m utility_functions.files.spider_folder FOLDER.

A series is sound when its mask lies on the image's own grid, holds numbers of SPIDER's code without a gap, counted from
the bottom, with a canal, and when its contrast is the one in its name.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from utility_functions.anatomy.structures import (
    CANAL,
    SPIDER_CANAL,
    SPIDER_DISCS,
    SPIDER_PARTIAL,
    VERTEBRA,
    require_spider_labels,
    structures_of,
)
from utility_functions.command_line import one_line
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import SAME_PLACE_VOXELS, Scan, load_scan
from utility_functions.files.discovery import cases_in
from utility_functions.files.images import is_image, read_image, read_label_map, stem_of
from utility_functions.geometry.volume import LabelMap

LEAST_SLICES = 5
"""A series with fewer voxels along any axis shows no spine."""
BRIGHT, DARK = 1.6, 0.7
"""In T1 the canal is not this many times as bright as the vertebrae, and in T2 not this much darker."""
_CONTRAST = re.compile(r"(^|_)(t[12])(_space)?$", re.IGNORECASE)


def require_sound(scan: Scan) -> None:
    """Raises: ValueError with all defects of a series whose mask is in SPIDER's code; others are not checked."""
    if scan.case.label_code == "spider" and scan.label_map is not None and (found := defects(scan)):
        raise ValueError(f"This series is not used: {'; '.join(found)}.")


def defects(scan: Scan) -> list[str]:
    """What is wrong with a series and its mask, in words; empty where all is well."""
    found = _misplaced(scan)
    values = np.asarray(scan.volume.voxels)
    if min(values.shape) < LEAST_SLICES:
        found.append(f"it has {min(values.shape)} slices")
    if values.max() == values.min():
        found.append("all its voxels are alike")
    if scan.label_map is None:
        return [*found, "it has no mask"]
    try:
        require_spider_labels(scan.label_map)
    except ValueError as error:
        return [*found, one_line(error).removesuffix(".")]
    found += _miscounted(scan.label_map)
    classes = structures_of(scan.label_map, "spider").voxels
    if not (classes == CANAL).any():
        found.append("its mask has no canal")
    elif (classes == VERTEBRA).any() and not found:
        found += _other_contrast(scan.case.case_id, values, classes)
    return found


def _misplaced(scan: Scan) -> list[str]:
    """The differences of the two files' grids; another storage orientation is no difference."""
    if scan.case.label_map_path is None or scan.case.phantom is not None or not scan.case.image_path.exists():
        return []
    mask = read_label_map(scan.case.label_map_path).grid
    differences = mask.reoriented(scan.volume.grid.axcodes).differences(scan.volume.grid, SAME_PLACE_VOXELS)
    return [f"its mask lies on another grid ({', '.join(differences)})"] if differences else []


def _miscounted(label_map: LabelMap) -> list[str]:
    """Gaps in the count of vertebrae, numbers given twice, and a count that does not begin at the bottom."""
    voxels = label_map.voxels
    there = [int(number) for number in np.unique(voxels) if number and number != SPIDER_CANAL]
    counted = sorted(number % SPIDER_PARTIAL for number in there if number < SPIDER_DISCS)
    if not counted:
        return ["its mask has no vertebra"]
    found = []
    if twice := sorted({number for number in counted if counted.count(number) > 1}):
        found.append(f"vertebra {', '.join(map(str, twice))} is there both whole and truncated")
    if gaps := sorted(set(range(counted[0], counted[-1] + 1)) - set(counted)):
        found.append(f"vertebra {', '.join(map(str, gaps))} is missing between others")
    heights = []
    for number in sorted(set(counted)):
        where = np.argwhere((voxels == number) | (voxels == SPIDER_PARTIAL + number))
        heights.append(float(label_map.grid.to_mm(where.mean(axis=0))[2]))
    if any(upper <= lower for lower, upper in pairwise(heights)):
        found.append("its vertebrae are not counted from the bottom")
    return found


def _other_contrast(name: str, values: np.ndarray, classes: np.ndarray) -> list[str]:
    """Whether the brightness of the canal contradicts the contrast in the name."""
    contrast = _CONTRAST.search(name)
    if contrast is None:
        return []
    low = float(values.min())
    canal, bone = (float(np.median(values[classes == code])) - low for code in (CANAL, VERTEBRA))
    if contrast.group(2).lower() == "t1" and canal > BRIGHT * bone:
        return ["its name says T1, but the canal is bright as in T2"]
    if contrast.group(2).lower() == "t2" and canal < DARK * bone:
        return ["its name says T2, but the canal is dark as in T1"]
    return []


def check_folder(folder: Path) -> dict[str, list[str]]:
    """The defects of every series of a SPIDER folder by its name, those that are sound with none; masks without image.

    Raises: BrokenFile where there is no scan.
    """
    found: dict[str, list[str]] = {}
    cases = cases_in(folder)
    for case in cases:
        if case.label_map_path is None:
            try:
                read_image(case.image_path)
                found[case.case_id] = ["it has no mask"]
            except BrokenFile as error:
                found[case.case_id] = [one_line(error)]
            continue
        try:
            found[case.case_id] = defects(load_scan(case))
        except (ValueError, OSError) as error:
            found[case.case_id] = [one_line(error)]
    known = {case.label_map_path.resolve() for case in cases if case.label_map_path is not None}
    for mask in sorted(Path(folder).glob("**/masks/*")):
        if is_image(mask) and mask.resolve() not in known:
            found[f"masks/{stem_of(mask)}"] = ["it has no image"]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 where every series is sound, 2 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m utility_functions.files.spider_folder", description="Check the series of a SPIDER folder."
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder that holds images and masks")
    folder = parser.parse_args(argv).folder
    try:
        found = check_folder(folder)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {one_line(error)}\n")
        return 2
    broken = {name: wrong for name, wrong in found.items() if wrong}
    for name, wrong in broken.items():
        sys.stdout.write(f"{name}: {'; '.join(wrong)}\n")
    sys.stdout.write(f"{len(found) - len(broken)} of {len(found)} series are sound.\n")
    return 2 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
