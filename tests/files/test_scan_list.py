"""Lists of scans: what is written is read as the same cases again, and no other file is written over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from layouts import lay_out

from tests.scripts.outcome import PRECIOUS
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.manifest import find_cases
from utility_functions.files.origin import study_of_file
from utility_functions.files.scan_list import require_listable, write_scan_list


def cases_on_disk(folder: Path) -> list[Case]:
    lay_out(folder, "a.nii.gz", "m.nii.gz", "t.nii.gz", "a.json", "b.mha")
    at = {name: folder / name for name in ("a.nii.gz", "m.nii.gz", "t.nii.gz", "a.json", "b.mha")}
    rest = {"label_map_path": at["m.nii.gz"], "landmarks_path": at["a.json"], "tissue_path": at["t.nii.gz"]}
    one = Case("one", at["a.nii.gz"], "who", "CT", "training", label_code="totalsegmentator", **rest)
    two = Case("two", at["b.mha"], "who else", "MR", "training")
    return [replace(case, study=study_of_file(case.image_path, case.patient)) for case in (one, two)]


def test_scans_on_disk_are_the_same_cases_again(tmp_path: Path) -> None:
    cases = cases_on_disk(tmp_path / "data")
    write_scan_list(cases, tmp_path / "lists" / "scans.csv", "validation")
    again = find_cases(tmp_path / "lists" / "scans.csv")
    assert again == [replace(case, split="validation") for case in cases]


@pytest.mark.parametrize("words", ["phantom:4:seed=9", "phantom:3:lumbar:any", "phantom:2:mr-t2:from=5"])
def test_phantoms_that_lie_nowhere_are_the_same_cases_again(tmp_path: Path, words: str) -> None:
    cases = find_cases(Path(words), phantom_seed=6)
    write_scan_list(cases[::-1], tmp_path / "scans.csv")
    assert find_cases(tmp_path / "scans.csv") == cases[::-1]


def test_a_manifest_may_give_a_phantom_another_name_and_patient(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,type,image_path,patient\nmine,test,phantom:1:seed=4:from=2,who\n")
    [case] = find_cases(tmp_path / "list.csv")
    assert (case.case_id, case.patient, case.split) == ("mine", "who", "testing")
    assert case.phantom == find_cases(Path("phantom:3:seed=4"))[2].phantom


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("phantom:2:seed=1,", "a row names one phantom"),
        ("phantom:x,", "line 2: Phantoms are requested as phantom:N"),
        ("phantom:1,m.nii.gz", "mask_path names a file, too"),
    ],
)
def test_a_row_that_means_no_one_phantom_is_refused(tmp_path: Path, row: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(f"name,image_path,mask_path\na,{row}\n")
    with pytest.raises(BrokenFile, match=words):
        find_cases(tmp_path / "list.csv")


def test_a_list_is_written_over_another_list_only(tmp_path: Path) -> None:
    cases = cases_on_disk(tmp_path / "data")
    path = tmp_path / "scans.csv"
    require_listable(cases, path)
    write_scan_list(cases, path)
    require_listable(cases, path)
    path.write_bytes(PRECIOUS)
    with pytest.raises(ValueError, match="no list of scans and is not written over"):
        require_listable(cases, path)
    keypoints = Case("k", tmp_path / "k.json", keypoints_path=tmp_path / "k.json")
    with pytest.raises(ValueError, match=r"keypoints alone\. Received: k"):
        require_listable([keypoints], tmp_path / "other.csv")
