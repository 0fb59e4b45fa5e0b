"""Cases of keypoints without images: a folder with detections in predictions/ and the true bodies in truth/ (VID)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utility_functions.anatomy.naming.patient_matching import alike
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.geometry.landmarks import Landmarks

DETECTED, TRUE = "predictions", "truth"


def holds_keypoints(folder: Path) -> bool:
    """Whether a folder has detections and truth side by side."""
    return all(next((folder / part).glob("*.json"), None) is not None for part in (DETECTED, TRUE))


def keypoint_cases(folder: Path) -> list[Case]:
    """The cases whose detections and truth have the same file name. Raises: BrokenFile where none has both.

    The names do not identify patients, so scans whose bodies are spaced alike count as one patient's.
    """
    truth = {path.name: path for path in sorted((folder / TRUE).glob("*.json"))}
    both = [path for path in sorted((folder / DETECTED).glob("*.json")) if path.name in truth]
    if not both:
        raise BrokenFile(f"{folder}: no detections in {DETECTED} bear the name of a file in {TRUE}.")
    patients = alike([_bodies(truth[path.name]) for path in both])
    first = {int(patient): both[place].stem for patient, place in zip(*np.unique(patients, return_index=True))}  # noqa: B905
    return [
        Case(
            case_id=path.stem,
            image_path=path,
            patient=first[int(patient)],
            landmarks_path=truth[path.name],
            keypoints_path=path,
        )
        for path, patient in zip(both, patients, strict=True)
    ]


def _bodies(path: Path) -> Landmarks:
    """The true bodies of a file; none where it is broken, which is reported when it is read for samples."""
    try:
        return read_landmarks(path, None)
    except (BrokenFile, ValueError, OSError):
        return Landmarks.empty()
