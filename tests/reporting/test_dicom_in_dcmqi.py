"""DICOM objects read by dcmqi, by which 3D Slicer reads segmentations and TID 1500 reports; it is no highdicom."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.dicom_series import write_dicom
from tests.made_findings import GRID, SHAPE, block_findings
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.dicom_source import DicomSource, dicom_source
from utility_functions.files.images import read_grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.reporting.dicom_objects import write_object
from utility_functions.reporting.dicom_report import spine_report
from utility_functions.reporting.dicom_segmentation import spine_segmentation


def program(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}") or shutil.which(name)
    if found is None:
        pytest.skip("dcmqi is not installed (extra dev)")
    return found


def source_of(folder: Path, axcodes: str, **changes: Any) -> tuple[DicomSource, Findings]:
    """The blocks on a series stored so, and the findings on its grid."""
    volume = Volume(np.zeros(SHAPE, np.int16), GRID).reoriented(axcodes)
    scan = write_dicom(folder / "scan", volume, **{"AccessionNumber": "A1", **changes})
    return dicom_source(scan), block_findings().placed_on(read_grid(scan))


@pytest.mark.parametrize(
    ("axcodes", "changes"),
    [
        ("LPS", {}),
        ("LPI", {}),
        ("PIL", {"modality": "MR"}),
        ("LIP", {"enhanced": True}),
        ("PIR", {"tilt": 0.2}),
        ("LPS", {"without": (50,)}),
    ],
)
def test_dcmqi_reads_each_label_where_it_was_found(axcodes: str, changes: dict[str, Any], tmp_path: Path) -> None:
    converter = program("segimage2itkimage")
    source, findings = source_of(tmp_path, axcodes, **changes)
    found = spine_segmentation(findings, source)
    assert found is not None
    write_object(found.dataset, source, tmp_path / "scan_seg.dcm")
    options = ("--outputType", "nii", "--mergeSegments", "--prefix", "read", "--outputDirectory", str(tmp_path))
    command = [converter, "--inputDICOM", str(tmp_path / "scan_seg.dcm"), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    about = json.loads((tmp_path / "read-meta.json").read_text())["segmentAttributes"][0]
    names = {each["SegmentLabel"]: each["labelID"] for each in about}
    image = nib.load(tmp_path / "read-1.nii.gz")
    voxels = np.asarray(image.dataobj)
    assert findings.instances is not None
    labels = findings.instances
    for level in ("L1", "L2", "L3"):
        index = np.argwhere(labels.voxels == VERSE_IDS[level])
        places = np.linalg.inv(image.affine) @ np.column_stack([labels.grid.to_mm(index), np.ones(len(index))]).T
        nearest = np.rint(places[:3]).astype(int)
        assert np.abs(places[:3] - nearest).max() < 0.01
        assert (voxels[tuple(nearest)] == names[level]).all() and (voxels == names[level]).sum() == len(index)
    [code] = [each["SegmentedPropertyTypeCodeSequence"] for each in about if each["SegmentLabel"] == "L2"]
    assert code == {"CodeValue": "14293000", "CodingSchemeDesignator": "SCT", "CodeMeaning": "L2 vertebra"}


def test_dcmqi_reads_the_groups_of_the_report(tmp_path: Path) -> None:
    reader = program("tid1500reader")
    source, findings = source_of(tmp_path, "LPS")
    segmentation = spine_segmentation(findings, source)
    write_object(spine_report(findings, None, source, segmentation), source, tmp_path / "scan_sr.dcm")
    command = [reader, "--inputDICOM", str(tmp_path / "scan_sr.dcm"), "--outputMetadata", str(tmp_path / "sr.json")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    groups = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    assert [each["TrackingIdentifier"] for each in groups] == ["spine", "L1 centroid", "L2 centroid", "L3 centroid"]
    [certainty] = groups[1]["measurementItems"]
    assert (float(certainty["value"]), certainty["units"]["CodeValue"]) == (90.0, "%")
