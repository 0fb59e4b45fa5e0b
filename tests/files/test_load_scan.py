"""A case's files, read together: everything on the image's grid, every error naming case and file."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case, load_scan, true_landmarks
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.volume import LabelMap


@pytest.fixture
def labels(oblique_grid) -> LabelMap:
    return LabelMap(np.random.default_rng(3).integers(0, 29, oblique_grid.shape).astype(np.uint8), oblique_grid)


@pytest.fixture
def case(tmp_path, marked, oblique_grid, labels) -> Case:
    """An image with a label map and one landmark."""
    write_image(marked(oblique_grid), tmp_path / "scan.nii.gz")
    write_image(labels, tmp_path / "scan_seg.nii.gz")
    x, y, z = oblique_grid.to_mm((2, 2, 2))
    (tmp_path / "scan.csv").write_text(f"name,x,y,z\nL1,{x},{y},{z}\n")
    return find_cases(tmp_path)[0]


def test_image_landmarks_and_labels_are_read(case, labels):
    scan = load_scan(case)
    assert scan.landmarks is not None and scan.landmarks.names == ("L1",)
    assert scan.label_map is not None and scan.label_map.grid is scan.volume.grid
    np.testing.assert_array_equal(scan.label_map.voxels, labels.voxels)
    bare = load_scan(case, annotations=False)
    assert bare.landmarks is None and bare.label_map is None


def test_annotated_centroids_come_before_those_of_the_label_map(case):
    scan = load_scan(replace(case, label_code="spider"))
    assert true_landmarks(scan) is scan.landmarks
    assert true_landmarks(load_scan(case, annotations=False)) is None
    with pytest.raises(UnknownLevels, match="from the bottom; levels are unknown"):
        true_landmarks(replace(scan, landmarks=None))


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_labels_stored_in_another_orientation_are_turned_without_loss(axcodes, case, labels, caplog):
    write_image(labels.reoriented(axcodes), case.label_map_path)
    with caplog.at_level(logging.WARNING):
        scan = load_scan(case)
    np.testing.assert_array_equal(scan.label_map.voxels, labels.voxels)
    assert not caplog.records


def test_labels_on_another_grid_are_resampled_with_a_note(case, labels, oblique_grid, caplog):
    write_image(labels.window((1, 0, 2), (4, 6, 9)), case.label_map_path)
    with caplog.at_level(logging.WARNING):
        scan = load_scan(case)
    expected = labels.voxels.copy()
    expected[:1], expected[:, :, :2] = 0, 0
    np.testing.assert_array_equal(scan.label_map.voxels, expected)
    assert scan.label_map.grid.same_as(scan.volume.grid)
    assert "resampled; 100 % of its volume is kept" in caplog.text


def test_labels_that_miss_the_image_are_refused(case, labels):
    affine = labels.grid.affine.copy()
    affine[:3, 3] += 100
    write_image(LabelMap(labels.voxels, Grid(labels.grid.shape, affine)), case.label_map_path)
    with pytest.raises(BrokenFile, match=r"^scan: .*scan_seg\.nii\.gz: no label of it lies within the image"):
        load_scan(case)


@pytest.mark.parametrize(
    ("name", "words"), [("scan.nii.gz", "NIfTI"), ("scan_seg.nii.gz", "NIfTI"), ("scan.csv", "columns|landmark")]
)
def test_an_error_names_the_case_and_the_file(name, words, case):
    path = case.image_path.with_name(name)
    path.write_text("hello")
    with pytest.raises(BrokenFile, match=words) as refused:
        load_scan(case)
    assert str(refused.value).startswith("scan: ") and str(path) in str(refused.value)


def test_a_missing_file_is_named(case):
    case.landmarks_path.unlink()
    with pytest.raises(BrokenFile, match=r"^scan: .*scan\.csv: there is no such file\.$"):
        load_scan(case)


@pytest.mark.real
def test_the_real_series_takes_its_flipped_labels_without_resampling(real: Path, caplog):
    case = Case("t", real / "totalseg_dicom" / "series", label_map_path=real / "totalseg_dicom" / "labels.nii.gz")
    with caplog.at_level(logging.WARNING):
        scan = load_scan(case)
    assert not caplog.records and scan.label_map.grid.axcodes == "LPS"
    assert scan.volume.voxels[scan.label_map.voxels == 32].mean() > 100


@pytest.mark.real
def test_the_real_centroids_lie_in_the_bodies_of_the_loaded_masks(real: Path):
    scan = load_scan(find_cases(real / "verse014" / "sub-verse014_ct.nii.gz")[0])
    index = np.rint(scan.volume.grid.to_index(scan.landmarks.points_mm)).astype(int)
    assert scan.landmarks.names == ("L1", "L2", "L3", "L4", "L5")
    assert scan.label_map.voxels[tuple(index.T)].tolist() == [20, 21, 22, 23, 24]
