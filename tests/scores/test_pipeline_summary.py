"""Figures of pipelines by hand, over the scans that all of them could measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.pipeline_summary import measured_by_all, summarise_pipeline
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.comparison import ScanFigures
from utility_functions.records.findings import Findings
from utility_functions.records.mask_scores import MISSED, Figure, MaskScore, SegmentationScore, VertebraScore
from utility_functions.reporting.results import ScanRow

GRID = Grid.from_spacing((2, 2, 2), 1.0)
TRUE = Landmarks(("L1", "L2"), [(0, 0, 0), (0, 0, -34)])


def row(case_id: str, predicted: Landmarks, seconds: float, dice: float | None = None) -> ScanRow:
    findings = Findings(
        case_id, GRID, landmarks=predicted, seconds={"detection": seconds, "naming": 1.0, "reading": 9.0}
    )
    masks = None
    if dice is not None:
        vertebrae = (
            VertebraScore(20, "L1", True, "L1", MaskScore(dice, dice / (2 - dice), 4.0, 2.0, 0.5)),
            VertebraScore(21, "L2", True, None, MISSED),
        )
        masks = SegmentationScore(case_id, vertebrae, false=("C3",))
    return ScanRow(case_id, findings, TRUE, score_scan(case_id, predicted, TRUE), segmentation=masks)


ROWS = [
    row("a", Landmarks(("L1", "L2", "T12"), [(0, 0, 2), (0, 0, -40), (0, 0, 34)]), 1.0, 0.9),
    row("b", Landmarks(("L1",), [(0, 0, 4)]), 3.0, 0.7),
    row("c", Landmarks.empty(), 50.0),
    ScanRow("d", problem="d.nii.gz: is cut off."),
]
TASKS = ("detection", "naming")


def test_a_pipeline_by_hand() -> None:
    found = summarise_pipeline("one", "The first", TASKS, ROWS, {"a", "b"})
    assert (found.name, found.title, found.tasks) == ("one", "The first", TASKS)
    assert (found.scans, found.scored, found.levels) == (2, 2, 4)
    assert found.rate_verse == Figure(0.75, (0.5, 1.0), 4)  # L2 is not found in b
    assert found.rate_verse_4mm == Figure(0.5, (0.5, 0.5), 4)  # 2 mm and 4 mm, but not 6 mm
    assert found.rate_original.mean == 0.75
    assert found.mean_mm == Figure(pytest.approx(4.0), (4.0, 4.0), 3)
    assert found.all_right == Figure(0.5, (0.0, 1.0), 2)
    assert found.dice.mean == pytest.approx(0.4) and found.dice.count == 4
    assert (found.hd95_mm.mean, found.assd_mm.mean) == (2.0, 0.5)
    assert (found.false_names, found.false_masks, found.seconds) == (1, 2, 3.0)
    assert found.by_scan["a"] == ScanFigures(2.0, 2, 1, 2, 4.0, pytest.approx(0.45))


def test_what_is_undefined_is_not_zero() -> None:
    found = summarise_pipeline("one", "one", TASKS, [replace(ROWS[0], score=None, segmentation=None)], {"a"})
    assert (found.scans, found.scored, found.levels) == (1, 0, 0)
    figures = (found.rate_verse, found.rate_verse_4mm, found.rate_original, found.mean_mm, found.all_right, found.dice)
    assert all(figure.mean is None and figure.interval is None for figure in figures)
    assert (found.false_names, found.false_masks) == (None, None)
    assert summarise_pipeline("none", "none", (), ROWS, set()).seconds is None


def test_only_scans_that_every_pipeline_measured_are_compared() -> None:
    assert measured_by_all([ROWS, ROWS[:2]]) == {"a", "b"}
    assert measured_by_all([ROWS, [ScanRow("a", problem="broken")]]) == set()
    assert measured_by_all([]) == set()
