"""CT or MR: told by DICOM or a manifest, else by intensities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files.cases import Case
from utility_functions.files.modality import decided_modality

UNTOLD = Case("scan", Path("scan.nii.gz"))
CT = np.concatenate([np.full(500, -1000), np.linspace(-120, 900, 500)]).reshape(10, 10, 10)
CROP = np.concatenate([np.full(100, -90), np.linspace(-20, 900, 900)]).reshape(10, 10, 10)
MR = np.linspace(0, 1500, 1000).reshape(10, 10, 10)


@pytest.mark.parametrize(
    ("voxels", "expected"),
    [(CT, "CT"), (CROP, "CT"), (MR, "MR"), (MR / 1500, "MR"), (MR / 300 - 2.5, "MR"), (MR - 10, "MR")],
    ids=["CT with air", "CT of soft tissue alone", "MR", "MR from 0 to 1", "MR as z-scores", "MR with ringing"],
)
def test_intensities_decide_where_nothing_is_told(voxels: np.ndarray, expected: str) -> None:
    assert decided_modality(UNTOLD, voxels) == expected
    assert decided_modality(replace(UNTOLD, modality="MR"), voxels) == expected  # of a name


def test_hounsfield_units_plus_1024_are_ct() -> None:
    stored = np.concatenate([np.zeros(400), np.full(550, 1064), np.linspace(1100, 2000, 50)]).reshape(10, 10, 10)
    assert decided_modality(UNTOLD, stored) == "CT"


def test_what_is_told_is_believed_and_a_name_of_pet_where_intensities_agree() -> None:
    assert decided_modality(replace(UNTOLD, modality="CT", modality_told=True), MR) == "CT"
    assert decided_modality(replace(UNTOLD, modality="PT"), MR) == "PT"
    assert decided_modality(replace(UNTOLD, modality="PT"), CT) == "CT"
