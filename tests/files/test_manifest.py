"""Manifests read, and cases split by patient."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import lay_out

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case, load_scan
from utility_functions.files.manifest import find_cases, split_by_patient

MANIFEST = "name,type,image_path,mask_path,centroid_json_path\n"


def test_a_manifest_names_its_files_from_where_it_lies(tmp_path):
    lay_out(tmp_path, "scans/a.nii.gz", "scans/a_seg.nii.gz", "a.json", "b.mha")
    rows = f"first,training,scans/a.nii.gz,scans\\a_seg.nii.gz,a.json\nsecond,MR,{tmp_path / 'b.mha'},,\n\n"
    (tmp_path / "list.csv").write_text(f"\ufeff{MANIFEST}{rows}", encoding="utf-8")
    first, second = find_cases(tmp_path / "list.csv")
    assert first == Case(
        "first",
        tmp_path / "scans/a.nii.gz",
        "first",
        "CT",
        "training",
        tmp_path / "a.json",
        tmp_path / "scans/a_seg.nii.gz",
    )
    assert second == Case("second", tmp_path / "b.mha", "second", "MR", "")


@pytest.mark.parametrize(
    ("kind", "split", "modality"),
    [
        ("train", "training", "CT"),
        ("Training", "training", "CT"),
        ("val", "validation", "CT"),
        ("testing", "testing", "CT"),
        ("", "", "CT"),
        ("CT", "", "CT"),
        ("mri", "", "MR"),
    ],
)
def test_the_type_of_a_manifest_is_a_split_or_a_modality(kind, split, modality, tmp_path):
    lay_out(tmp_path, "a.nii.gz")
    (tmp_path / "manifest.csv").write_text(f"{MANIFEST}a,{kind},a.nii.gz,,\n")
    case = find_cases(tmp_path)[0]
    assert (case.split, case.modality) == (split, modality)


def test_a_manifest_may_name_maps_of_tissues(tmp_path):
    lay_out(tmp_path, "a.nii.gz", "b.nii.gz", "a_tissues.nii.gz")
    rows = "a,a.nii.gz,a_tissues.nii.gz\nb,b.nii.gz,\n"
    (tmp_path / "manifest.csv").write_text(f"name,image_path,tissue_path\n{rows}")
    first, second = find_cases(tmp_path)
    assert (first.tissue_path, second.tissue_path) == (tmp_path / "a_tissues.nii.gz", None)
    assert first.has_tissues and not second.has_tissues
    (tmp_path / "a_tissues.nii.gz").unlink()
    with pytest.raises(BrokenFile, match=r"tissue_path names a_tissues\.nii\.gz, which is not there"):
        find_cases(tmp_path)


def test_optional_columns_say_patient_modality_and_split(tmp_path):
    lay_out(tmp_path, "a.nii.gz", "b.nii.gz")
    (tmp_path / "manifest.csv").write_text(
        "name,type,image_path,patient,modality\na,test,a.nii.gz,p,MR\nb,CT,b.nii.gz,p,\n"
    )
    assert [(c.patient, c.modality, c.split) for c in find_cases(tmp_path)] == [("p", "MR", "testing"), ("p", "CT", "")]


def test_a_column_names_the_code_of_the_label_map(tmp_path):
    lay_out(tmp_path, "images/1_t1.mha", "masks/1_t1.mha")
    rows = "".join(f"{code or 'guessed'},images/1_t1.mha,masks/1_t1.mha,{code}\n" for code in ("TotalSegmentator", ""))
    (tmp_path / "manifest.csv").write_text(f"name,image_path,mask_path,label_code\n{rows}")
    assert [case.label_code for case in find_cases(tmp_path)] == ["totalsegmentator", "spider"]


BAD = {
    "the code is unknown": ("name,image_path,label_code\na,a.nii.gz,spam\n", "label_code is verse, .* 'spam'"),
    "a column is missing": ("name,type\na,training\n", "image_path missing"),
    "it is empty": ("", "name, image_path missing"),
    "it lists nothing": (MANIFEST, "lists no scan"),
    "an image is not there": (
        MANIFEST + "a,,nowhere.nii.gz,,\n",
        "line 2: image_path names nowhere.nii.gz, which is not",
    ),
    "a mask is not there": (MANIFEST + "a,,a.nii.gz,m.nii.gz,\n", "mask_path names m.nii.gz"),
    "centroids are not there": (MANIFEST + "a,,a.nii.gz,,m.json\n", "centroid_json_path names m.json"),
    "no image is named": (MANIFEST + "a,,,,\n", "image_path is empty"),
    "the type is unknown": (MANIFEST + "a,spam,a.nii.gz,,\n", "but it is 'spam'"),
    "a name stands twice": (MANIFEST + "a,,a.nii.gz,,\na,,a.nii.gz,,\n", "a stands in it more than once"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_manifest_is_refused_when(case, tmp_path):
    text, words = BAD[case]
    lay_out(tmp_path, "a.nii.gz")
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(BrokenFile, match=words) as refused:
        find_cases(tmp_path)
    assert "manifest.csv" in str(refused.value)


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30).filter(lambda patients: len(set(patients)) > 1),
    st.floats(0.05, 0.95),
    st.integers(0, 99),
)
def test_a_patient_is_never_split_and_splits_depend_on_the_seed_alone(patients, fraction, seed):
    cases = [Case(str(i), Path("a"), patient) for i, patient in enumerate(patients)]
    kept, held_out = split_by_patient(cases, fraction, seed)
    assert sorted(kept + held_out, key=cases.index) == cases and kept and held_out
    assert not {case.patient for case in kept} & {case.patient for case in held_out}
    again = split_by_patient(cases[::-1], fraction, seed)[1]
    assert {case.case_id for case in again} == {case.case_id for case in held_out}


def test_half_of_ten_patients_are_five():
    cases = [Case(f"{i}", Path("a")) for i in range(10)]
    assert [len(part) for part in split_by_patient(cases, 0.5, 1)] == [5, 5]
    for fraction, some in ((0.0, cases), (1.0, cases), (0.5, cases[:1])):
        with pytest.raises(ValueError, match="Received"):
            split_by_patient(some, fraction, 1)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_manifest_may_have_other_separators_and_capital_headers(delimiter, tmp_path):
    lay_out(tmp_path, "a.nii.gz", "m.nii.gz")
    text = "Name,Type,Image_Path,Mask_Path\nfirst,testing,a.nii.gz,m.nii.gz\n".replace(",", delimiter)
    (tmp_path / "manifest.csv").write_text(text)
    (case,) = find_cases(tmp_path)
    assert (case.case_id, case.split, case.label_map_path) == ("first", "testing", tmp_path / "m.nii.gz")


def test_a_listed_folder_without_dicom_and_an_unknown_format_are_reported_when_they_are_read(tmp_path):
    lay_out(tmp_path, "folder/a.nii.gz", "x.nhdr", "good.nii.gz")
    rows = "a,,folder,,\nb,,x.nhdr,,\nc,,good.nii.gz,,\n"
    (tmp_path / "manifest.csv").write_text(MANIFEST + rows)
    first, second, _ = find_cases(tmp_path)
    for case, words in ((first, "is a folder without DICOM files"), (second, r"x\.nhdr.*\.nrrd")):
        with pytest.raises(BrokenFile, match=words):
            load_scan(case)
