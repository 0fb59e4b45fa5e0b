"""Scores in words for the terminal and the report: of one scan, and of all scans of a run."""

from __future__ import annotations

import pandas as pd

from utility_functions.records.localisation_scores import CLOSE_MM, ScanScore
from utility_functions.records.mask_scores import SegmentationScore
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import level_frame, structure_frame
from utility_functions.reporting.tables import (
    IDENTIFICATION,
    MASK_INTERVALS,
    MASK_SUMMARY,
    MASKS,
    STRUCTURE_SUMMARY,
    STRUCTURES,
    SUMMARY,
    SUMMARY_INTERVALS,
    interval_lines,
    millimetres,
    shown,
    text_table,
    three_digits,
    with_centroids,
)


def identification_text(row: ScanRow) -> str:
    """One scan: the predicted label of each true one, the pairs of centroids in RAS+ mm, and their mean distance."""
    if row.score is None or not row.score.levels:
        return "\n".join(["no true vertebra to score against", *identification_lines(row.score)])
    levels = level_frame([row])
    true = with_centroids(levels[levels["hit_verse"].notna()])
    return "\n".join([text_table(shown(true, IDENTIFICATION), left=2), *identification_lines(row.score)])


def identification_lines(score: ScanScore | None) -> list[str]:
    """How many levels of one scan are identified, which are missed, and which are not in the truth."""
    if score is None:
        return []
    lines = []
    if score.levels:
        hits = [
            sum(getattr(level, rule) for level in score.levels)
            for rule in ("hit_verse", "hit_verse_4mm", "hit_original")
        ]
        lines.append(
            f"mean distance {millimetres(score.mean_mm)} mm, identified {hits[0]} (VerSe), {hits[1]} ({CLOSE_MM:g} mm) "
            f"and {hits[2]} (original) of {len(score.levels)}"
        )
    remarks = {"missed": score.missed, "predicted, but not in the truth": score.false_predictions}
    return lines + [f"{what}: {', '.join(names)}" for what, names in remarks.items() if names]


def mask_text(row: ScanRow) -> str:
    """One scan: the mask that lies on each true vertebra, and how well; then what is missed, false, split or merged."""
    score = row.segmentation
    if score is None or not score.vertebrae:
        return "no true mask to score against"
    levels = level_frame([row])
    return "\n".join([text_table(shown(levels[levels["complete"].notna()], MASKS), left=2), *mask_lines(score)])


def mask_lines(score: SegmentationScore) -> list[str]:
    """How many vertebrae of one scan have a mask, and what went wrong with which."""
    found = sum(vertebra.found for vertebra in score.vertebrae)
    remarks = {
        "without a mask": score.missed,
        "masks on no vertebra": score.false,
        "split between masks": score.split,
        "masks over several vertebrae": score.merged,
    }
    return [
        f"masks: {found} of {len(score.vertebrae)} found, mean Dice {three_digits(score.dice)}",
        *(f"{what}: {', '.join(names)}" for what, names in remarks.items() if names),
    ]


def structure_text(row: ScanRow) -> str:
    """One scan of MR: whole classes, then each single structure, then what lies on none of its class."""
    structures = structure_frame([row])
    return "\n".join([text_table(structure_cells(structures), left=3), *structure_lines(structures)])


def structure_cells(structures: pd.DataFrame) -> pd.DataFrame:
    """The cells of one scan: whole classes are called "all"."""
    kept = structures[structures["kind"] != "false"]
    cells = shown(kept, STRUCTURES)
    cells.loc[kept["kind"] == "class", ["number", "found as"]] = ["all", ""]
    return cells


def structure_lines(structures: pd.DataFrame) -> list[str]:
    """What was predicted on nothing of its class."""
    false = structures.loc[structures["kind"] == "false", "match"]
    return [f"on nothing of their class: {', '.join(map(str, false))}"] if len(false) else []


def summary_text(summary: pd.DataFrame) -> str:
    """All scans: identification rates, localisation error, recall and precision per region, with 95 % intervals."""
    every = summary[summary["region"] == "All"]
    return "\n".join([text_table(shown(summary, SUMMARY)), *interval_lines(every, SUMMARY_INTERVALS)])


def mask_summary_text(summary: pd.DataFrame) -> str:
    """All scans: masks per region, then per level where there are several, with 95 % intervals."""
    several = sum(summary["by"] == "level") > 1
    rows = summary[(summary["by"] == "region") | (summary["by"] == "level") & several].drop(columns="by")
    return "\n".join([text_table(shown(rows, MASK_SUMMARY)), *interval_lines(rows[:1], MASK_INTERVALS)])


def structure_summary_text(summary: pd.DataFrame) -> str:
    """All scans: every class, with 95 % intervals of Dice."""
    return "\n".join([text_table(shown(summary, STRUCTURE_SUMMARY)), *interval_lines(summary, ("dice",))])
