"""The openly licensed real scans of the experiments, and their folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utility_functions.files.cases import Case, Scan, true_landmarks
from utility_functions.geometry.landmarks import Landmarks

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "real"
VARIABLE = "REAL_SCANS"
"""The environment variable that names the folder, where it is not beside the repository."""

READ_BY_HAND: Mapping[str, Mapping[str, tuple[float, float, float]]] = {"dicom_series": {"T11": (8.0, 112.0, -767.0)}}
"""Body centres in RAS+ mm, read from the image by hand where the label map does not give them.

The series shows 3 mm of the body of T11; its label holds the arch, and scattered voxels round T12.
"""

CREDITS: Mapping[str, str] = {
    "verse014": "VerSe, CC BY-SA 4.0",
    "example_ct": "TotalSegmentator, Apache-2.0",
    "dicom_series": "TotalSegmentator, Apache-2.0",
    "tptbox_crop": "TPTBox, Apache-2.0",
}
BODIES_ALONE = ("example_ct",)
"""Scans whose masks hold bodies without arches, as an earlier model made them."""
NAMELESS = ("tptbox_crop",)
"""Scans that show too little of the spine to be named."""


def true_centres(scan: Scan) -> Landmarks:
    """The body centres of a real scan. Raises: ValueError for a scan without labels."""
    truth = true_landmarks(scan)
    if truth is None:
        raise ValueError(f"A scan without labels cannot be scored. Received: {scan.case.case_id}.")
    read_by_hand = READ_BY_HAND.get(scan.case.case_id, {})
    points = [read_by_hand.get(name, tuple(point)) for name, point in truth]
    return Landmarks(truth.names, np.array(points, float).reshape(-1, 3))


def real_folder(requested: Path | None = None) -> Path:
    """The requested folder, else the one that REAL_SCANS names, else the one beside the repository.

    Raises: NotADirectoryError where it does not exist.
    """
    folder = requested or Path(os.environ.get(VARIABLE) or BESIDE)
    if not folder.is_dir():
        raise NotADirectoryError(f"The folder of real scans does not exist; name it by --real. Received: {folder}.")
    return folder


def real_cases(folder: Path) -> list[Case]:
    """The real CT scans in ``folder``, with their labels.

    tptbox_crop shows three vertebrae (L2 to L4) and little else, so that it cannot be named.
    """
    verse, trunk, series, crop = (folder / name for name in ("verse014", "totalseg", "totalseg_dicom", "tptbox"))
    cases = [
        Case(
            "verse014",
            verse / "sub-verse014_ct.nii.gz",
            landmarks_path=verse / "sub-verse014_seg-vb_ctd.json",
            label_map_path=verse / "sub-verse014_seg-vert_msk.nii.gz",
        ),
        Case(
            "example_ct",
            trunk / "example_ct.nii.gz",
            label_map_path=trunk / "example_ct_vertebrae_verse_ids.nii.gz",
        ),
        Case(
            "dicom_series",
            series / "series",
            label_map_path=series / "labels.nii.gz",
            label_code="totalsegmentator",
        ),
        Case(
            "tptbox_crop",
            crop / "sub-ct_label-22_ct.nii.gz",
            label_map_path=crop / "sub-ct_seg-vert_label-22_msk.nii.gz",
            label_code="spineps",
        ),
    ]
    return [case for case in cases if case.image_path.exists()]
