"""After the scans of a run are measured: series of one study share their names, and some are measured once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from learning_functions.measure.overlapping import InOrder
from learning_functions.measure.scan_work import ScanWork
from learning_functions.measure.study_names import StudyNames, names_within_studies
from utility_functions.files.cases import Case
from utility_functions.reporting.results import ScanRow

Rows = InOrder[Case, ScanRow]
Measure = Callable[[ScanWork, Sequence[Case], Callable[[Case, ScanRow], None]], None]
"""Measures scans by some work, and tells each with its row."""


def share_names(work: ScanWork, rows: Rows, measure: Measure, told: Callable[[ScanRow, Case], None]) -> None:
    """Pass names within the studies of a run, in its files, its records and its ``rows``.

    Scans to which names pass are measured again, with these names; one that cannot be keeps what it has. ``told``
    hears of them in their order. An interruption keeps what is finished, and a later run does the rest.
    """
    shared = names_within_studies(rows.known())
    _write_doubts(work, rows, shared)
    again = [case for case, _ in rows.known() if case.case_id in shared.names]
    if not again:
        return
    found: Rows = InOrder(again, told)
    try:
        measure(replace(work, names=shared.names), again, found.add)
    finally:
        for case, row in found.known():
            if row.findings is not None:
                rows.replace(case, row)


def _write_doubts(work: ScanWork, rows: Rows, shared: StudyNames) -> None:
    """What another series contradicts, into the rows and records; a doubt that no longer holds leaves them."""
    for case, row in rows.known():
        findings, naming = row.findings, row.naming
        doubt = shared.doubts.get(case.case_id, "")
        if findings is None or naming is None or naming.counted_from or naming.conflict == doubt:
            continue
        changed = replace(row, findings=findings.named(replace(naming, conflict=doubt)))
        work.record(changed, case)
        rows.replace(case, changed)
