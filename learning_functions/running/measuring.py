"""A run of measure.py: every scan through the models, scored where there is a truth, written out and summed up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from learning_functions.running.finished_scans import (
    STRUCTURES_DRAWN,
    TRAIL_DRAWN,
    conditions_of,
    finished_row,
    forget,
    write_record,
)
from learning_functions.running.pipeline import load_models, run_models
from learning_functions.running.structure_scoring import score_classes
from learning_functions.running.summing_up import scan_text, sum_up
from learning_functions.running.trained_model import TrainedModel
from learning_functions.task import Running
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.anatomy.findings import Findings
from utility_functions.anatomy.mask_scores import SegmentationScore
from utility_functions.anatomy.parts import column_of
from utility_functions.command_line import one_line
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.images import write_image
from utility_functions.files.marks import DESCRIPTION, GENERATOR, MARKED_ENDINGS, require_not_written_over
from utility_functions.files.writing import write_text
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.pictures import scan_picture
from utility_functions.reporting.results import ModelRecord, ScanRow
from utility_functions.reporting.structure_picture import structure_picture
from utility_functions.reporting.trail_picture import trail_picture

OUTPUTS = (*MARKED_ENDINGS, ".png", TRAIL_DRAWN, STRUCTURES_DRAWN)
"""What the files of one scan end in, after its id: maps, centroids twice, trail, record, views."""


def measure_cases(
    cases: Sequence[Case],
    model_paths: Sequence[Path],
    folder: Path,
    running: Running,
    settings: Mapping[str, Any],
    show: Callable[[str], None],
    command: Sequence[str] = (),
    skip_existing: bool = False,
) -> list[ScanRow]:
    """Measure all cases and write their results to ``folder``; ``show`` is given the tables as they come.

    settings, command: how the run was asked for, kept in results.json.
    skip_existing: scans that a run before has finished are not measured again, only told of with the others.
    A scan that cannot be measured has a row that tells why; what was found in the others is written all the same,
    also when the run is interrupted. Where none can, nothing is written: the results of an earlier run stay.
    """
    for case in cases:
        require_outputs_free(case, folder)
    models = load_models(model_paths)
    records = [ModelRecord.of(model.path, model.card) for model in models]
    conditions = conditions_of(records, running)
    before = {case: finished_row(case, conditions, folder) for case in cases} if skip_existing else {}
    rows: list[ScanRow] = []
    try:
        for case in (bar := tqdm(cases, unit="scan", disable=len(cases) < 2)):
            bar.set_description(case.case_id)
            if (finished := before.get(case)) is not None:
                rows.append(finished)
                continue
            try:
                row = measure_case(case, models, folder, running)
                write_record(row, case, conditions, written_of(case, folder), folder)
            except (ValueError, OSError, MemoryError) as error:
                row = ScanRow(case.case_id, problem=one_line(error))
            rows.append(row)
            with tqdm.external_write_mode():
                show(scan_text(row) + "\n")
    finally:
        rows += [finished for case in cases[len(rows) :] if (finished := before.get(case)) is not None]  # interrupted
        if any(row.findings is not None for row in rows):
            sum_up(rows, records, folder, settings, show, command)
    return rows


def measure_case(case: Case, models: Sequence[TrainedModel], folder: Path, running: Running) -> ScanRow:
    """One scan: found, scored, written and drawn."""
    started = time.perf_counter()
    scan = load_scan(case, tissues=any(tells_structures(model) for model in models))
    reading = time.perf_counter() - started
    findings = run_models(models, scan.volume, case.case_id, running).timed("reading", reading)
    truth = score = None
    try:
        truth = true_landmarks(scan)
    except UnknownLevels as error:
        findings = findings.noting(f"Not scored: {one_line(error)}")
    if truth is not None and findings.landmarks is not None:
        score = score_scan(case.case_id, findings.landmarks, truth, filled=findings.filled)
    findings, masks = score_masks(findings, scan)
    findings, classes, true = score_classes(findings, scan)
    started = time.perf_counter()
    forget(case, folder)  # only now: what an earlier run left of a scan that can no longer be read stays whole
    picture = write_findings(findings, scan, truth, folder, running.save_intermediate)
    if findings.numbered is not None:
        drawn = folder / f"{case.case_id}{STRUCTURES_DRAWN}"
        structure_picture(scan.volume, findings.numbered, true, drawn, case.case_id)
    findings = findings.timed("writing", time.perf_counter() - started)
    return ScanRow(case.case_id, findings, truth, score, picture, segmentation=masks, structures=classes)


def tells_structures(model: TrainedModel) -> bool:
    """Whether the model finds discs and canal, or counts vertebrae: what is held against a phantom's tissues."""
    return "structures" in model.task.GIVES or bool(model.settings.options.get("counted"))


