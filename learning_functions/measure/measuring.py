"""A run of measure.py: the models run on every scan; findings are scored, written and summarised."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from tqdm import tqdm

from learning_functions.measure.device_models import DeviceModels, device_models, records_of
from learning_functions.measure.kept_logs import Kept, keeping_logs, kept_in, tell
from learning_functions.measure.memory_room import ahead_bytes, held_bytes, room_bytes
from learning_functions.measure.outputs import (
    remove_previous,
    require_outputs_free,
    write_findings,
    written_of,
)
from learning_functions.measure.overlapping import FAILURES, InOrder, SharedItems, Work, side_by_side, work_through
from learning_functions.measure.plan import Plan
from learning_functions.measure.resuming import conditions_of, finished_row, write_record
from learning_functions.measure.scan_estimate import estimates, require_memory, told_before
from learning_functions.measure.structure_scoring import finds_structures, score_classes
from learning_functions.measure.summary import scan_text, sum_up
from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import run_stages
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.scan_doubts import doubts_of, require_modality
from learning_functions.predict.stage import Stage
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.runtime.inference_devices import InferenceDevice, inference_devices
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.centroids import LABEL_CODES, UnknownLevels
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.provenance import require_results_free
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.reporting.bids_derivatives import require_derivative_place, write_derivatives
from utility_functions.reporting.results import ScanRow
from utility_functions.stage_seconds import tell_problem, tell_seconds

Show = Callable[[str], None]
"""A function that receives the tables one by one."""
Fleet: TypeAlias = Sequence[DeviceModels]
"""The models of a plan, once for each device that shares the scans."""


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
    overlap: bool = True,
) -> list[ScanRow]:
    """Measure all cases and write their results to ``folder``.

    command: the command line of the run, for results.json.
    skip_existing: scans that an earlier run has finished are not measured again, but reported with the others.
    fleet: the plan's models on each device, where they are loaded already. The devices share the scans.
    overlap: whether a scan may be read, and another one written, while one runs; results do not depend on it.
    The row of a scan that cannot be measured holds the reason. The findings of the others are written in any case,
    also when the run is interrupted. Where no scan can be measured, nothing is written and earlier results stay.
    """
    require_place(plan, cases, folder)
    fleet = load_fleet(plan, cases) if fleet is None else fleet
    records = records_of(plan, fleet[0].models)
    conditions = conditions_of(records, plan.options)
    initial = {case: plan.initial.files(case) for case in cases}
    before = {case: finished_row(case, conditions, folder, initial[case]) for case in cases} if skip_existing else {}
    logs: dict[Case, Kept] = {case: [] for case in cases}
    waiting = [case for case in cases if before.get(case) is None]
    open_cases = SharedItems(iter(waiting))
    if estimate := told_before(estimates(waiting, plan.options.memory_gb, devices_of(plan, cases))):
        show(estimate)

    with tqdm(total=len(cases), unit="scan", disable=len(cases) < 2) as bar, keeping_logs():

        def told(row: ScanRow, case: Case) -> None:
            bar.update()
            with tqdm.external_write_mode():
                tell(logs[case])
                if before.get(case) is None:
                    show(scan_text(row) + "\n")

        rows = InOrder(cases, told)

        def write(case: Case, found: ScanFound | Exception) -> None:
            try:
                if isinstance(found, Exception):
                    raise found
                with kept_in(logs[case]):
                    row = write_scan(found, folder, plan)
                    write_record(row, case, conditions, written_of(case, folder), folder, initial[case])
                tell_seconds(row.findings.seconds if row.findings else {}, "scan")
            except FAILURES as error:
                tell_problem(error, "a scan was left out")
                row = ScanRow(case.case_id, problem=one_line(error))
            rows.add(case, row)

        def work_on(models: DeviceModels) -> None:
            memory_gb = plan.options.memory_gb / len(fleet)

            def read(case: Case) -> ScanRead:
                with kept_in(logs[case]):
                    require_memory(case, memory_gb)
                    return read_scan(case, models, plan)

            def run(case: Case, scan: ScanRead) -> ScanFound:
                open_cases.require_open()
                bar.set_description(case.case_id)
                with kept_in(logs[case]):
                    return run_scan(scan, plan)

            work = Work(
                read,
                run,
                write,
                ahead_bytes=ahead_bytes,
                held_bytes=lambda scan: held_bytes(scan.scan.volume.grid),
                room_bytes=lambda scan: room_bytes(scan.scan.volume.grid, scan.models, memory_gb) if overlap else 0.0,
            )
            work_through(open_cases, work)

        for case, row in before.items():
            if row is not None:
                rows.add(case, row)
        try:
            side_by_side([partial(work_on, models) for models in fleet], open_cases)
        finally:
            for kept in logs.values():
                tell(kept)
            found = rows.all_known()
            if any(row.findings is not None for row in found):
                ran = {model.path for models in fleet for model in models.models}
                used = [record for record in records if record.path in ran] or records
                sum_up(found, used, folder, plan.requested, show, command)
    return found


def load_fleet(plan: Plan, cases: Sequence[Case]) -> Fleet:
    """The models of a plan on each device that has a scan to measure."""
    return [device_models(plan, cases, device) for device in devices_of(plan, cases)]


def devices_of(plan: Plan, cases: Sequence[Case]) -> tuple[InferenceDevice, ...]:
    """The devices of a plan; no more than there are scans."""
    return inference_devices(plan.options.device)[: max(len(cases), 1)]


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
        finished_row(case, conditions, folder, plan.initial.files(case))


@dataclass(frozen=True, eq=False)
class ScanRead:
    """A scan that was read and prepared: its models, what they start with, and the seconds that it took."""

    scan: Scan
    models: Sequence[TrainedModel]
    start: Stage
    prepared: PreparedScan
    seconds: float


@dataclass(frozen=True, eq=False)
class ScanFound:
    """A scan, and its stages in the order in which they ran: all that are kept, the last of them with all findings."""

    read: ScanRead
    stages: tuple[Stage, ...]


def read_scan(case: Case, device: DeviceModels, plan: Plan) -> ScanRead:
    """Read one scan, and prepare it for the first model."""
    started = time.perf_counter()
    scan, models = device.placed(load_scan(case, tissues=device.may_need_tissues(case, finds_structures)))
    start = start_of(scan, models, plan)
    prepared = PreparedScan(scan.volume).turned(start.findings.quarter_turns)
    for model in models[: 1 if not start.findings.quarter_turns else 0]:
        prepared.make_ready(model.task, model.settings, start.findings)
    return ScanRead(scan, models, start, prepared, time.perf_counter() - started)


def run_scan(read: ScanRead, plan: Plan) -> ScanFound:
    """Run its models on one scan."""
    return ScanFound(read, stages_of(read.prepared, read.models, plan, read.start))


def write_scan(found: ScanFound, folder: Path, plan: Plan) -> ScanRow:
    """Score the findings of one scan, and write results and pictures."""
    scan, stages, case = found.read.scan, found.stages, found.read.scan.case
    started = time.perf_counter()
    findings = stages[-1].findings.placed_on(scan.volume.grid)
    findings = findings.timed("reading", found.read.seconds).timed("resampling", time.perf_counter() - started)
    truth = score = None
    try:
        truth = true_landmarks(scan)
    except UnknownLevels as error:
        findings = findings.noting(f"Not scored: {one_line(error)}")
        if LABEL_CODES[case.label_code] is not None:  # masks are not scored under wrong names either
            scan = replace(scan, label_map=None)
    if truth is not None and findings.landmarks is not None:
        score = score_scan(case.case_id, findings.landmarks, truth, interpolated=findings.interpolated)
    findings, masks = score_masks(findings, scan)
    findings, classes, true = score_classes(findings, scan)
    started = time.perf_counter()
    remove_previous(case, folder)  # only now: the results of a scan that can no longer be read stay
    shown_stages = stages if plan.options.save_intermediate else ()
    names = [model.path.stem for model in found.read.models]
    view, dicom = plan.options.view == "page", plan.options.dicom
    picture = write_findings(findings, scan, truth, folder, shown_stages, true, view, dicom, names)
    if plan.options.layout == "bids":
        write_derivatives(findings, case, folder)
    findings = findings.timed("writing", time.perf_counter() - started)
    return ScanRow(case.case_id, findings, truth, score, picture, segmentation=masks, structures=classes)


def start_of(scan: Scan, models: Sequence[TrainedModel], plan: Plan) -> Stage:
    """The findings of a scan before the first model. Raises: ValueError for another modality than the models'."""
    require_modality(scan, models)
    start = plan.initial.start(scan.case, scan.volume.grid, [model.task_name for model in models])
    require_header_orientation(start.findings, plan.options)
    return replace(start, findings=start.findings.noting(*scan.notes, *doubts_of(scan, models)))


