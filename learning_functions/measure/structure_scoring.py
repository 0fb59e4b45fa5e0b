"""The score of vertebrae, discs and canal found in a scan, against its label map or its tissues."""

from __future__ import annotations

import time

from learning_functions.predict.trained_model import TrainedModel
from losses_and_metrics.structure_scores import score_structures
from utility_functions.anatomy.mr_parts import MR_PARTS
from utility_functions.anatomy.structures import spider_map, structures_of
from utility_functions.command_line import one_line
from utility_functions.files.cases import Scan
from utility_functions.geometry.volume import LabelMap
from utility_functions.phantom.tissue import TISSUES
from utility_functions.records.findings import Findings
from utility_functions.records.mr_structure_scores import StructureScore


def finds_structures(model: TrainedModel) -> bool:
    """Whether the model finds discs and canal, or counts vertebrae; then a phantom's tissues score it."""
    task, settings = model.task, model.settings
    of_mr = "structures" in task.may_give and settings.spec.labels == MR_PARTS
    return "structures" in task.gives or of_mr or settings.options.counted


def score_classes(findings: Findings, scan: Scan) -> tuple[Findings, StructureScore | None, LabelMap | None]:
    """The findings, their score and the truth in SPIDER's code; None where either lacks these structures."""
    if findings.numbered is None or scan.label_map is None:
        return findings, None, None
    started = time.perf_counter()
    try:
        true = true_structures(scan)
    except ValueError as error:
        return findings.noting(f"Structures not scored: {one_line(error)}"), None, None
    score = score_structures(findings.case_id, findings.numbered, true)
    return findings.timed("scoring", time.perf_counter() - started), score, true


def true_structures(scan: Scan) -> LabelMap:
    """The truth of a scan in SPIDER's code. Raises: ValueError where its label map has no discs and canal."""
    if scan.label_map is None:
        raise ValueError("Structures are scored against a label map. Received: none.")
    code = scan.case.label_code
    classes = structures_of(scan.label_map, code, scan.tissues, TISSUES)
    return scan.label_map if code == "spider" else spider_map(scan.label_map, classes)
