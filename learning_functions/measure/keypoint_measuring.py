"""A run of measure.py over landmark files without images: it names each file, scores it, and writes the results.

It needs TensorFlow only for a naming model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from learning_functions.measure.summary import scan_text, sum_up
from learning_functions.options import OPTION_NAMES, usual_value
from losses_and_metrics.identification_rate import score_scan
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, WARNING_FROM, Naming
from utility_functions.anatomy.naming.keypoint_naming import named_keypoints, notes_of
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.command_line import one_line
from utility_functions.files.annotations import read_landmarks, write_landmarks_json, write_markups
from utility_functions.files.keypoint_files import KeypointFile, find_keypoint_files, read_detected
from utility_functions.files.provenance import (
    GENERATOR,
    require_not_written_over,
    require_picture_free,
    require_results_free,
)
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.pictures import scan_picture
from utility_functions.reporting.results import ModelRecord, ScanRow
from utility_functions.stage_seconds import tell_problem

OUTPUTS = ("_centroids.json", "_centroids.mrk.json", ".png")
MOST_PICTURES = 100
"""Runs over more files write no pictures: a picture takes longer than all the rest."""
AROUND_MM, SPACING_MM = 50.0, 4.0
PADDING_HU = -1024
OTHERS: dict[str, Any] = {"split": None, "label_code": None, "skip_existing": False, "pipeline": None}
FREE = ("memory_gb", "device")
MUST_BE_USUAL = {**OTHERS, **{name: usual_value(name) for name in OPTION_NAMES if name not in FREE}}
"""The options for scans with images; each must have its default."""
NO_NAME = "No vertebra could be named."

Namer = Callable[[Keypoints], tuple[Naming, float]]
"""From keypoints to their naming, and the error probability from which a scan carries a warning."""


def measure_keypoints(
    source: Path,
    model_paths: Sequence[Path],
    folder: Path,
    settings: Mapping[str, Any],
    show: Callable[[str], None],
    command: Sequence[str] = (),
) -> list[ScanRow]:
    """Name all files of a source (`find_keypoint_files`) and write their results to ``folder``.

    model_paths: one naming model, or none; without one, regions, names, distances and directions decide.
    settings, command: the options and the command line of the run, for results.json.
    The row of a file that cannot be read holds the reason. Raises: ValueError for options that need images.
    """
    for name, usual in MUST_BE_USUAL.items():
        if (value := settings.get(name, usual)) != usual:
            words = ", ".join(map(str, value)) if isinstance(value, list) else value
            raise ValueError(f"--keypoints allows no --{name.replace('_', '-')}. Received: {words}.")
    files = find_keypoint_files(source)
    require_results_free(folder)
    for file in files:
        for ending in OUTPUTS[:2]:
            require_not_written_over(folder / f"{file.case_id}{ending}")
        require_picture_free(folder / f"{file.case_id}{OUTPUTS[2]}", file.case_id)
    namer, records = _namer(model_paths, str(settings.get("device", "auto")))
    drawn = len(files) <= MOST_PICTURES
    rows: list[ScanRow] = []
    try:
        for file in tqdm(files, unit="scan", disable=len(files) < 2):
            try:
                row = measure_file(file, namer, folder, drawn)
            except (ValueError, OSError, MemoryError) as error:
                tell_problem(error, "a file was left out")
                row = ScanRow(file.case_id, problem=one_line(error))
            rows.append(row)
            with tqdm.external_write_mode():
                show(scan_text(row) + "\n")
    finally:
        if any(row.findings is not None for row in rows):
            sum_up(rows, records, folder, settings, show, command)
    return rows


def measure_file(file: KeypointFile, namer: Namer, folder: Path, drawn: bool) -> ScanRow:
    """Name one landmark file, score it, and write its results and its picture."""
    started = time.perf_counter()
    detected = read_detected(file.path)
    truth = None if file.truth_path is None else read_landmarks(file.truth_path, None)
    naming, warn_from = namer(detected)
    record = NamingRecord.of(naming, detected.bodies_mm, warn_from)
    grid = _grid_around(detected.bodies_mm if truth is None else np.vstack([detected.bodies_mm, truth.points_mm]))
    findings = Findings(file.case_id, grid, landmarks=naming.landmarks).named(record)
    for note in (*notes_of(detected.names, detected.probabilities), *([] if len(naming.landmarks) else [NO_NAME])):
        findings = findings.noting(note)
    score = None
    if truth is not None:
        score = score_scan(file.case_id, naming.landmarks, truth, interpolated=findings.interpolated)
    centroids, markups, picture = (folder / f"{file.case_id}{ending}" for ending in OUTPUTS)
    centroids.unlink(missing_ok=True)
    if len(naming.landmarks):  # an empty list could carry no provenance stamp
        write_landmarks_json(naming.landmarks, centroids, GENERATOR, findings.interpolated)
    write_markups(naming.landmarks, markups, GENERATOR, findings.interpolated)
    if drawn:
        blank = Volume(np.full(grid.shape, PADDING_HU, np.int16), grid)
        scan_picture(blank, naming.landmarks, picture, None, truth, file.case_id, record)
    findings = findings.timed("naming", time.perf_counter() - started)
    return ScanRow(file.case_id, findings, truth, score, picture if drawn else None, has_image=False)


def _namer(model_paths: Sequence[Path], device: str) -> tuple[Namer, list[ModelRecord]]:
    """The naming model, or the decoder alone. Raises: ValueError for any other model, and for several."""
    if not model_paths:
        return (lambda seen: (named_keypoints(seen.bodies_mm, seen.names, seen.probabilities), WARNING_FROM)), []
    from learning_functions.runtime.tensorflow_setup import start_tensorflow

    start_tensorflow()
    from learning_functions.inference.naming_evidence import decoded
    from learning_functions.model_files.pretrained import located
    from learning_functions.predict.trained_model import TrainedModel
    from learning_functions.runtime.inference_devices import inference_devices

    models = [TrainedModel.load(located(path), inference_devices(device)[0]) for path in model_paths]
    if [model.task_name for model in models] != ["naming"]:
        words = ", ".join(f"{model.path} ({model.task_name})" for model in models)
        raise ValueError(f"Landmark files need one naming model, or none. Received: {words}.")
    (model,) = models

    def named(seen: Keypoints) -> tuple[Naming, float]:
        with model.device.scope():
            return decoded(model.network, model.settings, seen, ALTERNATIVES), model.settings.options.warn_from

    return named, [ModelRecord.of(model.path, model.card)]


def _grid_around(points_mm: np.ndarray) -> Grid:
    """A grid around the points, for their picture."""
    points = points_mm if len(points_mm) else np.zeros((1, 3))
    low, high = points.min(axis=0) - AROUND_MM, points.max(axis=0) + AROUND_MM
    spacing = max(SPACING_MM, float((high - low).max()) / 500)
    shape = np.ceil((high - low) / spacing).astype(int) + 1
    return Grid.from_spacing(tuple(int(n) for n in shape), spacing, tuple(low))
