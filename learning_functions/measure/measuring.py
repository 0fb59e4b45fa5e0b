"""A run of measure.py: the models run on every scan; findings are scored, written and summarised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from learning_functions.measure.device_models import DeviceModels, device_models, records_of
from learning_functions.measure.fleet import DeviceFleet, Fleet, Listeners, WorkerFleet
from learning_functions.measure.kept_logs import Kept, keeping_logs, tell
from learning_functions.measure.outputs import require_outputs_free
from learning_functions.measure.overlapping import InOrder
from learning_functions.measure.plan import Plan
from learning_functions.measure.resuming import Conditions, conditions_of, finished_row
from learning_functions.measure.scan_work import ScanWork
from learning_functions.measure.scout import scout_names
from learning_functions.measure.shared_names import share_names
from learning_functions.measure.study_names import out_of_date
from learning_functions.measure.summary import scan_text, sum_up
from learning_functions.options import InferenceOptions
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import InferenceDevice, inference_devices
from learning_functions.runtime.workers import THIS_PROCESS, Workers
from utility_functions.files.cases import Case
from utility_functions.files.provenance import require_results_free
from utility_functions.reporting.bids_derivatives import require_derivative_place
from utility_functions.reporting.results import ScanRow

Show = Callable[[str], None]
"""A function that receives the tables one by one."""


def measure_cases(
    cases: Sequence[Case],
    model_paths: Sequence[Path],
    folder: Path,
    options: InferenceOptions,
    settings: Mapping[str, Any],
    show: Show,
    command: Sequence[str] = (),
    skip_existing: bool = False,
) -> list[ScanRow]:
    """Measure all cases with the models at ``model_paths`` (none: those shipped), as ``measure_plan`` does.

    settings: the options of the run, for results.json.
    """
    plan = Plan(tuple(model_paths), options, requested=settings)
    return measure_plan(plan, cases, folder, show, command, skip_existing)


def measure_plan(
    plan: Plan,
    cases: Sequence[Case],
    folder: Path,
    show: Show,
    command: Sequence[str] = (),
    skip_existing: bool = False,
    fleet: Fleet | None = None,
) -> list[ScanRow]:
    """Measure all cases and write their results to ``folder``.

    command: the command line of the run, for results.json.
    skip_existing: scans that an earlier run has finished are not measured again, but reported with the others.
    fleet: who measures them, with the plan's models; None: the devices of this process, which share the scans.
    The row of a scan that cannot be measured holds the reason. The findings of the others are written in any case,
    also when the run is interrupted. Where no scan can be measured, nothing is written and earlier results stay.
    """
    require_place(plan, cases, folder)
    fleet = load_fleet(plan, cases) if fleet is None else fleet
    records = records_of(plan, fleet.models)
    conditions = conditions_of(records, plan.options)
    before = _finished(plan, cases, folder, conditions) if skip_existing else {}
    logs: dict[Case, Kept] = {case: [] for case in cases}
    scout = scout_names(plan, fleet, records, cases, folder, show, skip_existing)
    before.update(
        {
            case: ScanRow(case.case_id, problem=scout.refused[case.case_id])
            for case in cases
            if case.case_id in scout.refused
        }
    )
    open_cases = [case for case in cases if before.get(case) is None]
    if estimate := fleet.estimate(plan, open_cases):
        show(estimate)

    with tqdm(total=len(cases), unit="scan", disable=len(cases) < 2) as bar, keeping_logs():

        def told(row: ScanRow, case: Case) -> None:
            bar.update()
            with tqdm.external_write_mode():
                tell(logs[case])
                if before.get(case) is None:
                    show(scan_text(row) + "\n")

        rows = InOrder(cases, told)
        for case, row in before.items():
            if row is not None:
                rows.add(case, row)

        def measure(work: ScanWork, some: Sequence[Case], ends: Callable[[Case, ScanRow], None]) -> None:
            before.update(dict.fromkeys(some))
            bar.total = max(bar.total, bar.n + len(some))
            fleet.measure(work, some, Listeners(logs, lambda case: bar.set_description(case.case_id), ends))

        work = ScanWork(plan, folder, conditions, scout.names)
        try:
            measure(work, open_cases, rows.add)
            if plan.shares_names:
                share_names(work, rows, measure, told)
        finally:
            for kept in logs.values():
                tell(kept)
            found = rows.all_known()
            if any(row.findings is not None for row in found):
                used = [record for record in records if fleet.ran(record.path)] or records
                sum_up(found, used, folder, plan.requested, show, command)
    return found


def _finished(plan: Plan, cases: Sequence[Case], folder: Path, conditions: Conditions) -> dict[Case, ScanRow | None]:
    """What an earlier run found in each scan; None where it is open, or its names came from a series that changed."""
    rows = {case: finished_row(case, conditions, folder, plan.given_files(case)) for case in cases}
    if plan.shares_names:
        rows.update(dict.fromkeys(out_of_date(rows)))
    return rows


def load_fleet(plan: Plan, cases: Sequence[Case], workers: Workers = THIS_PROCESS) -> Fleet:
    """Who measures the scans of a plan: workers elsewhere, or the devices of this process."""
    devices = [device_models(plan, cases, device) for device in devices_of(plan, cases, workers)]
    return fleet_of(devices, workers)


def fleet_of(devices: Sequence[DeviceModels], workers: Workers = THIS_PROCESS) -> Fleet:
    """The fleet with these models, loaded for the devices that ``devices_of`` tells."""
    return WorkerFleet(workers, devices[0]) if workers.elsewhere else DeviceFleet(devices)


def devices_of(plan: Plan, cases: Sequence[Case], workers: Workers = THIS_PROCESS) -> tuple[InferenceDevice, ...]:
    """The devices of a plan in this process, no more than there are scans; workers elsewhere choose their own."""
    return inference_devices("cpu" if workers.elsewhere else plan.options.device)[: max(len(cases), 1)]


def require_place(plan: Plan, cases: Sequence[Case], folder: Path) -> None:
    """Raise a ValueError where a case has no image, and where a file of other programs would be written over."""
    if bare := [case.case_id for case in cases if not case.has_image]:
        raise ValueError(f"Landmark files without images need --keypoints. Received: {bare[0]}.")
    require_results_free(folder)
    if plan.options.layout == "bids":
        require_derivative_place([case.case_id for case in cases], folder)
    for case in cases:
        require_outputs_free(case, folder, plan.initial)


def require_alike_before(plan: Plan, cases: Sequence[Case], folder: Path, models: Sequence[TrainedModel]) -> None:
    """Raise a ValueError where an earlier run has finished a scan with other models or options."""
    conditions = conditions_of(records_of(plan, models), plan.options)
    for case in cases:
        finished_row(case, conditions, folder, plan.given_files(case))
