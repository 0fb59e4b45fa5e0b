"""A run that counts from another scan: that scan is measured first, and its names pass to all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from learning_functions.measure.fleet import Fleet, Listeners
from learning_functions.measure.kept_logs import Kept, tell
from learning_functions.measure.outputs import require_outputs_free
from learning_functions.measure.plan import Plan
from learning_functions.measure.resuming import conditions_of, finished_row
from learning_functions.measure.scan_work import ScanWork
from learning_functions.measure.scout_case import same_scan, scout_case, world_of
from learning_functions.measure.summary import scan_text
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case
from utility_functions.records.findings import Findings
from utility_functions.records.names_elsewhere import WORLD, NamesElsewhere
from utility_functions.reporting.results import ModelRecord, ScanRow

FOLDER = "count_from"
"""The folder, within that of the results, of the results of the scan to count from."""


@dataclass(frozen=True)
class ScoutNames:
    """By scan: the names that pass to it, or why none may."""

    names: Mapping[str, NamesElsewhere] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def plan_of_scout(plan: Plan) -> Plan:
    """The plan by which the scan to count from is measured: the same models, and no output but its own results."""
    options = replace(plan.options, count_from=None, study="apart", dicom=None, layout="flat", save_intermediate=False)
    return replace(plan, options=options)


def scout_names(
    plan: Plan,
    fleet: Fleet,
    records: Sequence[ModelRecord],
    cases: Sequence[Case],
    folder: Path,
    show: Callable[[str], None],
    skip_existing: bool,
) -> ScoutNames:
    """Measure the scan that the plan counts from, and pass its names to the cases; nothing where it names none.

    folder: of the run; the results of that scan lie in FOLDER within it. skip_existing: whether those of an earlier
    run count. Raises: ValueError where it cannot be measured, or no vertebra of it is named.
    """
    if plan.options.count_from is None:
        return ScoutNames()
    scout, own, place = scout_case(plan.options.count_from), plan_of_scout(plan), folder / FOLDER
    require_outputs_free(scout, place)
    conditions = conditions_of(records, own.options)
    row = finished_row(scout, conditions, place) if skip_existing else None
    if row is None:
        row = _measured(ScanWork(own, place, conditions), fleet, scout)
    show(f"Levels are counted from {scout.image_path}:\n{scan_text(row)}\n")
    if row.findings is None:
        raise ValueError(f"The scan to count from could not be measured: {row.problem}")
    return passed_to(cases, scout, row.findings)


def passed_to(cases: Sequence[Case], scout: Case, findings: Findings) -> ScoutNames:
    """The names in the findings of the scan to count from, for each other scan in its world.

    Raises: ValueError where it has none.
    """
    known = NamesElsewhere.of(findings, WORLD)
    if not len(known.landmarks):
        raise ValueError(f"No vertebra is named in the scan to count from. Received: {scout.image_path}.")
    names, refused = {}, {}
    for case in cases:
        if same_scan(case, scout):
            continue
        try:
            names[case.case_id] = replace(known, world=world_of(case, scout))
        except ValueError as error:
            refused[case.case_id] = one_line(error)
    return ScoutNames(names, refused)


def _measured(work: ScanWork, fleet: Fleet, scout: Case) -> ScanRow:
    logs: dict[Case, Kept] = {scout: []}
    rows: list[ScanRow] = []
    fleet.measure(work, [scout], Listeners(logs, lambda case: None, lambda case, row: rows.append(row)))
    tell(logs[scout])
    return rows[0]