def score_masks(findings: Findings, scan: Scan) -> tuple[Findings, SegmentationScore | None]:
    """The masks of whole vertebrae against those of the truth; None where either has none, or where codes are unclear.

    Bodies and tubes are not held against whole vertebrae: such a Dice would tell of the task, not of the model.
    """
    if findings.instances is None or not findings.whole or scan.label_map is None:
        return findings, None
    started = time.perf_counter()
    try:
        score = score_instances(
            findings.case_id, findings.instances, scan.label_map, scan.case.label_code, findings.completeness
        )
    except UnknownLevels as error:
        return findings.noting(f"Masks not scored: {one_line(error)}"), None
    return findings.timed("scoring", time.perf_counter() - started), score


def write_findings(
    findings: Findings, scan: Scan, truth: Landmarks | None, folder: Path, intermediate: bool = False
) -> Path:
    """Write what was found in one scan; returns the picture's path.

    VerSe ids per voxel or, where no model names them, the detection as it is; centroids in two forms; picture; and
    the trail of a traversal, to read and to look at. The heatmap only where what is ``intermediate`` is asked for.
    """

    def at(ending: str) -> Path:
        return folder / f"{findings.case_id}{ending}"

    found = findings.instances if findings.instances is not None else findings.detection
    if found is not None:
        write_image(found, at("_detection.nii.gz" if findings.instances is None else "_vertebrae.nii.gz"), DESCRIPTION)
    if findings.structures is not None:
        write_image(findings.structures, at("_structures.nii.gz"), DESCRIPTION)
    if findings.numbered is not None:
        write_image(findings.numbered, at("_numbered.nii.gz"), DESCRIPTION)
    if intermediate and findings.heatmap is not None:
        write_image(findings.heatmap, at("_heatmap.nii.gz"), DESCRIPTION)
    if findings.landmarks is not None:
        write_verse_json(findings.landmarks, at("_centroids.json"), scan.volume.grid, GENERATOR, findings.filled)
        write_markups(findings.landmarks, at("_centroids.mrk.json"), GENERATOR, findings.filled)
    if found is findings.detection and found is not None and findings.parts:
        found = column_of(found)
    picture = at(".png")
    scan_picture(scan.volume, findings.landmarks, picture, found, truth, findings.case_id, findings.naming)
    if findings.trail is not None:
        told = {"generator": GENERATOR, **findings.trail.to_json()}
        write_text(at("_trail.json"), json.dumps(told, indent=1, allow_nan=False) + "\n")
        trail_picture(scan.volume, findings.trail, at(TRAIL_DRAWN), findings.instances, findings.case_id)
    return picture


def written_of(case: Case, folder: Path) -> list[Path]:
    """The files of a scan that lie in ``folder``."""
    return [path for ending in OUTPUTS if (path := folder / f"{case.case_id}{ending}").is_file()]


def require_outputs_free(case: Case, folder: Path) -> None:
    """Raise a ValueError where the outputs of a scan would be written over its own files, or over others' work."""
    inputs = {path.resolve() for path in (case.image_path, case.landmarks_path, case.label_map_path) if path}
    for output in (folder / f"{case.case_id}{ending}" for ending in OUTPUTS):
        if output.resolve() in inputs:
            raise ValueError(f"{output} belongs to the scan and is not written over; choose another output folder.")
    for ending in MARKED_ENDINGS:
        require_not_written_over(folder / f"{case.case_id}{ending}")
