"""One scan of a measurement: it is read and prepared, the models run on it, and what they found is written."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from learning_functions.measure.device_models import DeviceModels
from learning_functions.measure.outputs import remove_previous, write_findings, written_of
from learning_functions.measure.overlapping import FAILURES
from learning_functions.measure.plan import Plan
from learning_functions.measure.resuming import Conditions, write_record
from learning_functions.measure.structure_scoring import finds_structures, score_classes
from learning_functions.options import InferenceOptions
from learning_functions.predict.passed_on import with_names_of
from learning_functions.predict.pipeline import run_stages
from learning_functions.predict.prepared_scan import PreparedScan
from learning_functions.predict.scan_doubts import doubts_of, require_modality
from learning_functions.predict.stage import Stage
from learning_functions.predict.trained_model import TrainedModel
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.centroids import LABEL_CODES, UnknownLevels
from utility_functions.command_line import one_line
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.records.names_elsewhere import NamesElsewhere
from utility_functions.reporting.bids_derivatives import write_derivatives
from utility_functions.reporting.results import ScanRow
from utility_functions.stage_seconds import tell_problem, tell_seconds


@dataclass(frozen=True)
class ScanWork:
    """What is done with each scan of a measurement, wherever it runs.

    conditions: of the measurement, for the records of finished scans. names: for scans, by their ids, the named
    vertebrae of another scan from which theirs are counted.
    """

    plan: Plan
    folder: Path
    conditions: Conditions
    names: Mapping[str, NamesElsewhere] = field(default_factory=dict)

    def run(self, read: ScanRead) -> ScanFound:
        """Run its models on one scan."""
        return run_scan(read, self.plan, self.names.get(read.scan.case.case_id))

    def written(self, case: Case, found: ScanFound | Exception) -> ScanRow:
        """Score and write what was found in a scan; the row of one that failed holds the reason."""
        try:
            if isinstance(found, Exception):
                raise found
            row = write_scan(found, self.folder, self.plan)
            self.record(row, case)
            tell_seconds(row.findings.seconds if row.findings else {}, "scan")
        except FAILURES as error:
            tell_problem(error, "a scan was left out")
            return ScanRow(case.case_id, problem=one_line(error))
        return row

    def record(self, row: ScanRow, case: Case) -> None:
        """Write the record of a scan whose files are written."""
        files = written_of(case, self.folder)
        write_record(row, case, self.conditions, files, self.folder, self.plan.given_files(case))


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
        model.make_ready(prepared, start.findings, plan.options)
    return ScanRead(scan, models, start, prepared, time.perf_counter() - started)


def run_scan(read: ScanRead, plan: Plan, names: NamesElsewhere | None = None) -> ScanFound:
    """Run its models on one scan. names: of another scan, from which its levels are counted."""
    stages = stages_of(read.prepared, read.models, plan, read.start)
    if names is not None:
        stages = (*stages[:-1], with_names_of(stages[-1], names, read.models))
    return ScanFound(read, stages)


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
