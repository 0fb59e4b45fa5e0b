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
    conditions_of,
    finished_row,
    forget,
    write_record,
)
from learning_functions.running.pipeline import load_models, run_models
from learning_functions.running.structure_scoring import score_classes
from learning_functions.running.trained_model import TrainedModel
from learning_functions.task import Running
from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_scores import score_instances
from losses_and_metrics.instance_summary import dice_by_level, summarise_masks
from losses_and_metrics.scan_scores import distances_by_level, summarise
from losses_and_metrics.structure_scores import summarise_structures
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.anatomy.findings import Findings
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.anatomy.mask_scores import SegmentationScore
from utility_functions.anatomy.parts import column_of
from utility_functions.command_line import one_line
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.images import write_image
from utility_functions.files.marks import DESCRIPTION, GENERATOR, MARKED_ENDINGS, require_not_written_over
from utility_functions.files.writing import write_text
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.mask_tables import mask_summary_table, mask_table
from utility_functions.reporting.pictures import scan_picture
from utility_functions.reporting.plots import dice_box_plot, error_box_plot
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import ModelRecord, RunRecord, ScanRow, write_results
from utility_functions.reporting.structure_picture import structure_picture
from utility_functions.reporting.structure_tables import structure_summary_table, structure_table
from utility_functions.reporting.tables import scan_table, summary_table
from utility_functions.reporting.trail_picture import trail_picture

OUTPUTS = (*MARKED_ENDINGS, ".png", "_trail.png", STRUCTURES_DRAWN)
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
                show(_scan_text(row) + "\n")
    finally:
        rows += [finished for case in cases[len(rows) :] if (finished := before.get(case)) is not None]  # interrupted
        if any(row.findings is not None for row in rows):
            _sum_up(rows, records, folder, settings, show, command)
    return rows


def measure_case(case: Case, models: Sequence[TrainedModel], folder: Path, running: Running) -> ScanRow:
    """One scan: found, scored, written and drawn."""
    started = time.perf_counter()
    scan = load_scan(case, tissues=any("structures" in model.task.GIVES for model in models))
    reading = time.perf_counter() - started
    findings = run_models(models, scan.volume, case.case_id, running).timed("reading", reading)
    truth = score = None
    try:
        truth = true_landmarks(scan)
    except UnknownLevels as error:
        findings = findings.noting(f"Not scored: {one_line(error)}")
    if truth is not None and findings.landmarks is not None:
        score = score_scan(case.case_id, findings.landmarks, truth)
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
    labels, mask, heat, structures, numbered, centroids, markups, trail, _, picture, trail_drawn, _ = (
        folder / f"{findings.case_id}{ending}" for ending in OUTPUTS
    )
    found = findings.instances if findings.instances is not None else findings.detection
    if found is not None:
        write_image(found, mask if findings.instances is None else labels, DESCRIPTION)
    for drawn, path in ((findings.structures, structures), (findings.numbered, numbered)):
        if drawn is not None:
            write_image(drawn, path, DESCRIPTION)
    if intermediate and findings.heatmap is not None:
        write_image(findings.heatmap, heat, DESCRIPTION)
    if findings.landmarks is not None:
        write_verse_json(findings.landmarks, centroids, scan.volume.grid, GENERATOR)
        write_markups(findings.landmarks, markups, GENERATOR)
    if found is findings.detection and found is not None and findings.parts:
        found = column_of(found)
    scan_picture(scan.volume, findings.landmarks, picture, found, truth, title=findings.case_id)
    if findings.trail is not None:
        told = {"generator": GENERATOR, **findings.trail.to_json()}
        write_text(trail, json.dumps(told, indent=1, allow_nan=False) + "\n")
        trail_picture(scan.volume, findings.trail, trail_drawn, findings.instances, findings.case_id)
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


def _scan_text(row: ScanRow) -> str:
    """One scan in words: its table against the truth, or what was found; then notes and seconds."""
    if row.findings is None:
        return f"Scan {row.case_id}\ncould not be measured: {row.problem}"
    if row.score is not None and row.truth is not None:
        lines = [scan_table(row.score, row.landmarks, row.truth)]
    elif row.findings.landmarks is None:
        lines = [f"Scan {row.case_id}", "no names: none of the models given finds them"]
    else:
        names = [name for name in row.landmarks.names if name in VERTEBRAE]
        lines = [f"Scan {row.case_id}", f"found: {', '.join(names) or 'no vertebra'}"]
    if row.segmentation is not None:
        lines.append(mask_table(row.segmentation))
    if row.structures is not None:
        lines.append(structure_table(row.structures))
    seconds = ", ".join(f"{stage} {value:.1f} s" for stage, value in row.findings.seconds.items())
    return "\n".join([*lines, *row.notes, seconds])


def _sum_up(
    rows: Sequence[ScanRow],
    records: Sequence[ModelRecord],
    folder: Path,
    settings: Mapping[str, Any],
    show: Callable[[str], None],
    command: Sequence[str],
) -> None:
    """The tables and files of the whole run."""
    scores = [row.score for row in rows if row.score is not None]
    summary = summarise(scores) if scores else None
    masks = [row.segmentation for row in rows if row.segmentation is not None]
    mask_summary = summarise_masks(masks) if masks else None
    figures = {}
    if summary is not None:
        show(summary_table(summary))
        figures = {"Localisation error per level": folder / "errors.png"}
        error_box_plot(distances_by_level(scores), folder / "errors.png")
    if mask_summary is not None:
        show(mask_summary_table(mask_summary))
        figures["Dice per level"] = folder / "dice.png"
        dice_box_plot(dice_by_level(masks), folder / "dice.png")
    classes = [row.structures for row in rows if row.structures is not None]
    class_summary = summarise_structures(classes) if classes else None
    if class_summary is not None:
        show(structure_summary_table(class_summary))
    run = RunRecord(rows, records, settings, command, summary, figures, mask_summary, class_summary)
    write_results(folder, run)
    write_report(folder, run)
