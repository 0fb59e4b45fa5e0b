"""A run of measure.py: the models run on every scan; findings are scored, written and summarised."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
from learning_functions.predict.scan_doubts import doubts_of, require_modality
from learning_functions.predict.stage import Stage
from learning_functions.predict.trained_model import TrainedModel
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.centroids import LABEL_CODES, UnknownLevels
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.provenance import require_results_free
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.reporting.results import ModelRecord, ScanRow

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
    models: Sequence[TrainedModel] | None = None,
) -> list[ScanRow]:
    """Measure all cases and write their results to ``folder``.

    command: the command line of the run, for results.json.
    skip_existing: scans that an earlier run has finished are not measured again, but reported with the others.
    models: the plan's models, where they are loaded already.
    The row of a scan that cannot be measured holds the reason. The findings of the others are written in any case,
    also when the run is interrupted. Where no scan can be measured, nothing is written and earlier results stay.
    """
    require_place(plan, cases, folder)
    models = plan.chosen(loaded(plan.model_paths), cases) if models is None else models
    records = [ModelRecord.of(model.path, model.card) for model in models]
    conditions = conditions_of(records, plan.options)
    initial = {case: plan.initial.files(case) for case in cases}
    before = {case: finished_row(case, conditions, folder, initial[case]) for case in cases} if skip_existing else {}
    rows: list[ScanRow] = []
    try:
        for case in (bar := tqdm(cases, unit="scan", disable=len(cases) < 2)):
            bar.set_description(case.case_id)
            if (finished := before.get(case)) is not None:
                rows.append(finished)
                continue
            try:
                row = measure_case(case, models, folder, plan)
                write_record(row, case, conditions, written_of(case, folder), folder, initial[case])
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
    """Raise a ValueError where a case has no image, and where a file of other programs would be written over."""
    if bare := [case.case_id for case in cases if not case.has_image]:
        raise ValueError(f"Landmark files without images need --keypoints. Received: {bare[0]}.")
    require_results_free(folder)
    for case in cases:
        require_outputs_free(case, folder, plan.initial)


def require_alike_before(plan: Plan, cases: Sequence[Case], folder: Path, models: Sequence[TrainedModel]) -> None:
    """Raise a ValueError where an earlier run has finished a scan with other models or options."""
    records = [ModelRecord.of(model.path, model.card) for model in models]
    conditions = conditions_of(records, plan.options)
    for case in cases:
        finished_row(case, conditions, folder, plan.initial.files(case))


def measure_case(case: Case, models: Sequence[TrainedModel], folder: Path, plan: Plan) -> ScanRow:
    """Run the models on one scan, score the findings, and write results and pictures."""
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
        if LABEL_CODES[case.label_code] is not None:  # masks are not scored under wrong names either
            scan = replace(scan, label_map=None)
    if truth is not None and findings.landmarks is not None:
        score = score_scan(case.case_id, findings.landmarks, truth, interpolated=findings.interpolated)
    findings, masks = score_masks(findings, scan)
    findings, classes, true = score_classes(findings, scan)
    started = time.perf_counter()
    remove_previous(case, folder)  # only now: the results of a scan that can no longer be read stay
    picture = write_findings(findings, scan, truth, folder, stages if plan.options.save_intermediate else (), true)
    findings = findings.timed("writing", time.perf_counter() - started)
    return ScanRow(case.case_id, findings, truth, score, picture, segmentation=masks, structures=classes)


def start_of(scan: Scan, models: Sequence[TrainedModel], plan: Plan) -> Stage:
    """The findings of a scan before the first model. Raises: ValueError for another modality than the models'."""
    require_modality(scan, models)
    start = plan.initial.start(scan.case, scan.volume.grid, [model.task_name for model in models])
    require_header_orientation(start.findings, plan.options)
    return replace(start, findings=start.findings.noting(*scan.notes, *doubts_of(scan, models)))


def stages_of(scan: Scan, models: Sequence[TrainedModel], plan: Plan, start: Stage) -> tuple[Stage, ...]:
    """The last stage of a scan; with ``save_intermediate`` the start and the stages of all models."""
    every = plan.options.save_intermediate
    return tuple(deque(run_stages(models, scan.volume, start, plan.options), maxlen=None if every else 1))


def require_header_orientation(found: Findings, options: InferenceOptions) -> None:
    """Raise a ValueError where the options trust the header, but the initial findings come from a turned scan."""
    if options.orientation == "header" and found.quarter_turns:
        raise ValueError(
            "The earlier findings come from a scan turned to the patient orientation, which --orientation header "
            f"forbids; run detection again with it. Received: {found.case_id}, turned by "
            f"{90 * found.quarter_turns} degrees."
        )


def finds_structures(model: TrainedModel) -> bool:
    """Whether the model finds discs and canal, or counts vertebrae; then a phantom's tissues score it."""
    return "structures" in model.task.gives or model.settings.options.counted


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
