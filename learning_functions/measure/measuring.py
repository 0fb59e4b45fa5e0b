"""A run of measure.py: every scan through the models, scored where there is a truth, written out and summed up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from learning_functions.measure.outputs import (
    remove_previous,
    require_outputs_free,
    write_findings,
    written_of,
)
from learning_functions.measure.plan import Plan
from learning_functions.measure.resuming import conditions_of, finished_row, write_record
from learning_functions.measure.structure_scoring import score_classes
from learning_functions.measure.summary import scan_text, sum_up
from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import loaded, run_stages
from learning_functions.predict.stage import Stage
from learning_functions.predict.trained_model import TrainedModel
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.provenance import require_results_free
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.reporting.results import ModelRecord, ScanRow

Show = Callable[[str], None]
"""Is given the tables as they come."""


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

    settings: how the run was asked for, kept in results.json.
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
    models: Sequence[TrainedModel] | None = None,
) -> list[ScanRow]:
    """Measure all cases and write their results to ``folder``.

    command: how the run was asked for, kept in results.json.
    skip_existing: scans that a run before has finished are not measured again, only told of with the others.
    models: those of the plan that run, where they are loaded already.
    A scan that cannot be measured has a row that tells why; what was found in the others is written all the same,
    also when the run is interrupted. Where none can, nothing is written: the results of an earlier run stay.
    """
    require_place(plan, cases, folder)
    models = plan.chosen(loaded(plan.model_paths), cases) if models is None else models
    records = [ModelRecord.of(model.path, model.card) for model in models]
    conditions = conditions_of(records, plan.options)
    given = {case: plan.initial.files(case) for case in cases}
    before = {case: finished_row(case, conditions, folder, given[case]) for case in cases} if skip_existing else {}
    rows: list[ScanRow] = []
    try:
        for case in (bar := tqdm(cases, unit="scan", disable=len(cases) < 2)):
            bar.set_description(case.case_id)
            if (finished := before.get(case)) is not None:
                rows.append(finished)
                continue
            try:
                row = measure_case(case, models, folder, plan)
                write_record(row, case, conditions, written_of(case, folder), folder, given[case])
            except (ValueError, OSError, MemoryError, RuntimeError) as error:  # SimpleITK's are RuntimeErrors
                row = ScanRow(case.case_id, problem=one_line(error))
            rows.append(row)
            with tqdm.external_write_mode():
                show(scan_text(row) + "\n")
    finally:
        rows += [finished for case in cases[len(rows) :] if (finished := before.get(case)) is not None]  # interrupted
        if any(row.findings is not None for row in rows):
            sum_up(rows, records, folder, plan.requested, show, command)
    return rows


def require_place(plan: Plan, cases: Sequence[Case], folder: Path) -> None:
    """Raises: ValueError where a case has no image, and where a file of others' would be written over."""
    if bare := [case.case_id for case in cases if not case.has_image]:
        raise ValueError(f"Landmark files without images are named by --keypoints. Received: {bare[0]}.")
    require_results_free(folder)
    for case in cases:
        require_outputs_free(case, folder, plan.initial)


def require_alike_before(plan: Plan, cases: Sequence[Case], folder: Path, models: Sequence[TrainedModel]) -> None:
    """Raises: ValueError where a run before has finished a scan otherwise than it would be measured now."""
    records = [ModelRecord.of(model.path, model.card) for model in models]
    conditions = conditions_of(records, plan.options)
    for case in cases:
        finished_row(case, conditions, folder, plan.initial.files(case))


def measure_case(case: Case, models: Sequence[TrainedModel], folder: Path, plan: Plan) -> ScanRow:
    """One scan: found, scored, written and drawn."""
    started = time.perf_counter()
    scan = load_scan(case, tissues=any(finds_structures(model) for model in models))
    start = start_of(scan, models, plan)
    reading = time.perf_counter() - started
    stages = stages_of(scan, models, plan, start)
    started = time.perf_counter()
    findings = stages[-1].findings.placed_on(scan.volume.grid)
    findings = findings.timed("reading", reading).timed("resampling", time.perf_counter() - started)
    truth = score = None
    try:
        truth = true_landmarks(scan)
    except UnknownLevels as error:
        findings = findings.noting(f"Not scored: {one_line(error)}")
    if truth is not None and findings.landmarks is not None:
        score = score_scan(case.case_id, findings.landmarks, truth, interpolated=findings.interpolated)
    findings, masks = score_masks(findings, scan)
    findings, classes, true = score_classes(findings, scan)
    started = time.perf_counter()
    remove_previous(case, folder)  # only now: what an earlier run left of a scan that can no longer be read stays whole
    picture = write_findings(findings, scan, truth, folder, stages if plan.options.save_intermediate else (), true)
    findings = findings.timed("writing", time.perf_counter() - started)
    return ScanRow(case.case_id, findings, truth, score, picture, segmentation=masks, structures=classes)


def start_of(scan: Scan, models: Sequence[TrainedModel], plan: Plan) -> Stage:
    """What a scan starts with before the first of the models."""
    start = plan.initial.start(scan.case, scan.volume.grid, [model.task_name for model in models])
    require_header_orientation(start.findings, plan.options)
    return start


def stages_of(scan: Scan, models: Sequence[TrainedModel], plan: Plan, start: Stage) -> tuple[Stage, ...]:
    """What is known of a scan after the last model, and with ``save_intermediate`` at the start and after each."""
    every = plan.options.save_intermediate
    return tuple(deque(run_stages(models, scan.volume, start, plan.options), maxlen=None if every else 1))


def require_header_orientation(found: Findings, options: InferenceOptions) -> None:
    """Raises: ValueError where the header is to be believed, and what a run goes on from was found in a turned scan."""
    if options.orientation == "header" and found.quarter_turns:
        raise ValueError(
            "What was found before was found in the scan turned as the patient lies, which --orientation "
            f"header forbids; run detection again with it. Received: {found.case_id}, turned by "
            f"{90 * found.quarter_turns} degrees."
        )


def finds_structures(model: TrainedModel) -> bool:
    """Whether the model finds discs and canal, or counts vertebrae: what is held against a phantom's tissues."""
    return "structures" in model.task.gives or model.settings.options.counted


def score_masks(findings: Findings, scan: Scan) -> tuple[Findings, SegmentationScore | None]:
    """The masks of whole vertebrae against those of the truth; None where either has none, or where codes are unclear.

    Bodies and tubes are not held against whole vertebrae: such a Dice would tell of the task, not of the model.
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
