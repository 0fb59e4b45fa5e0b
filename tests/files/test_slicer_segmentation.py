"""Segmentations of 3D Slicer: the names of segments determine the levels, their numbers do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import load_scan, true_landmarks
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.files.slicer_segmentation import level_of, segment_names
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

SHAPE = (20, 24, 40)
GRID = Grid.from_spacing(SHAPE, 2.0, (5.0, -3.0, 40.0))


def write_segments(path: Path, names: Mapping[int, str], first: int = 0) -> None:
    """Blocks one below the other, numbered as they come, with a header as Slicer writes it."""
    voxels = np.zeros(SHAPE, np.uint8)
    for place, number in enumerate(names):
        voxels[5:15, 5:15, 32 - 8 * place : 38 - 8 * place] = number
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    image.SetSpacing(GRID.spacing_mm)
    x, y, z = GRID.to_mm((0, 0, 0))
    image.SetOrigin((-x, -y, z))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    for place, (number, name) in enumerate(names.items(), start=first):
        for key, value in (("ID", f"Segment_{number}"), ("Name", name), ("LabelValue", str(number)), ("Layer", "0")):
            image.SetMetaData(f"Segment{place}_{key}", value)
    sitk.WriteImage(image, str(path), useCompression=True)


def scan_beside(folder: Path, names: Mapping[int, str]) -> Path:
    write_image(Volume(np.zeros(SHAPE, np.int16), GRID), folder / "scan.nii.gz")
    write_segments(folder / "scan.seg.nrrd", names)
    return folder / "scan.nii.gz"


@pytest.mark.parametrize("form", ["{}", "vertebrae_{}", "Vertebra {}", "{} body", " {} "])
def test_levels_are_reported_by_the_segments_names(tmp_path: Path, form: str) -> None:
    names = dict(zip((3, 1, 2), (form.format(level) for level in ("T12", "L1", "L2")), strict=True))
    [case] = find_cases(scan_beside(tmp_path, {**names, 7: "aorta"}))
    scan = load_scan(case)
    assert scan.label_map is not None
    assert set(np.unique(scan.label_map.voxels)) == {0, *(VERSE_IDS[level] for level in ("T12", "L1", "L2"))}
    found = true_landmarks(scan)
    assert found is not None and found.names == ("T12", "L1", "L2")
    heights = found.points_mm[:, 2]
    np.testing.assert_allclose(heights, GRID.to_mm([[0, 0, z] for z in (34.5, 26.5, 18.5)])[:, 2], atol=2.0)


def test_sacrum_is_reported_too(tmp_path: Path) -> None:
    [case] = find_cases(scan_beside(tmp_path, {1: "L5", 2: "Sacrum", 3: "coccyx"}))
    voxels = load_scan(case).label_map.voxels
    assert set(np.unique(voxels)) == {0, VERSE_IDS["L5"], VERSE_IDS["S1"], VERSE_IDS["coccyx"]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: "Segment_1", 2: "bone"}, "none of its segments is named after a vertebra"),
        ({1: "L1", 2: "vertebra L1"}, "named after the same vertebra. Received: L1, vertebra L1"),
    ],
)
def test_names_that_do_not_tell_levels_are_refused(tmp_path: Path, names: dict[int, str], message: str) -> None:
    [case] = find_cases(scan_beside(tmp_path, names))
    with pytest.raises(BrokenFile, match=message):
        load_scan(case)


def changed(path: Path, keys: Mapping[str, str | None]) -> None:
    """The file with other values in its header, or without those that are None."""
    image = sitk.ReadImage(str(path))
    for key, value in keys.items():
        image.EraseMetaData(key) if value is None else image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path), useCompression=True)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"Segment1_LabelValue": "1"}, "two segments share a number"),
        ({"Segment1_Layer": "1"}, "lie on several layers"),
        ({"Segment1_LabelValue": None}, "does not tell their numbers"),
        ({"Segment1_LabelValue": "first"}, "does not tell their numbers"),
    ],
)
def test_headers_that_do_not_tell_numbers_are_refused(
    tmp_path: Path, keys: dict[str, str | None], message: str
) -> None:
    [case] = find_cases(scan_beside(tmp_path, {1: "L1", 2: "L2"}))
    changed(tmp_path / "scan.seg.nrrd", keys)
    with pytest.raises(BrokenFile, match=f"scan.seg.nrrd: .*{message}"):
        load_scan(case)


def test_segments_in_layers_are_refused_as_such(tmp_path: Path) -> None:
    """Slicer writes overlapping segments as voxels of several numbers."""
    [case] = find_cases(scan_beside(tmp_path, {1: "L1", 2: "L2"}))
    path = tmp_path / "scan.seg.nrrd"
    image = sitk.ReadImage(str(path))
    layered = sitk.Compose(image, image)
    for key in image.GetMetaDataKeys():
        if key.startswith("Segment"):
            layered.SetMetaData(key, image.GetMetaData(key))
    sitk.WriteImage(layered, str(path))
    with pytest.raises(BrokenFile, match="lie on several layers"):
        load_scan(case)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        *(("L1", "L1"), ("vertebrae_T12", "T12"), ("Vertebral body L1", "L1"), ("L1 vertebral body", "L1")),
        *(("C1 (atlas)", "C1"), ("vert L1", "L1"), ("Lumbar 1", "L1"), ("Th 5", "T5"), ("T_1", "T1"), ("D5", "T5")),
        *(("Sacrum", "S1"), ("coccyx", "coccyx"), ("T13", "T13"), ("l6", "L6")),
        *(("vertebra-L1", "L1"), ("L1-body", "L1"), ("T-13", "T13"), ("thoracic-vertebra-5", "T5"), ("L-5", "L5")),
        *(("L1_seg", "L1"), ("L1 mask", "L1"), ("Segment L1", "L1"), ("label_T12", "T12"), ("L5 segmentation", "L5")),
        *(("Sacrum S1", "S1"), ("S1-sacrum", "S1"), ("Atlas", "C1"), ("Axis", "C2"), ("atlas vertebra", "C1")),
        *(("C2 (axis)", "C2"), ("axis C1", None), ("atlas-axis", None), ("z axis", None), ("Sacrum L5", None)),
        *(("T1-2", None), ("T1_2", None), ("T1 level 2", None), ("T1/T2 disc", None), ("disc L4", None)),
        *(("L5-S1", None), ("T12/L1", None), ("T12_L1", None), ("L-1-2", None), ("lumbar 1-5", None), ("L4-5", None)),
        *(("L1-2_seg", None), ("Segment-1", None), ("mask", None), ("L1 fracture", None), ("pre-L1", None)),
        *(("Segment_20", None), ("20", None), ("", None), ("aorta", None), ("L7", None), ("S2", None)),
    ],
)
def test_names_of_segments_give_levels(name: str, level: str | None) -> None:
    assert level_of(name) == level


def test_omitted_segments_are_reported_and_parts_of_the_sacrum_are_joined(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [case] = find_cases(scan_beside(tmp_path, {1: "L5", 2: "S1", 3: "Sacrum", 4: "disc L5"}))
    voxels = load_scan(case).label_map.voxels
    assert set(np.unique(voxels)) == {0, VERSE_IDS["L5"], VERSE_IDS["S1"]}
    assert "named after no vertebra are left out: disc L5" in caplog.text


@pytest.mark.parametrize(
    "name", ["scan-segmentation.seg.nrrd", "scan Segmentation.seg.nrrd", "scan_seg.nrrd", "scan.seg.nrrd"]
)
def test_a_segmentation_is_found_beside_its_scan(tmp_path: Path, name: str) -> None:
    image = scan_beside(tmp_path, {1: "L1"})
    (tmp_path / "scan.seg.nrrd").rename(tmp_path / name)
    for source in (image, tmp_path):
        [case] = find_cases(source)
        assert case.label_map_path == tmp_path / name


def test_numbers_count_where_a_code_is_named_and_in_plain_nrrd_files(tmp_path: Path) -> None:
    scan_beside(tmp_path, {27: "one", 28: "two"})
    manifest = tmp_path / "cases.csv"
    manifest.write_text("name,image_path,mask_path,label_code\nscan,scan.nii.gz,scan.seg.nrrd,totalsegmentator\n")
    [case] = find_cases(manifest)
    found = true_landmarks(load_scan(case))
    assert found is not None and found.names == ("L4", "L5")
    write_image(Volume(np.ones(SHAPE, np.uint8), GRID), tmp_path / "plain.nrrd")
    assert segment_names(tmp_path / "plain.nrrd") == segment_names(tmp_path / "scan.nii.gz") == {}


def test_a_label_map_whose_header_would_crash_itk_is_refused_before_its_segments_are_named(tmp_path):
    path = tmp_path / "mask.nrrd"
    kinds = "kinds: " + "domain " * 4000
    header = ["NRRD0004", "type: unsigned char", "dimension: 3", "sizes: 2 2 2", kinds, "encoding: raw"]
    path.write_bytes("\n".join([*header, "", ""]).encode() + bytes(8))
    with pytest.raises(BrokenFile, match=r"the field kinds of its header is .* letters long"):
        segment_names(path)
