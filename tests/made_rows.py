"""Rows of a run, made by hand, for tables and summaries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from losses_and_metrics.identification_rate import score_scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import level_frame

GRID = Grid.from_spacing((2, 2, 2), 1.0)


def scored(case_id: str, predicted: Landmarks, true: Landmarks, naming: NamingRecord | None = None) -> ScanRow:
    """A scan whose landmarks are scored."""
    findings = Findings(case_id, GRID, landmarks=predicted, naming=naming)
    return ScanRow(case_id, findings, true, score_scan(case_id, predicted, true, interpolated=findings.interpolated))


def masked(*scores: SegmentationScore) -> list[ScanRow]:
    """Scans of which masks alone are scored."""
    return [ScanRow(score.case_id, segmentation=score) for score in scores]


def levels(*rows: ScanRow) -> pd.DataFrame:
    return level_frame(rows)


def group(summary: pd.DataFrame, name: str, by: str = "region") -> Any:
    """The row of a region, level, scan or class."""
    (row,) = summary[summary[by] == name].to_dict("records")
    return row
