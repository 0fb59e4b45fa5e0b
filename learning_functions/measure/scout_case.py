"""The scan that ``count_from`` names: which file it is, and whether a scan lies in its world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from utility_functions.files.cases import Case
from utility_functions.files.dicom import is_series, localiser_in
from utility_functions.files.manifest import find_cases
from utility_functions.records.names_elsewhere import FRAME, WORLD


def scout_case(path: Path) -> Case:
    """The scan to count from; of a folder that holds nothing but a localiser, that.

    Raises: ValueError, in one sentence, where there is not one scan with an image.
    """
    cases = find_cases(path)
    if len(cases) != 1 or not cases[0].has_image:
        what = f"{len(cases)} scans" if len(cases) != 1 else "landmarks without an image"
        raise ValueError(f"Levels are counted from one scan; name its file or folder. Received: {path}, {what}.")
    [case] = cases
    if case.image_path.is_dir() and is_series(case.image_path) and (file := localiser_in(case.image_path)) is not None:
        case = replace(case, image_path=file)
    return replace(case, landmarks_path=None, label_map_path=None, tissue_path=None, split="")


def same_scan(case: Case, scout: Case) -> bool:
    """Whether a scan is the one to count from itself."""
    return case.phantom == scout.phantom and case.image_path.resolve() == scout.image_path.resolve()


def world_of(case: Case, scout: Case) -> str:
    """Why a scan lies in the world of the one to count from, in words that follow that one's name.

    Raises: ValueError where headers or names tell another patient, or another frame of reference.
    """
    if case.told_patient and scout.told_patient and case.told_patient != scout.told_patient:
        raise ValueError(
            f"Levels are counted from a scan of the same patient, and these are of two. Received: {scout.image_path} "
            f"for {case.case_id}."
        )
    if case.frame and scout.frame and case.frame != scout.frame:
        raise ValueError(
            "Levels are counted from a scan in the same frame of reference, and their headers tell two, so that no "
            f"position of one is known in the other. Received: {scout.image_path} for {case.case_id}."
        )
    return FRAME if case.frame and case.frame == scout.frame else WORLD


def require_one_world(cases: Sequence[Case], path: Path) -> None:
    """Raise a ValueError unless at least one of the cases lies in the world of the scan to count from."""
    scout, problem = scout_case(path), None
    for case in cases:
        try:
            world_of(case, scout)
        except ValueError as error:
            problem = problem or error
        else:
            return
    if problem is not None:
        raise problem


def scout_files(path: Path) -> list[Path]:
    """The files of the scan to count from; a record of them shows later whether they changed."""
    scout = scout_case(path)
    found: list[Path] = []
    for file in scout.files:
        folder = file if file.is_dir() else file.parent if is_series(file.parent) else None
        found += [file] if folder is None else sorted(each for each in folder.iterdir() if each.is_file())
    return found
