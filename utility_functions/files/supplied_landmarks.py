"""Landmarks supplied for a scan, by hand or by an earlier run: found in a folder by the scan's id, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import LANDMARK_SUFFIXES, read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.file_names import landmark_files_in
from utility_functions.files.provenance import is_prediction
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

SAME_MM = 0.1
"""Places that differ by no more are the same, but for what files round."""


def supplied_files(place: Path, case_id: str) -> list[Path]:
    """The landmark files of a scan: ``place`` itself where it is a file, else those named after the scan in it.

    Where another program, such as Slicer, saved some of them, these are corrections, and only they count.
    """
    if place.is_file():
        return [place]
    found = landmark_files_in(place, case_id)
    return [path for path in found if not is_prediction(path)] or found


def read_supplied_landmarks(place: Path, case_id: str, grid: Grid) -> tuple[Landmarks, Path]:
    """The landmarks of a scan in RAS+ mm, and their file.

    grid: that of the scan, as stored. Several files of one scan must agree (``difference``).
    Raises: BrokenFile where there is no file, where files differ, and where a point has no name.
    """
    files = supplied_files(place, case_id)
    if not files:
        raise BrokenFile(f"{place}: holds no landmark file of {case_id} ({', '.join(LANDMARK_SUFFIXES)}).")
    read = [read_landmarks(path, grid) for path in files]
    for path, landmarks in zip(files[1:], read[1:], strict=True):
        if unlike := difference(read[0], landmarks):
            raise BrokenFile(f"{files[0]} and {path.name} tell different landmarks ({unlike}); keep the right one.")
    for path, landmarks in zip(files, read, strict=True):
        if "" in landmarks.names:
            raise BrokenFile(f"{path}: a point in it bears no level; landmarks that are given need names.")
    return read[0], files[0]


def difference(one: Landmarks, other: Landmarks) -> str:
    """The first level in which two sets of landmarks differ, in words; "" where they are the same.

    Levels that have no VerSe id (S2) are in one format only, and are not compared.
    """
    for name in sorted({*one.names, *other.names} & set(VERSE_IDS), key=list(VERSE_IDS).index):
        if name not in one or name not in other:
            return f"{name} is in one of them only"
        apart = float(np.linalg.norm(one.point(name) - other.point(name)))
        if apart > SAME_MM:
            return f"{name} by {apart:.1f} mm"
    return ""
