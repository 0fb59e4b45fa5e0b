"""Results of findings made by hand, and of none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest

from spine_levels.result import Result
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.parts import ARCH, BODY, DISC, SACRUM
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import read_label_map, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, TubeMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.niivue_script import has_niivue

GRID = Grid.from_spacing((20, 20, 40), (2.0, 2.0, 2.0), (-19, -19, -39), "RAS")
SCAN = Scan(Case("a_scan", Path("a_scan")), Volume(np.zeros(GRID.shape, np.int16), GRID))
LANDMARKS = Landmarks(("L1", "L2", "L3"), [(0, 1, 25), (0.5, 1, -2), (1, 1, -30)])


def labelled() -> LabelMap:
    """L1 and L3 inside the scan, L2 without a mask, and L4 at the lower border."""
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[8:12, 8:12, 30:34] = VERSE_IDS["L1"]
    voxels[8:12, 8:12, 4:7] = VERSE_IDS["L3"]
    voxels[8:12, 8:12, 0:2] = VERSE_IDS["L4"]
    return LabelMap(voxels, GRID)


def findings() -> Findings:
    found = Findings("a_scan", GRID, landmarks=LANDMARKS, instances=labelled())
    record = NamingRecord({"L1": 0.9, "L3": 0.8}, interpolated=("L2",), warning="Some levels may be wrong: 9 %.")
    return found.having(completeness={"L3": 0.1, "L1": 0.9}).named(record)


@pytest.fixture
def result() -> Result:
    return Result(SCAN, findings())


def test_landmarks_are_a_table_in_ras_mm(result: Result) -> None:
    table = result.landmarks
    assert list(table.columns) == ["level", "x", "y", "z", "probability", "truncated"]
    assert list(table["level"]) == ["L1", "L2", "L3"]
    np.testing.assert_array_equal(table[["x", "y", "z"]], LANDMARKS.points_mm)
    assert table["probability"].tolist()[::2] == [0.9, 0.8] and np.isnan(table["probability"][1])
    assert table["truncated"][0] == False  # noqa: E712 - a value of pandas, which may be missing
    assert table["truncated"].isna().tolist() == [False, True, False]
    assert table["truncated"][2] == True  # noqa: E712


def test_a_vertebra_at_the_border_of_the_scan_is_truncated() -> None:
    cut = findings().having(landmarks=Landmarks(("L4",), [(0, 0, -38)]), completeness={})
    assert Result(SCAN, cut).landmarks["truncated"].tolist() == [True]


def test_without_masks_truncation_is_unknown() -> None:
    table = Result(SCAN, Findings("a_scan", GRID, landmarks=LANDMARKS)).landmarks
    assert table["truncated"].isna().all() and table["probability"].isna().all()


def test_labels_are_an_image_on_the_grid_of_the_scan(result: Result) -> None:
    assert isinstance(result.labels, nib.Nifti1Image)
    np.testing.assert_array_equal(result.labels.affine, GRID.affine)
    np.testing.assert_array_equal(np.asanyarray(result.labels.dataobj), labelled().voxels)
    assert result.labels.get_data_dtype() == np.uint8


def test_nothing_found_is_an_empty_result() -> None:
    empty = Result(SCAN, Findings("a_scan", GRID).noting("No vertebra was found."))
    assert len(empty.landmarks) == 0
    assert list(empty.landmarks.columns) == ["level", "x", "y", "z", "probability", "truncated"]
    assert not np.asanyarray(empty.labels.dataobj).any() and empty.labels.shape == GRID.shape
    assert empty.notes == ("No vertebra was found.",)
    assert "no vertebra" in repr(empty) and "No vertebra was found." in empty._repr_html_()


def test_a_table_of_no_rows_has_the_types_of_one_with_rows(result: Result) -> None:
    empty = Result(SCAN, Findings("a_scan", GRID)).landmarks
    assert empty.dtypes.tolist() == result.landmarks.dtypes.tolist()


def test_a_notebook_is_shown_picture_notes_and_table(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    notebook = ModuleType("IPython.display")
    notebook.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    result.show()
    [page] = [each._repr_html_() for each in shown if isinstance(each, Result)]
    for words in ("data:image/png;base64,", "Some levels may be wrong: 9 %.", "<th>probability</th>", "<td>L2</td>"):
        assert words in page


def test_outside_of_a_notebook_show_says_what_to_do(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(RuntimeError, match="save"):
        result.show()


def test_save_writes_the_files_of_the_scan_and_returns_them(result: Result, tmp_path: Path) -> None:
    files = result.save(tmp_path / "new")
    names = {"a_scan.png", "a_scan_vertebrae.nii.gz", "a_scan_centroids.json", "a_scan_centroids.mrk.json"}
    names |= {"a_scan_view.html", "niivue.js"} if has_niivue() else set()
    assert {path.name for path in files} == names == {path.name for path in (tmp_path / "new").iterdir()}
    np.testing.assert_array_equal(
        read_label_map(tmp_path / "new" / "a_scan_vertebrae.nii.gz").voxels, labelled().voxels
    )
    assert sorted(result.save(tmp_path / "new")) == sorted(files)


def test_save_writes_parts_discs_and_sacrum_beside_vertebrae_but_not_tubes(result: Result, tmp_path: Path) -> None:
    parts = PartMap(np.where(labelled().voxels > 0, BODY, 0).astype(np.uint8), GRID)
    parts.voxels[8:12, 8:12, 34:36], parts.voxels[8:12, 4:6, 30:34], parts.voxels[2, 2, 2] = DISC, ARCH, SACRUM
    for detection, kept in ((parts, True), (TubeMap(parts.voxels > 0, GRID), False)):
        saved = Result(SCAN, result.findings.having(detection=detection)).save(tmp_path)
        assert (tmp_path / "a_scan_detection.nii.gz" in saved) == kept
        if kept:
            np.testing.assert_array_equal(read_label_map(tmp_path / "a_scan_detection.nii.gz").voxels, parts.voxels)


def test_save_does_not_overwrite_files_of_others(result: Result, tmp_path: Path) -> None:
    write_image(labelled(), tmp_path / "a_scan_vertebrae.nii.gz")
    with pytest.raises(ValueError, match="not made by this program"):
        result.save(tmp_path)
