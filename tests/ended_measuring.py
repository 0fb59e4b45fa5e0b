"""Measuring that ends the worker that does it, once."""

from __future__ import annotations

from pathlib import Path

from learning_functions.measure.fleet import MeasuredScan, measured_by_worker
from learning_functions.measure.scan_work import ScanWork
from tests.ended_workers import end_once
from utility_functions.files.cases import Case

whole_measured_by_worker = measured_by_worker


def measured_unless_ended(work: ScanWork, running: tuple[Path, ...], case: Case) -> MeasuredScan:
    if case.case_id == "second":
        end_once(case.image_path.parent / "ended")
    return whole_measured_by_worker(work, running, case)
