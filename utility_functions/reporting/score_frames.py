"""Scores as data frames: a row per level, per structure and per scan. Every table, CSV and JSON is made from them.

Whatever is undefined is missing (NaN or NA), never 0. Positions are RAS+ mm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from utility_functions.anatomy.labels import LEVELS, anatomical_order
from utility_functions.records.localisation_scores import LevelScore
from utility_functions.records.mask_scores import MaskScore, VertebraScore, display_name
from utility_functions.records.mr_structure_scores import structure_of_number
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.results import ScanRow

MASK_FIGURES = ("dice", "iou", "hd_mm", "hd95_mm", "assd_mm")
LEVEL_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("case_id", "level"), "object"),
    **dict.fromkeys(("x_ras_mm", "y_ras_mm", "z_ras_mm", "score"), "float64"),
    "interpolated": "boolean",
    **dict.fromkeys(("probability",), "float64"),
    "level_range": "object",
    **dict.fromkeys(("true_x_ras_mm", "true_y_ras_mm", "true_z_ras_mm", "distance_mm", "nearest_mm"), "float64"),
    "predicted_level": "object",
    **dict.fromkeys(("detected", "hit_verse", "hit_verse_4mm", "hit_original"), "boolean"),
    "mask_of": "object",
    **dict.fromkeys(MASK_FIGURES, "float64"),
    **dict.fromkeys((f"{name}_by_name" for name in MASK_FIGURES), "float64"),
    **dict.fromkeys(("name_right", "complete", "predicted_complete", "completeness_right"), "boolean"),
    "mask_parts": "object",
    **dict.fromkeys(("false_mask", "merged_mask"), "boolean"),
    **dict.fromkeys(("margin", "shifted_by_one", "error_probability"), "float64"),
}
"""The columns of ``level_frame`` and their types.

