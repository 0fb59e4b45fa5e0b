"""Figures of pipelines by hand, over the scans that all of them could measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.pipeline_summary import measured_by_all, summarise_pipeline
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore
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
    found, scans = summarise_pipeline("one", "The first", TASKS, ROWS, {"a", "b"})
    assert (found["name"], found["title"], found["tasks"]) == ("one", "The first", "detection naming")
    assert (found["scans"], found["scored"], found["levels"]) == (2, 2, 4)
    assert figure(found, "rate_verse") == (0.75, 0.5, 1.0, 4)  # L2 is not found in b
    assert figure(found, "rate_verse_4mm") == (0.5, 0.5, 0.5, 4)  # 2 mm and 4 mm, but not 6 mm
    assert found["rate_original"] == 0.75
    assert figure(found, "mean_mm") == pytest.approx((4.0, 4.0, 4.0, 3))
    assert figure(found, "all_right") == (0.5, 0.0, 1.0, 2)
    assert found["dice"] == pytest.approx(0.4) and found["dice_n"] == 4
    assert (found["hd95_mm"], found["assd_mm"]) == (2.0, 0.5)
    assert (found["false_names"], found["false_masks"], found["seconds_per_scan"]) == (1, 2, 3.0)
    first = scans.iloc[0]
    assert (first["name"], first["case_id"], first["seconds"]) == ("one", "a", 2.0)
    assert (first["identified"], first["identified_4mm"], first["levels"]) == (2, 1, 2)
    assert (first["mean_mm"], first["dice"]) == (4.0, pytest.approx(0.45))


def test_what_is_undefined_is_not_zero() -> None:
    found, scans = summarise_pipeline("one", "one", TASKS, [replace(ROWS[0], score=None, segmentation=None)], {"a"})
    assert (found["scans"], found["scored"], found["levels"]) == (1, 0, 0)
    for name in ("rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "all_right", "dice"):
        assert np.isnan(figure(found, name)[:3]).all() and found[f"{name}_n"] == 0
    assert found["false_names"] is found["false_masks"] is pd.NA
    assert scans[["levels", "identified", "mean_mm", "dice"]].isna().all(axis=None)
    assert np.isnan(summarise_pipeline("none", "none", (), ROWS, set())[0]["seconds_per_scan"])


def figure(row: dict, name: str) -> tuple[float, float, float, int]:
    """A mean, its interval, and of how many."""
    return tuple(row[f"{name}{end}"] for end in ("", "_ci95_low", "_ci95_high", "_n"))


def test_only_scans_that_every_pipeline_measured_are_compared() -> None:
    assert measured_by_all([ROWS, ROWS[:2]]) == {"a", "b"}
    assert measured_by_all([ROWS, [ScanRow("a", problem="broken")]]) == set()
    assert measured_by_all([]) == set()
