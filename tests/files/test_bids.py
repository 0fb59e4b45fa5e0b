"""BIDS data sets: which images are scans, with sessions and runs, and how their derivatives are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from utility_functions.files.bids import bids_name, data_set_root, require_distinct
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

IMAGES = (
    "sub-01/ses-a/anat/sub-01_ses-a_run-1_T2w.nii.gz",
    "sub-01/ses-a/anat/sub-01_ses-a_run-2_T2w.nii.gz",
    "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz",
    "sub-02/ct/sub-02_acq-bone.nii.gz",
)
NOT_SCANS = (
    "sub-01/ses-a/func/sub-01_ses-a_task-rest_bold.nii.gz",
    "sub-01/ses-a/dwi/sub-01_ses-a_dwi.nii.gz",
    "sub-01/ses-a/fmap/sub-01_ses-a_epi.nii.gz",
    "sourcedata/sub-01/scan.nii.gz",
    "derivatives/other/sub-01/ses-a/anat/sub-01_ses-a_run-1_desc-preproc_T2w.nii.gz",
)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    import numpy as np

    volume = Volume(np.zeros((2, 2, 2), np.int16), Grid.from_spacing((2, 2, 2), 1.0))
    for name in (*IMAGES, *NOT_SCANS):
        write_image(volume, tmp_path / name)
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0"}))
    (tmp_path / "sub-02/ct/sub-02_acq-bone.json").write_text(json.dumps({"Modality": "CT"}))
    return tmp_path


def test_sessions_and_runs_are_scans_of_their_patient(data_set: Path) -> None:
    cases = {case.case_id: case for case in find_cases(data_set)}
    assert sorted(cases) == sorted(Path(name).name.removesuffix(".nii.gz") for name in IMAGES)
    assert {case.patient for case in cases.values()} == {"sub-01", "sub-02"}
    assert cases["sub-01_ses-a_run-2_T2w"].patient == "sub-01"
    assert (cases["sub-01_ses-b_T1w"].modality, cases["sub-01_ses-b_T1w"].modality_told) == ("MR", False)
    assert (cases["sub-02_acq-bone"].modality, cases["sub-02_acq-bone"].modality_told) == ("CT", True)


def test_one_subject_of_a_data_set_is_read_like_all(data_set: Path) -> None:
    assert [case.case_id for case in find_cases(data_set / "sub-01" / "ses-b")] == ["sub-01_ses-b_T1w"]
    assert data_set_root(data_set / "sub-01" / "ses-b") == data_set
    with pytest.raises(BrokenFile, match="no scan was found"):
        find_cases(data_set / "sub-01" / "ses-a" / "func")


@pytest.mark.parametrize(
    ("case_id", "folder", "name"),
    [
        ("sub-01_ses-a_run-2_T2w", "sub-01/ses-a/anat", "sub-01_ses-a_run-2_space-orig_seg-x_desc-T2w_dseg.tsv"),
        ("sub-gl003_dir-ax_ct", "sub-gl003/anat", "sub-gl003_space-orig_seg-x_desc-diraxct_dseg.tsv"),
        ("sub-1_run-2_acq-b_T1w", "sub-1/anat", "sub-1_acq-b_run-2_space-orig_seg-x_desc-T1w_dseg.tsv"),
        ("my scan.1", "sub-myscan1/anat", "sub-myscan1_space-orig_seg-x_dseg.tsv"),
    ],
)
def test_derivatives_are_named_after_their_scan(case_id: str, folder: str, name: str) -> None:
    found = bids_name(case_id)
    assert (found.folder.as_posix(), found.file("x", "_dseg.tsv")) == (folder, name)


def test_two_scans_of_one_bids_name_are_refused() -> None:
    require_distinct(["a", "b", "sub-1_T1w", "sub-1_T2w"])
    with pytest.raises(ValueError, match=r"one name. Received: a_b and a-b"):
        require_distinct(["a_b", "a-b"])
