"""Named landmarks from a heatmap network: maxima near the spine, their names, and what is truncated at the ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.landmarks.peak_search import find_peaks
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.truncation import truncation_note
from learning_functions.task import Settings
from learning_functions.task_options.heatmap_options import VertebraHeatmapOptions
from utility_functions.anatomy.heatmaps import NEAR_SPINE_MM, spine_region
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, decode
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.heatmap_evidence import detections_of
from utility_functions.anatomy.naming.published_graph import published_names
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import StageFindings
from utility_functions.records.naming_record import NamingRecord

BORDER_MM = 10.0
"""A landmark this near to the upper or lower end of the scan is of a truncated vertebra (Payer et al. 2020)."""
MOST_PEAKS = 400
"""Only so many maxima are used, the highest ones: a network that has learnt little gives far too many."""
NEAR_END = f"within {BORDER_MM:g} mm of the upper or lower end of the scan"
NOTHING = "No vertebra was found."


def named_landmarks(network: Any, settings: Settings[VertebraHeatmapOptions], view: ScanView) -> StageFindings:
    """``landmarks`` of the levels that the network knows, or that the naming adds.

    Option naming: "published" is the best path of the published graph; else the decoder names, and interpolates missed
    levels. Option truncated: "keep", "flag" or "drop" landmarks near the upper or lower end. Option save_intermediate:
    also ``landmark_heatmap`` and ``candidates``.
    """
    spec, image, options, padding = settings.spec, view.image, view.options, view.padding_value
    spine_map = view.findings.detection if isinstance(view.findings.detection, LabelMap) else None
    margin = [size // 4 for size in spec.patch]
    stride = settings.options.coarser * 2 ** (settings.levels - 1)
    box = spine_region(image.grid, view.findings.heatmap, spine_map, NEAR_SPINE_MM)
    largest = np.zeros(image.grid.shape, np.float16) if options.save_intermediate else None
    memory = options.memory_gb
    peaks = find_peaks(network, image, box, margin, stride, memory, padding, largest=largest, device=view.device)
    peaks = peaks.highest(MOST_PEAKS)
    intermediate = StageFindings()
    if largest is not None:
        intermediate = intermediate.having(
            landmark_heatmap=Volume(largest, image.grid), candidates=peaks.candidates(spec.labels)
        )
    statistics = view.statistics or scan_statistics()
    if options.naming == "published":
        found, record = published_names(peaks, spec.labels, statistics), None
    else:
        detections = detections_of(peaks, spec.labels)
        naming = decode(detections, statistics, ALTERNATIVES)
        found, record = naming.landmarks, NamingRecord.of(naming, detections.points_mm)
    found = found.only(spec.labels)
    truncated_names = near_the_end(found, image, padding)
    if options.truncated == "drop":
        found = found.only(set(found.names) - set(truncated_names))
    result = intermediate.having(landmarks=found, naming=restricted_record(record, found))
    return result.noting(truncation_note(truncated_names, options.truncated, NEAR_END), "" if len(found) else NOTHING)


def restricted_record(record: NamingRecord | None, found: Landmarks) -> NamingRecord | None:
    """The record of the landmarks that are reported."""
    return None if record is None else record.only(found.names)


def near_the_end(landmarks: Landmarks, image: Volume, padding: float) -> tuple[str, ...]:
    """Names of the landmarks within 10 mm of the upper or lower end of the scan, measured in their own column."""
    truncated_names = []
    for name, point in landmarks:
        index = image.grid.to_index(point)
        low, high = scanned_heights(image, index, padding)
        away = min(index[2] - (low - 0.5), high + 0.5 - index[2]) * image.grid.spacing_mm[2]
        if away < BORDER_MM:
            truncated_names.append(name)
    return tuple(truncated_names)


def scanned_heights(image: Volume, index: Sequence[float] | NDArray[np.float64], padding: float) -> tuple[int, int]:
    """The lowest and the highest slice of an upright image that show more than padding near an index (3,).

    In a tilted scan they differ from column to column. All slices where only padding is near.
    """
    x, y = (slice(max(round(float(i)) - 1, 0), max(round(float(i)) + 2, 1)) for i in index[:2])
    shown = np.flatnonzero((image.voxels[x, y] != np.float32(padding)).any(axis=(0, 1)))
    return (int(shown[0]), int(shown[-1])) if len(shown) else (0, image.grid.shape[2] - 1)