def stages_of(prepared: PreparedScan, models: Sequence[TrainedModel], plan: Plan, start: Stage) -> tuple[Stage, ...]:
    """The last stage of a scan; with ``save_intermediate`` the start and the stages of all models."""
    every = plan.options.save_intermediate
    return tuple(deque(run_stages(models, prepared, start, plan.options), maxlen=None if every else 1))


def require_header_orientation(found: Findings, options: InferenceOptions) -> None:
    """Raise a ValueError where the options trust the header, but the initial findings come from a turned scan."""
    if options.orientation == "header" and found.quarter_turns:
        raise ValueError(
            "The earlier findings come from a scan turned to the patient orientation, which --orientation header "
            f"forbids; run detection again with it. Received: {found.case_id}, turned by "
            f"{90 * found.quarter_turns} degrees."
        )


def score_masks(findings: Findings, scan: Scan) -> tuple[Findings, SegmentationScore | None]:
    """The score of whole vertebral masks against the truth; None where either has none, or the labels are unknown.

    Masks of bodies or tubes are not compared with whole vertebrae: such a Dice would measure the task, not the model.
    """
    if not isinstance(findings.instances, VertebraMap) or scan.label_map is None:
        return findings, None
    started = time.perf_counter()
    try:
        score = score_instances(
            findings.case_id, findings.instances, scan.label_map, scan.case.label_code, findings.completeness
        )
    except UnknownLevels as error:
        return findings.noting(f"Masks not scored: {one_line(error)}"), None
    return findings.timed("scoring", time.perf_counter() - started), score
