"""The lines of results.csv: one per level of a scan, predicted or true."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.localisation_scores import ScanScore
from utility_functions.records.mask_scores import SegmentationScore, VertebraScore, told
from utility_functions.records.naming_record import NamingRecord

CSV_COLUMNS = (
    *("case_id", "level", "x_mm", "y_mm", "z_mm", "score"),
    *("true_x_mm", "true_y_mm", "true_z_mm", "distance_mm", "hit_verse", "hit_verse_4mm", "hit_original"),
    *("mask_of", "dice", "iou", "hd_mm", "hd95_mm", "assd_mm", "complete"),
    *("filled", "margin", "shifted_by_one", "any_wrong"),
)
MASK_COLUMNS, NAMING_COLUMNS = 7, 4


def order(name: str) -> tuple[int, str]:
    """Sorts levels from the top down, then what is no level, by name."""
    return (anatomical_order(name) if name in LEVELS else len(LEVELS)), name


def level_rows(
    case_id: str,
    predicted: Landmarks,
    truth: Landmarks | None,
    score: ScanScore | None,
    segmentation: SegmentationScore | None,
    naming: NamingRecord | None,
) -> list[list[Any]]:
    """A scan under CSV_COLUMNS: a line per level that is predicted or true, from the top down, what bears no name last.

    mask_of and what follows tell of the mask that lies on a true vertebra, whatever its name.
    """
    truth = truth or Landmarks.empty()
    masks = {told(vertebra): vertebra for vertebra in segmentation.vertebrae} if segmentation else {}
    places = {name: place for place, name in enumerate(predicted.names) if name}
    scored = {level.name: level for level in score.levels} if score else {}
    levels = sorted({*places, *filter(None, truth.names), *masks}, key=order)
    lines: list[list[Any]] = []
    for name in levels:
        line = [case_id, name, *_position(predicted, places.get(name))]
        line += _rounded(truth.point(name)) if name in truth else [""] * 3
        level = scored.get(name)
        if level is None:
            line += [""] * 4
        else:
            hits = (level.hit_verse, level.hit_verse_4mm, level.hit_original)
            line += [_or_empty(level.distance_mm, 3), *map(int, hits)]
        lines.append(line + _mask_cells(masks.get(name)) + _naming_cells(naming, name, name in predicted))
    unnamed = [place for place, name in enumerate(predicted.names) if not name]
    rest = [""] * (7 + MASK_COLUMNS + NAMING_COLUMNS)
    return lines + [[case_id, "", *_position(predicted, place), *rest] for place in unnamed]


def _naming_cells(record: NamingRecord | None, name: str, predicted: bool) -> list[Any]:
    """Whether the level was filled in; and of the scan, how sure its names are."""
    if record is None:
        return [""] * NAMING_COLUMNS
    margin = _or_empty(record.margin) if math.isfinite(record.margin) else ""
    filled = int(name in record.filled) if predicted else ""
    return [filled, margin, _or_empty(record.shifted_by_one), _or_empty(record.doubt)]


def _mask_cells(vertebra: VertebraScore | None) -> list[Any]:
    if vertebra is None:
        return [""] * MASK_COLUMNS
    mask = vertebra.mask
    figures = [_or_empty(figure) for figure in (mask.dice, mask.iou, mask.hd_mm, mask.hd95_mm, mask.assd_mm)]
    return [vertebra.match or "", *figures, int(vertebra.complete)]


def _or_empty(figure: float | None, digits: int = 4) -> float | str:
    return "" if figure is None else round(figure, digits)


def _position(landmarks: Landmarks, place: int | None) -> list[Any]:
    if place is None:
        return [""] * 4
    return [*_rounded(landmarks.points_mm[place]), round(float(landmarks.scores[place]), 4)]


def _rounded(point_mm: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in point_mm]
