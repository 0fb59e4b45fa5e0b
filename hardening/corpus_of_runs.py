"""What an earlier run of measure.py has left, as sound inputs: its stages, their maps, and the records of scans."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from hardening import format_mutations as formats
from hardening.byte_mutations import OF_BYTES, OF_TEXT
from hardening.sound_input import SoundInput
from hardening.tree_mutations import changed_json
from learning_functions.measure.resuming import Conditions, conditions_of, finished_row, write_record
from learning_functions.measure.summary import scan_text, sum_up
from learning_functions.options import InferenceOptions
from learning_functions.predict.intermediate_results import FOLDER, RECORD, read_maps, stage_before, write_stages
from learning_functions.predict.stage import Stage, starting_stage
from losses_and_metrics.identification_rate import score_scan
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.cases import Case
from utility_functions.files.provenance import GENERATOR
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.phantom.scanner import PhantomScan
from utility_functions.records.findings import Findings, StageFindings
from utility_functions.records.map_kinds import BodyMap, ClassProbabilities, PartMap
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.results import ModelRecord, ScanRow

NAME = "scan"
MODELS = [ModelRecord(Path("detection.h5"), "0" * 64, {"task": "detection"})]


def conditions() -> Conditions:
    return conditions_of(MODELS, InferenceOptions())


def write_runs(root: Path, made: PhantomScan) -> list[SoundInput]:
    """A folder with the stages of a scan, and one with the record of a finished scan that has a truth."""
    grid = made.volume.grid
    rng = np.random.default_rng(1)
    some = Landmarks(made.landmarks.names[1:4], made.landmarks.points_mm[1:4] + 1.0, np.array([0.9, 0.8, 0.7]))
    fractions = rng.dirichlet((1, 1, 1), size=(6, 7, 8)).astype(np.float16)
    small = grid.window((0, 0, 0), (6, 7, 8))
    bodies = BodyMap(np.where(made.label_map.voxels == 20, 20, 0).astype(np.uint8), grid)
    found = [
        StageFindings(detection=ClassProbabilities(fractions, small, PartMap)),
        StageFindings(
            landmarks=some, instances=bodies, naming=NamingRecord({some.names[0]: 0.9}), notes=("L2: truncated.",)
        ),
    ]
    stages = [starting_stage(Findings(NAME, grid))]
    for task, each in zip(("detection", "identification"), found, strict=True):
        stages.append(Stage((task,), each, stages[-1].findings.merged(each).timed(task, 3.0)))
    kept = root / "stages"
    kept.mkdir(parents=True)
    write_stages(stages, kept)
    write_verse_json(some, kept / f"{NAME}_centroids.json", grid, GENERATOR)
    write_markups(some, kept / f"{NAME}_centroids.mrk.json", GENERATOR)
    npz = next((kept / FOLDER).rglob("*.npz")).relative_to(kept).as_posix()
    finished = root / "finished"
    finished.mkdir()
    findings = stages[-1].findings
    row = ScanRow(NAME, findings, made.landmarks, score_scan(NAME, some, made.landmarks))
    write_record(row, Case(NAME, finished / "scan.nii.gz"), conditions(), [], finished)
    tree = ((changed_json,) * 8, OF_TEXT, OF_BYTES)
    in_json = tuple(mutation for group in tree for mutation in group)
    archive = (formats.archive_member,) * 6 + OF_BYTES
    exact = frozenset({"flipped_bits", "truncated", "other_bytes", "extreme_number"})
    return [
        SoundInput("stages.json", kept, f"{NAME}{RECORD}", "stages", in_json, weight=1.0),
        SoundInput("probabilities .npz", kept, npz, "stages", archive, exact, weight=1.0),
        SoundInput("findings.json", finished, f"{NAME}_findings.json", "record", in_json, weight=1.0),
    ]


def read_stages(folder: Path) -> list[object]:
    """As --from-results takes them up: what was known before masks, and the maps of that."""
    stage = stage_before(folder, NAME, ["vertebra_masks"])
    return [stage.findings.landmarks, *(found.voxels for found in read_maps(stage).values())]


def read_record(folder: Path) -> list[object]:
    """As --skip-existing reports a finished scan; of a record that is of no use, as the log tells, nothing is read."""
    logging.disable(logging.CRITICAL)
    row = finished_row(Case(NAME, folder / "scan.nii.gz"), conditions(), folder)
    if row is None:
        return []
    out = folder / "out"
    out.mkdir(exist_ok=True)
    shown = [scan_text(row)]
    sum_up([row], MODELS, out, {}, shown.append, ["measure.py"])
    return [row.landmarks.names]