level: missing for a detection without a name. interpolated: put between detected levels, not detected itself.
probability: of the level; missing without a decoder, and for an interpolated level.
level_range: where that is below one half, the levels that it may be, as "T9 to T11".
predicted_level: name of the prediction nearest to the true centroid, whatever it is, where any lies within the limit.
distance_mm: to the prediction of the same name. detected: whether any detection lies within the limit.
mask_of and what follows: the mask that lies on the true vertebra, whatever its name; ..._by_name: that of its own name.
complete: whether the scan shows the whole vertebra. mask_parts: the masks between which a vertebra is split.
name_right, completeness_right: of the mask; missing where nothing was found, or nothing is known.
false_mask, merged_mask: the mask of this name lies on no vertebra, or on several.
margin, shifted_by_one, error_probability: of the names of the whole scan.
"""
STRUCTURE_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(("case_id", "structure", "kind"), "object"),
    **dict.fromkeys(("label", "match"), "Int64"),
    **dict.fromkeys(MASK_FIGURES, "float64"),
}


def level_frame(rows: Iterable[ScanRow]) -> pd.DataFrame:
    """A row per level of each scan that is predicted or true, from the top down, then detections without a name."""
    return _frame([record for row in rows for record in _levels(row)], LEVEL_COLUMNS)


def structure_frame(rows: Iterable[ScanRow]) -> pd.DataFrame:
    """Vertebrae, discs and canal of MR; kind: "class" (all of it), "instance" (each single one), "false" (on none)."""
    return _frame([record for row in rows for record in _structures(row)], STRUCTURE_COLUMNS)


def scan_frame(rows: Iterable[ScanRow], stages: Sequence[str] | None = None) -> pd.DataFrame:
    """A row per scan; seconds: of these stages, of all by default."""
    columns = dict.fromkeys(("case_id", "predicted_levels", "remarks"), "object") | dict.fromkeys(
        ("levels", "identified", "identified_4mm", "identified_original"), "Int64"
    )
    columns |= dict.fromkeys(("mean_mm", "dice", "seconds"), "float64")
    return _frame([_scan(row, stages) for row in rows], columns)


def values_by_level(levels: pd.DataFrame, column: str) -> dict[str, list[float]]:
    """The known values of a column of ``level_frame``, by level."""
    known = levels[levels["level"].isin(LEVELS)].dropna(subset=[column])
    return {level: own[column].tolist() for level, own in known.groupby("level")}


def _frame(records: list[dict[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=list(columns)).astype(dict(columns))


def _levels(row: ScanRow) -> list[dict[str, Any]]:
    naming = row.naming
    of_scan: dict[str, Any] = {"case_id": row.case_id}
    if naming is not None:
        of_scan |= {
            "margin": naming.margin,
            "shifted_by_one": naming.shifted_by_one,
            "error_probability": naming.error_probability,
        }
    levels: dict[str, dict[str, Any]] = {}
    unnamed = []
    for name, point, score in zip(row.landmarks.names, row.landmarks.points_mm, row.landmarks.scores, strict=True):
        found = {**_position(point), "score": float(score)}
        if name:
            interpolated = None if naming is None else name in naming.interpolated
            levels[name] = {"level": name, **found, "interpolated": interpolated, **_certainty(name, naming)}
        else:
            unnamed.append(found)

    def add(level: str, **known: Any) -> None:
        levels.setdefault(level, {"level": level}).update(known)

    for name, point in row.truth or ():
        if name:
            add(name, **_position(point, "true_"))
    for level in row.score.levels if row.score else ():
        add(level.name, **_identification(level))
    if row.segmentation is not None:
        for vertebra in row.segmentation.vertebrae:
            add(display_name(vertebra), **_mask(vertebra))
        for flag in ("false", "merged"):
            for name in getattr(row.segmentation, flag):
                add(name, **{f"{flag}_mask": True})
    return [{**level, **of_scan} for level in (*sorted(levels.values(), key=_order), *unnamed)]


def _order(record: Mapping[str, Any]) -> tuple[int, str]:
    """Levels from the top down, then what is no level, by name."""
    name = record["level"]
    return (anatomical_order(name) if name in LEVELS else len(LEVELS)), name


def _certainty(name: str, naming: NamingRecord | None) -> dict[str, Any]:
    if naming is None or name not in naming.posterior:
        return {}
    found: dict[str, Any] = {"probability": naming.posterior[name]}
    return {**found, "level_range": naming.in_words(name)} if name in naming.ranges else found


def _position(point_mm: Iterable[float], prefix: str = "") -> dict[str, float]:
    return {f"{prefix}{axis}_ras_mm": float(value) for axis, value in zip("xyz", point_mm, strict=True)}


def _identification(level: LevelScore) -> dict[str, Any]:
    return {
        "predicted_level": (level.nearest or "unnamed") if level.found else None,
        "nearest_mm": level.nearest_mm,
        "distance_mm": level.distance_mm,
        "detected": level.found,
        "hit_verse": level.hit_verse,
        "hit_verse_4mm": level.hit_verse_4mm,
        "hit_original": level.hit_original,
    }


def _mask(vertebra: VertebraScore) -> dict[str, Any]:
    by_name = vertebra.named or MaskScore(None, None)
    return {
        "mask_of": vertebra.match,
        **asdict(vertebra.mask),
        **{f"{name}_by_name": value for name, value in asdict(by_name).items()},
        **{
            name: getattr(vertebra, name)
            for name in ("name_right", "complete", "predicted_complete", "completeness_right")
        },
        "mask_parts": " ".join(vertebra.parts) or None,
    }


def _structures(row: ScanRow) -> list[dict[str, Any]]:
    score = row.structures
    if score is None:
        return []
    records = [{"structure": name, "kind": "class", **asdict(mask)} for name, mask in score.classes.items()]
    for each in score.instances:
        single = {"structure": each.structure, "kind": "instance", "label": each.label, "match": each.match}
        records.append({**single, **asdict(each.mask)})
    records += [{"structure": structure_of_number(label), "kind": "false", "match": label} for label in score.false]
    return [{"case_id": row.case_id, **record} for record in records]


def _scan(row: ScanRow, stages: Sequence[str] | None) -> dict[str, Any]:
    spent: Mapping[str, float] = {} if row.findings is None else row.findings.seconds
    known: dict[str, Any] = {
        "case_id": row.case_id,
        "predicted_levels": ", ".join(name or "unnamed" for name in row.landmarks.names) or None,
        "remarks": "; ".join(filter(None, [row.problem, *row.notes])),
        "seconds": sum(spent.get(stage, 0.0) for stage in (spent if stages is None else stages)),
        "dice": None if row.segmentation is None else row.segmentation.dice,
    }
    if row.score is not None and row.score.levels:
        levels = row.score.levels
        known |= {
            "levels": len(levels),
            "identified": sum(level.hit_verse for level in levels),
            "identified_4mm": sum(level.hit_verse_4mm for level in levels),
            "identified_original": sum(level.hit_original for level in levels),
            "mean_mm": row.score.mean_mm,
        }
    return known
