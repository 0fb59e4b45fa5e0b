"""Unusual data sets: an index, a broken series, equal names, unusual tables, hyphens and old encodings."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from layouts import lay_out

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import load_scan
from utility_functions.files.manifest import find_cases


def test_a_disk_s_index_is_no_series(tmp_path, write_series):
    (path, *_) = write_series(tmp_path / "DICOM" / "S1", np.zeros((4, 4, 3), np.int16), [(0, 0, k) for k in range(3)])
    (tmp_path / "DICOMDIR").write_bytes(path.read_bytes())
    assert [case.image_path for case in find_cases(tmp_path)] == [tmp_path / "DICOM" / "S1"]


def test_a_broken_series_stops_no_other(tmp_path, write_series):
    for name in ("bad", "good"):
        paths = write_series(tmp_path / name, np.zeros((4, 4, 3), np.int16), [(0, 0, k) for k in range(3)])
        for path in paths if name == "bad" else ():
            path.write_bytes(path.read_bytes()[:140])
    assert [case.case_id for case in find_cases(tmp_path)] == ["bad", "good"]


def test_names_that_would_be_alike_are_numbered(tmp_path):
    cases = find_cases(lay_out(tmp_path, "a_x.nii.gz", "a/x.nii.gz", "b/x.nii.gz"))
    assert sorted(case.case_id for case in cases) == ["a_x.nii.gz", "a_x.nii.gz-2", "b_x"]


@pytest.mark.parametrize(
    "text",
    ["name\tx\ty\tz\nL1\t1\t2\t3\n", "name,x,y,z,remark\nL1,1,2,3,broken; old\n", "\ufeffname;x;y;z\r\nL1;1;2;3\r\n"],
)
def test_landmarks_in_any_table_are_found(text, tmp_path):
    lay_out(tmp_path, "scan.nii.gz")
    (tmp_path / "scan.csv").write_text(text, encoding="utf-8")
    assert find_cases(tmp_path)[0].landmarks_path == tmp_path / "scan.csv"


@pytest.mark.parametrize("name", ["scan-label.nrrd", "scan-seg.nii.gz", "scan-vert_msk.nii.gz"])
def test_a_label_map_may_be_named_with_a_hyphen(name, tmp_path):
    (case,) = find_cases(lay_out(tmp_path, "scan.nii.gz", name))
    assert (case.case_id, case.landmarks_path, case.label_map_path) == ("scan", None, tmp_path / name)


@pytest.mark.parametrize("name", [b"M\xfcller.mha", b"M\xfcller/scan.nii.gz"])
def test_a_name_that_is_not_utf8_is_reported_before_anything_is_read(name, tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    for source in (tmp_path, path):
        with pytest.raises(BrokenFile, match=r"M\ufffdller.*is not in UTF-8"):
            find_cases(source)


def test_links_that_lead_nowhere_are_named(tmp_path, caplog):
    lay_out(tmp_path, "there.nii.gz")
    for name in ("gone.nii.gz", "there_mask.nii.gz"):
        (tmp_path / name).symlink_to(".git/annex/objects/nothing")
    assert [case.case_id for case in find_cases(tmp_path)] == ["there"]
    assert "2 links lead nowhere, such as gone.nii.gz; fetch the data first" in caplog.text
    with pytest.raises(BrokenFile, match=r"gone.nii.gz: is a link that leads nowhere \(to .git/annex"):
        find_cases(tmp_path / "gone.nii.gz")
    (tmp_path / "manifest.csv").write_text("name,image_path\na,gone.nii.gz\n")
    with pytest.raises(BrokenFile, match=r"image_path names gone.nii.gz, which is a link that leads nowhere"):
        find_cases(tmp_path)
    (tmp_path / "manifest.csv").unlink()
    (tmp_path / "there.nii.gz").unlink()
    with pytest.raises(BrokenFile, match=r"no scan was found in it \(2 links lead nowhere"):
        find_cases(tmp_path)


@pytest.mark.parametrize(
    "text", ["version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "/annex/objects/MD5--0\n"]
)
def test_a_pointer_in_place_of_data_is_told(text, tmp_path):
    (tmp_path / "scan.nii.gz").write_text(text)
    with pytest.raises(BrokenFile, match="is a pointer to data that is not here; fetch the data first"):
        load_scan(find_cases(tmp_path)[0])


def test_what_spineps_writes_beside_a_scan_belongs_to_it(tmp_path):
    below = "derivatives_seg/sub-1_mod-ct_seg-"
    lay_out(tmp_path, "sub-1_ct.nii.gz", *(f"{below}{end}" for end in ("vert_msk.nii.gz", "spine_msk.nii.gz")))
    lay_out(tmp_path, f"{below}spine_poi.json")
    (case,) = find_cases(tmp_path)
    assert (case.label_map_path, case.label_code) == (tmp_path / f"{below}vert_msk.nii.gz", "spineps")
    assert case.landmarks_path == tmp_path / f"{below}spine_poi.json"
