"""The result files of one scan: their names, how they are written and removed, and the check that protects others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from learning_functions.measure.dicom_outputs import write_dicom_objects
from learning_functions.measure.measurement_files import MEASUREMENT_ROWS, spine_measurements, write_measurements
from learning_functions.measure.resuming import RECORD_ENDING, STRUCTURES_DRAWN, TRAIL_DRAWN
from learning_functions.predict.initial_findings import NOTHING, InitialFindings
from learning_functions.predict.intermediate_results import stage_maps, write_stages
from learning_functions.predict.stage import Stage
from utility_functions.anatomy.morphometry.spine_measurements import SpineMeasurements
from utility_functions.anatomy.parts import column_of
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.atomic_write import write_json
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import write_image
from utility_functions.files.provenance import (
    DESCRIPTION,
    GENERATOR,
    STAMPED_ENDINGS,
    VIEW_ENDING,
    require_not_written_over,
    require_picture_free,
    require_script_free,
)
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.json_records import to_json
from utility_functions.records.findings import MAP_ENDINGS, Findings
from utility_functions.records.map_kinds import PartMap
from utility_functions.records.turned_findings import turned_findings, turned_landmarks
from utility_functions.reporting.bids_derivatives import bids_files, require_segmentations_free
from utility_functions.reporting.browser_view import write_view
from utility_functions.reporting.niivue_script import has_niivue
from utility_functions.reporting.pictures import scan_figure, write_figure
from utility_functions.reporting.structure_picture import structure_picture
from utility_functions.reporting.trail_picture import trail_picture

UNSTAMPED = (TRAIL_DRAWN, STRUCTURES_DRAWN, MEASUREMENT_ROWS, VIEW_ENDING)
OUTPUTS = (*STAMPED_ENDINGS, ".png", *UNSTAMPED)
"""The endings of one scan's files, after its id: maps, two centroid files, trail, stages, record, pictures."""
_DRAWING = threading.Lock()
"""Matplotlib draws for one thread at a time."""


def write_findings(
    findings: Findings,
    scan: Scan,
    truth: Landmarks | None,
    folder: Path,
    stages: Sequence[Stage] = (),
    true_structures: LabelMap | None = None,
    view: bool = True,
    dicom: str | None = None,
    models: Sequence[str] = (),
) -> Path:
    """Write the findings of one scan; returns the path of the picture.

    The files are a map of VerSe ids; the parts of vertebrae, discs and sacrum; centroids in two formats;
    measurements, where there are masks of whole vertebrae, their parts and names; a picture; and the trail of a
    traversal as JSON and picture. Intermediate maps are written only with ``stages``.
    view: whether a page with slices and 3D is written, too, where NiiVue is installed.
    dicom: the kinds of DICOM objects that are written, too, and models: the names of those that ran, for them.
    Pictures show the scan in patient orientation, where that differs from the header.
    """

    def at(ending: str) -> Path:
        return folder / f"{findings.case_id}{ending}"

    between = {"heatmap", "landmark_heatmap"}
    placed = findings.placed_on(scan.volume.grid)
    if findings.instances is not None and not isinstance(placed.detection, PartMap):
        between.add("detection")  # tubes, which tell nothing beside the vertebrae
    for name, each in placed.maps.items():
        if isinstance(each, Volume) and (stages or name not in between):
            write_image(each, at(MAP_ENDINGS[name]), DESCRIPTION)
    if stages:
        write_stages(stages, folder)
    if stages and findings.landmark_heatmap is not None:
        record = {"generator": GENERATOR, "candidates": findings.candidates}
        write_json(at("_candidates.json"), record, indent=1)
    if findings.landmarks is not None:
        write_verse_json(findings.landmarks, at("_centroids.json"), scan.volume.grid, GENERATOR, findings.interpolated)
        ranges = {} if findings.naming is None else findings.naming.ranges
        write_markups(findings.landmarks, at("_centroids.mrk.json"), GENERATOR, findings.interpolated, ranges)
    if findings.trail is not None:
        write_json(at("_trail.json"), {"generator": GENERATOR, **to_json(findings.trail)}, indent=1)
    if (measured := spine_measurements(placed, scan.volume)) is not None:
        write_measurements(measured, folder, findings.case_id)
    if dicom is not None:
        write_dicom_objects(placed, measured, scan.case, folder, dicom, models)
    turns = findings.quarter_turns
    shown, volume = turned_findings(placed, turns), turned(scan.volume, turns)
    with _DRAWING:
        write_figure(findings_figure(placed, scan.volume, truth, measured), at(".png"))
        if shown.trail is not None:
            trail_picture(volume, shown.trail, at(TRAIL_DRAWN), shown.instances, title_of(findings))
        if shown.numbered is not None:
            known = None if true_structures is None else turned(true_structures, turns)
            structure_picture(volume, shown.numbered, known, at(STRUCTURES_DRAWN), title_of(findings))
    if view and has_niivue():
        write_view(placed, scan.volume, at(VIEW_ENDING))
    return at(".png")


