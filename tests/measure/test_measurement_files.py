"""The files of measurements: what is in them, and when there are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learning_functions.measure.measurement_files import spine_measurements, truncated_levels, write_measurements
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.parts import ARCH, BODY
from utility_functions.files.provenance import is_prediction
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, StructureMap, VertebraMap

SHAPE = (40, 70, 110)


@pytest.fixture
def findings() -> Findings:
    """L1 and L2 as blocks of 30 x 26 x 24 mm with an arch behind, and half of L3 at the lower border."""
    grid = Grid.from_spacing(SHAPE, (1.0, 1.0, 1.0))
    labels, parts = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    for name, low, high in (("L1", 80, 104), ("L2", 45, 69), ("L3", 0, 34)):
        for code, back, front in ((BODY, 35, 61), (ARCH, 10, 30)):
            block = slice(5, 35), slice(back, front), slice(low, high)
            labels[block], parts[block] = VERSE_IDS[name], code
    landmarks = Landmarks(("L1", "L2", "L3"), np.array([[19.5, 47.5, z] for z in (91.5, 56.5, 16.5)]))
    return Findings("scan", grid).having(
        instances=VertebraMap(labels, grid), detection=PartMap(parts, grid), landmarks=landmarks
    )


def image_of(findings: Findings) -> Volume:
    return Volume(np.full(SHAPE, 150, np.int16), findings.grid)


def test_both_files_hold_the_same_heights(findings: Findings, tmp_path: Path) -> None:
    measured = spine_measurements(findings, image_of(findings))
    assert measured is not None
    write_measurements(measured, tmp_path, "scan")
    rows = pd.read_csv(tmp_path / "scan_measurements.csv").set_index("level")
    record = json.loads((tmp_path / "scan_measurements.json").read_text())
    assert is_prediction(tmp_path / "scan_measurements.json")
    assert rows.loc["L1", "middle_height_mm"] == pytest.approx(24.0, abs=0.5)
    assert rows.loc["L1", "volume_cm3"] == pytest.approx(30 * 46 * 24 / 1000, abs=1e-3)
    assert rows.loc["L1", "disc_middle_mm"] == pytest.approx(11.0, abs=0.5)
    assert (rows.loc["L2", "core_mean"], rows.loc["L2", "suggested_grade"]) == (150.0, 0)
    assert record["vertebrae"][0]["middle_height_mm"] == pytest.approx(rows.loc["L1", "middle_height_mm"], abs=1e-4)
    assert set(record["definitions"]) <= set(rows.columns)


def test_a_truncated_vertebra_has_its_reason_and_its_volume_alone(findings: Findings) -> None:
    assert truncated_levels(findings) == ["L3"]
    last = spine_measurements(findings, image_of(findings)).vertebrae[-1]
    assert (last.level, last.problem, last.shape) == ("L3", "truncated by the field of view", None)
    assert last.volume_cm3 > 0


def test_a_process_at_the_border_leaves_the_body_to_be_measured(findings: Findings) -> None:
    instances, parts = findings.instances.voxels.copy(), findings.detection.voxels.copy()
    instances[0:6, 15:20, 88:92], parts[0:6, 15:20, 88:92] = VERSE_IDS["L1"], ARCH
    changed = findings.having(instances=VertebraMap(instances, findings.grid), detection=PartMap(parts, findings.grid))
    assert truncated_levels(changed) == ["L3"]
    assert truncated_levels(changed.having(detection=None)) == ["L1", "L3"]


def test_predicted_completeness_counts_too(findings: Findings) -> None:
    assert truncated_levels(findings.having(completeness={"L1": 0.2, "L2": 0.9})) == ["L1", "L3"]


@pytest.mark.parametrize("missing", ["instances", "detection", "landmarks"])
def test_without_masks_parts_or_names_nothing_is_measured(findings: Findings, missing: str) -> None:
    assert spine_measurements(findings.having(**{missing: None}), image_of(findings)) is None


def test_in_mr_heights_are_told_and_no_grade(findings: Findings) -> None:
    structures = StructureMap(findings.instances.voxels, findings.instances.grid)
    measured = spine_measurements(findings.having(structures=structures), image_of(findings))
    sound = [each for each in measured.vertebrae if each.shape is not None]
    assert sound
    assert all(each.grade is None and each.loss is None for each in sound)


@pytest.mark.parametrize(
    ("slice_mm", "axcodes", "graded"), [(3.0, "RAS", True), (4.25, "RAS", False), (1.0, "ASL", True)]
)
def test_thick_slices_suggest_no_grade(findings: Findings, slice_mm: float, axcodes: str, graded: bool) -> None:
    spacing_mm = [slice_mm if code in "SI" else 5.0 for code in axcodes]
    image = Volume(np.full(SHAPE, 150, np.int16), Grid.from_spacing(SHAPE, spacing_mm, axcodes=axcodes))
    first = spine_measurements(findings, image).vertebrae[0]
    assert first.shape is not None and (first.grade is not None) is graded
