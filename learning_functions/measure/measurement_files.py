"""The measurements of the vertebrae that were found in a scan, and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.morphometry.spine_measurements import SpineMeasurements, measured_spine
from utility_functions.anatomy.parts import BODY
from utility_functions.files.atomic_write import write_json
from utility_functions.files.provenance import GENERATOR
from utility_functions.geometry.boxes import Box, first_of, moved
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, VertebraMap
from utility_functions.reporting.measurement_frames import measurement_frame, measurement_record
from utility_functions.reporting.results_files import write_csv

MEASUREMENTS, MEASUREMENT_ROWS = "_measurements.json", "_measurements.csv"
"""The endings of the files, after the scan's id."""
LEAST_COMPLETE = 0.5
"""A vertebra whose predicted completeness is lower counts as truncated."""
MOST_GRADED_MM = 3.0
"""A vertebra of 25 mm that lost a fifth of its height lost 5 mm: fewer than two thicker slices."""


def spine_measurements(findings: Findings, image: Volume) -> SpineMeasurements | None:
    """The measurements of the vertebrae; None unless masks of whole vertebrae, their parts and their names were found.

    findings: with maps on the grid of ``image``. No grade is suggested where they hold structures of MR, whose masks of
    bodies are too coarse, nor from slices thicker than MOST_GRADED_MM: a loss of height is a matter of a few mm.
    """
    instances, parts, landmarks = findings.instances, findings.detection, findings.landmarks
    if not (isinstance(instances, VertebraMap) and isinstance(parts, PartMap) and landmarks is not None):
        return None
    graded = findings.structures is None and _slice_mm(image) <= MOST_GRADED_MM
    return measured_spine(instances, parts, landmarks, image, truncated_levels(findings), graded)


def truncated_levels(findings: Findings) -> list[str]:
    """The levels whose bodies reach a border of the scan, or whose predicted completeness is low.

    Without parts, the levels whose masks reach it: a process beyond the border does not change the body.
    """
    instances, parts = findings.instances, findings.detection
    if instances is None:
        return []
    shape, boxes = np.asarray(instances.grid.shape), ndimage.find_objects(instances.voxels)
    completeness = findings.completeness or {}
    found = []
    for name, number in VERSE_IDS.items():
        box = boxes[number - 1] if number <= len(boxes) else None
        if box is not None and isinstance(parts, PartMap):
            box = _box_of_body(instances.voxels[box] == number, parts.voxels[box], box)
        if box is None:
            continue
        low, high = np.array([axis.start for axis in box]), np.array([axis.stop for axis in box])
        if (low == 0).any() or (high == shape).any() or completeness.get(name, 1.0) < LEAST_COMPLETE:
            found.append(name)
    return found


def _box_of_body(mask: NDArray[np.bool_], parts: NDArray[np.integer], box: Box) -> Box | None:
    """The box of the body in a vertebra's mask and the parts there, both in ``box``; None without a body."""
    [inner] = ndimage.find_objects((mask & (parts == BODY)).astype(np.uint8)) or [None]
    return None if inner is None else moved(inner, first_of(box))


def _slice_mm(image: Volume) -> float:
    """The distance of voxels along the axis that runs most nearly up the patient, in mm."""
    [up] = [axis for axis, code in enumerate(image.grid.axcodes) if code in "SI"]
    return float(image.grid.spacing_mm[up])


def write_measurements(measured: SpineMeasurements, folder: Path, case_id: str) -> None:
    """Write the two files of measurements of one scan."""
    write_json(folder / f"{case_id}{MEASUREMENTS}", {"generator": GENERATOR, **measurement_record(measured)}, indent=1)
    write_csv(folder / f"{case_id}{MEASUREMENT_ROWS}", measurement_frame(measured))