def findings_figure(
    findings: Findings, volume: Volume, truth: Landmarks | None = None, measured: SpineMeasurements | None = None
) -> Figure:
    """The picture of one scan and its findings, with maps on the scan's grid, in patient orientation.

    measured: drawn, too; in the frame of ``volume``.
    """
    turns = findings.quarter_turns
    shown = turned_findings(findings, turns)
    true = None if truth is None else turned_landmarks(truth, turns)
    drawn: LabelMap | None = shown.instances
    if drawn is None and isinstance(shown.detection, LabelMap):
        drawn = column_of(shown.detection) if isinstance(shown.detection, PartMap) else shown.detection
    image, title = turned(volume, turns), title_of(findings)
    return scan_figure(image, shown.landmarks, drawn, true, title, shown.naming, measured, turns)


def title_of(findings: Findings) -> str:
    """The title of a picture of the scan in patient orientation."""
    return f"{findings.case_id}, in patient orientation" if findings.quarter_turns else findings.case_id


def written_of(case: Case, folder: Path) -> list[Path]:
    """The files of a scan in ``folder``."""
    places = [*(folder / f"{case.case_id}{ending}" for ending in OUTPUTS), *stage_maps(case.case_id, folder)]
    places += bids_files(case.case_id, folder)
    return [path for path in places if path.is_file()]


def remove_previous(case: Case, folder: Path) -> None:
    """Remove the record and all earlier result files of a scan before new ones are written."""
    for ending in (RECORD_ENDING, *STAMPED_ENDINGS, *UNSTAMPED):
        (folder / f"{case.case_id}{ending}").unlink(missing_ok=True)
    for path in (*stage_maps(case.case_id, folder), *bids_files(case.case_id, folder)):
        path.unlink(missing_ok=True)


def require_outputs_free(case: Case, folder: Path, initial: InitialFindings = NOTHING) -> None:
    """Raise a ValueError where the outputs of a scan would replace its own files, or files of other programs.

    initial: its initial findings, whose files are protected, too.
    """
    if initial.earlier is not None and initial.earlier.resolve() == folder.resolve():
        raise ValueError(
            f"{folder} holds the results to continue from; choose another output folder. Received: {folder}."
        )
    known = (case.image_path, case.landmarks_path, case.label_map_path, *initial.files(case))
    inputs = {path.resolve() for path in known if path}
    for output in (folder / f"{case.case_id}{ending}" for ending in OUTPUTS):
        if output.resolve() in inputs:
            raise ValueError(f"{output} belongs to the scan and is not written over; choose another output folder.")
    stamped = [folder / f"{case.case_id}{ending}" for ending in STAMPED_ENDINGS]
    for path in (*stamped, *stage_maps(case.case_id, folder)):
        require_not_written_over(path)
    for ending in (".png", *UNSTAMPED):
        require_picture_free(folder / f"{case.case_id}{ending}", case.case_id)
    require_script_free(folder)
    require_segmentations_free(case.case_id, folder)
