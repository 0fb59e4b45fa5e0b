"""Scans and their annotations found in every layout of data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layouts import lay_out

from utility_functions.files.annotations import read_landmarks, write_markups, write_verse_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.files.provenance import DESCRIPTION, GENERATOR
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap


def found(source: Path, root: Path) -> list[tuple[str | None, ...]]:
    """Case id, image, landmarks and label map of each case, as paths below ``root``."""

    def short(path: Path | None) -> str | None:
        return None if path is None else path.relative_to(root).as_posix()

    return [
        (case.case_id, short(case.image_path), short(case.landmarks_path), short(case.label_map_path))
        for case in find_cases(source)
    ]


FORMS: dict[str, tuple[list[str], list[tuple[str | None, ...]]]] = {
    "CSI": (
        ["2804506.nii.gz", "2804506.lml", "28.mha", "28.lml", "3.nrrd"],
        [
            ("28", "28.mha", "28.lml", None),
            ("2804506", "2804506.nii.gz", "2804506.lml", None),
            ("3", "3.nrrd", None, None),
        ],
    ),
    "CSI 2014": (
        ["case1.mhd", "case1.raw", "case1_label.mhd", "case1_label.raw", "case10.mhd", "case10.raw"],
        [("case1", "case1.mhd", None, "case1_label.mhd"), ("case10", "case10.mhd", None, None)],
    ),
    "VerSe 2020": (
        [
            "rawdata/sub-gl003/sub-gl003_dir-ax_ct.nii.gz",
            "rawdata/sub-gl003/sub-gl003_dir-sag_ct.nii.gz",
            "derivatives/sub-gl003/sub-gl003_dir-ax_seg-subreg_ctd.json",
            "derivatives/sub-gl003/sub-gl003_dir-ax_seg-vert_msk.nii.gz",
            "derivatives/sub-gl003/sub-gl003_dir-ax_seg-subreg_msk.nii.gz",
            "derivatives/sub-gl003/sub-gl003_dir-ax_seg-vert_snp.png",
        ],
        [
            (
                "sub-gl003_dir-ax_ct",
                "rawdata/sub-gl003/sub-gl003_dir-ax_ct.nii.gz",
                "derivatives/sub-gl003/sub-gl003_dir-ax_seg-subreg_ctd.json",
                "derivatives/sub-gl003/sub-gl003_dir-ax_seg-vert_msk.nii.gz",
            ),
            ("sub-gl003_dir-sag_ct", "rawdata/sub-gl003/sub-gl003_dir-sag_ct.nii.gz", None, None),
        ],
    ),
    "VerSe flat": (
        [
            "sub-verse014_ct.nii.gz",
            "sub-verse014_seg-vb_ctd.json",
            "sub-verse014_seg-vert_msk.nii.gz",
            "verse004.nii.gz",
            "verse004_seg.nii.gz",
            "verse004_ctd.json",
        ],
        [
            (
                "sub-verse014_ct",
                "sub-verse014_ct.nii.gz",
                "sub-verse014_seg-vb_ctd.json",
                "sub-verse014_seg-vert_msk.nii.gz",
            ),
            ("verse004", "verse004.nii.gz", "verse004_ctd.json", "verse004_seg.nii.gz"),
        ],
    ),
    "SPIDER": (
        ["images/1_t1.mha", "images/1_t2_SPACE.mha", "masks/1_t1.mha", "masks/1_t2_SPACE.mha"],
        [
            ("1_t1", "images/1_t1.mha", None, "masks/1_t1.mha"),
            ("1_t2_SPACE", "images/1_t2_SPACE.mha", None, "masks/1_t2_SPACE.mha"),
        ],
    ),
    "nested folders of one name": (
        ["a/scan.nii.gz", "a/scan_mask.nii.gz", "b/scan.nii.gz", "b/scan.mrk.json", "c/other.nii", ".hidden/scan.nii"],
        [
            ("a_scan", "a/scan.nii.gz", None, "a/scan_mask.nii.gz"),
            ("b_scan", "b/scan.nii.gz", "b/scan.mrk.json", None),
            ("other", "c/other.nii", None, None),
        ],
    ),
    "one scan in two formats": (
        ["scan.mha", "scan.nii.gz", "scan_centroids.json"],
        [
            ("scan.mha", "scan.mha", "scan_centroids.json", None),
            ("scan.nii.gz", "scan.nii.gz", "scan_centroids.json", None),
        ],
    ),
    "a truth named like an output, beside results": (
        ["scan.nii.gz", "results.json", "scan_vertebrae.nii.gz", "scan_centroids.json"],
        [("scan", "scan.nii.gz", "scan_centroids.json", "scan_vertebrae.nii.gz")],
    ),
    "several label maps": (
        ["scan.nii.gz", "scan_labels.nii.gz", "scan_vertebrae_verse_ids.nii.gz", "labels.nii.gz"],
        [("scan", "scan.nii.gz", None, "scan_vertebrae_verse_ids.nii.gz")],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_sets_are_found_in_every_layout(form, tmp_path):
    files, expected = FORMS[form]
    assert found(lay_out(tmp_path, *files), tmp_path) == expected


def test_outputs_of_an_earlier_run_are_neither_scans_nor_truth(tmp_path, oblique_grid):
    """They are recognised by their provenance, also where the run was interrupted before results.json."""
    labels, found_mm = LabelMap(np.ones(oblique_grid.shape, np.uint8), oblique_grid), oblique_grid.to_mm([[1, 2, 3]])
    for ending in ("", "_vertebrae", "_detection"):
        write_image(labels, tmp_path / f"scan{ending}.nii.gz", DESCRIPTION if ending else "")
    write_verse_json(Landmarks(("L1",), found_mm), tmp_path / "scan_centroids.json", oblique_grid, GENERATOR)
    write_markups(Landmarks(("L1",), found_mm), tmp_path / "scan_centroids.mrk.json", GENERATOR)
    assert found(tmp_path, tmp_path) == [("scan", "scan.nii.gz", None, None)]
    for path in tmp_path.glob("scan_*.json"):
        assert read_landmarks(path, oblique_grid).names == ("L1",), "provenance does not disturb readers"
    write_image(labels, tmp_path / "scan_vertebrae.nii.gz")
    write_verse_json(Landmarks(("L1",), found_mm), tmp_path / "scan_centroids.json", oblique_grid)
    assert found(tmp_path, tmp_path) == [("scan", "scan.nii.gz", "scan_centroids.json", "scan_vertebrae.nii.gz")]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (("images/1_t1.mha", "masks/1_t1.mha"), "spider"),
        (("1_t1.mha", "1_t1_mask.mha"), "verse"),
        (("case1.mhd", "case1_label.mhd"), "csi2014"),
        (("case1.nii.gz", "case1_label.nii.gz"), "verse"),
        (("sub-1_ct.nii.gz", "sub-1_seg-vert_msk.nii.gz"), "spineps"),
        (("scan.nii.gz", "scan_labels.nii.gz"), "verse"),
        (("scan.nii.gz", "scan.lml"), "verse"),
    ],
)
def test_names_tell_the_code_of_a_label_map(files, code, tmp_path):
    assert [case.label_code for case in find_cases(lay_out(tmp_path, *files))] == [code]


def test_one_scan_in_two_formats_is_one_patient(tmp_path):
    cases = find_cases(lay_out(tmp_path, "a/scan.mha", "a/scan.nii.gz", "b/scan.nii.gz"))
    assert [case.patient for case in cases] == ["a_scan", "a_scan", "b_scan"]


@pytest.mark.parametrize("form", FORMS)
def test_a_single_image_finds_the_same_annotations(form, tmp_path):
    files, expected = FORMS[form]
    lay_out(tmp_path, *files)
    for _, image, landmarks, label_map in expected:
        assert found(tmp_path / str(image), tmp_path)[0][1:] == (image, landmarks, label_map)


def test_scans_of_one_subject_share_a_patient_and_modalities_are_recognised(tmp_path):
    lay_out(
        tmp_path,
        "sub-1_dir-ax_ct.nii.gz",
        "sub-1_dir-sag_ct.nii.gz",
        "sub-2_T2w.nii.gz",
        "7_t1.mha",
        "7_t2.mha",
        "x.nii",
    )
    facts = {case.case_id: (case.patient, case.modality) for case in find_cases(tmp_path)}
    assert facts == {
        "sub-1_dir-ax_ct": ("sub-1", "CT"),
        "sub-1_dir-sag_ct": ("sub-1", "CT"),
        "sub-2_T2w": ("sub-2", "MR"),
        "7_t1": ("7", "MR"),
        "7_t2": ("7", "MR"),
        "x": ("x", "CT"),
    }


def test_folders_tell_the_split_and_only_that_split_is_kept(tmp_path):
    lay_out(
        tmp_path, "dataset-01training/rawdata/sub-1_ct.nii", "dataset-02validation/b.nii", "test/c.nii", "latest/d.nii"
    )
    assert {case.case_id: case.split for case in find_cases(tmp_path)} == {
        "sub-1_ct": "training",
        "b": "validation",
        "c": "testing",
        "d": "",
    }
    assert [case.case_id for case in find_cases(tmp_path, "testing")] == ["c"]
    with pytest.raises(ValueError, match=r"has no testing cases, only no split\."):
        find_cases(tmp_path / "latest", "testing")
    with pytest.raises(ValueError, match="Received: 'tset'"):
        find_cases(tmp_path, "tset")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("testing_dataset", "testing"),
        ("dataset-verse19validation", "validation"),
        ("Training", "training"),
        ("test_data_2", "testing"),
        ("test_run", ""),
        ("train_test", ""),
        ("data", ""),
    ],
)
def test_the_name_of_the_searched_folder_tells_the_split_too(name, split, tmp_path, monkeypatch):
    root = lay_out(tmp_path / name, "a.nii", "val/b.nii")
    monkeypatch.chdir(root)
    for source in (root, Path(), Path("val/..")):
        assert {case.case_id: case.split for case in find_cases(source)} == {"a": split, "b": "validation"}


def test_dicom_series_are_cases_among_others(tmp_path, write_series):
    voxels, positions = np.zeros((4, 4, 3), np.int16), [(0, 0, k) for k in range(3)]
    for name, study in (("p1/lung", "1"), ("p1/bone", "1"), ("p2/bone", "2")):
        write_series(
            tmp_path / name, voxels, positions, study=study, patient="", modality="MR" if "p2" in name else "CT"
        )
    lay_out(tmp_path, "p1/lung.lml", "scan.nii.gz")
    cases = {case.case_id: case for case in find_cases(tmp_path)}
    assert list(cases) == ["p1_bone", "lung", "p2_bone", "scan"]
    assert cases["p1_bone"].patient == cases["lung"].patient != cases["p2_bone"].patient
    assert (cases["lung"].modality, cases["p2_bone"].modality) == ("CT", "MR")
    assert cases["lung"].landmarks_path == tmp_path / "p1" / "lung.lml"
    alone = find_cases(tmp_path / "p2" / "bone")
    assert [case.image_path for case in alone] == [tmp_path / "p2" / "bone"] and alone[0].case_id == "bone"


def test_the_patient_name_is_not_stored(tmp_path, write_series):
    write_series(tmp_path, np.zeros((4, 4, 3), np.int16), [(0, 0, k) for k in range(3)], patient="Jane Doe")
    assert "Jane" not in repr(find_cases(tmp_path)[0]).replace(str(tmp_path), "")


@pytest.mark.real
def test_the_real_scans_are_found(real: Path):
    names = {case.case_id: case for case in find_cases(real)}
    assert {"example_ct", "series", "sub-ct_label-22_ct", "sub-mri_label-6_T2w", "sub-verse014_ct"} <= set(names)
    assert names["sub-verse014_ct"].landmarks_path == real / "verse014" / "sub-verse014_seg-vb_ctd.json"
    assert names["example_ct"].label_map_path == real / "totalseg" / "example_ct_vertebrae_verse_ids.nii.gz"
    assert names["sub-mri_label-6_T2w"].modality == "MR"


@pytest.mark.parametrize(
    ("files", "source", "words"),
    [
        ([], "", "no scan was found in it .looked for"),
        (["a_seg.nii.gz", "masks/b.nii"], "", "only label maps"),
        ([], "nowhere", "no such file or folder"),
        (["a.txt"], "a.txt", "neither an image that can be read nor a CSV manifest"),
    ],
)
def test_a_source_without_scans_is_refused(files, source, words, tmp_path):
    with pytest.raises(BrokenFile, match=words):
        find_cases(lay_out(tmp_path, *files) / source)
