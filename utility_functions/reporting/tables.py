"""Frames of scores as tables for people: the heading of each column and how its values are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

NOT_DEFINED, MISSING = "n/a", "-"
LOW, HIGH = "_ci95_low", "_ci95_high"
"""What follows a figure's name in the columns of its 95 % interval."""

Words = Callable[[Any], str]


def percent(fraction: Any) -> str:
    """A fraction as "94.1 %"; "n/a" where it is undefined."""
    return NOT_DEFINED if pd.isna(fraction) else f"{100 * fraction:.1f} %"


def millimetres(length: Any) -> str:
    """A length as "3.52"; "n/a" where it is undefined."""
    return NOT_DEFINED if pd.isna(length) else f"{length:.2f}"


def three_digits(fraction: Any) -> str:
    """A fraction as "0.941"; "n/a" where it is undefined."""
    return NOT_DEFINED if pd.isna(fraction) else f"{fraction:.3f}"


def seconds(spent: Any) -> str:
    return NOT_DEFINED if pd.isna(spent) else f"{spent:.1f}"


def name(value: Any) -> str:
    """Names and counts as they are; "-" where there is none."""
    return MISSING if pd.isna(value) else str(value)


def yes(known: Any) -> str:
    return MISSING if pd.isna(known) else "yes" if known else "no"


def hit(known: Any) -> str:
    return "" if pd.isna(known) else "hit" if known else "miss"


_HEADINGS: dict[Words, dict[str, str]] = {
    name: {
        **{"case_id": "scan", "name": "pipeline", "label": "number", "match": "found as"},
        **{"centroid": "centroid (RAS mm)", "true_centroid": "true centroid (RAS mm)", "predicted_level": "predicted"},
        **{"identified_of": "identified", "predicted_levels": "vertebrae"},
    },
    percent: {
        **{"rate_verse": "id. VerSe", "rate_verse_4mm": "id. 4 mm", "rate_original": "id. original"},
        **{"all_right": "all right", "recall": "recall", "precision": "precision"},
        **{"found_rate": "found", "name_right": "name right", "completeness_right": "completeness"},
    },
    millimetres: {
        **{"distance_mm": "distance mm", "mean_mm": "mean mm", "sd_mm": "SD mm", "median_mm": "median mm"},
        **{"hd_mm": "HD mm", "hd95_mm": "HD95 mm", "assd_mm": "ASSD mm"},
        **{"instance_hd95_mm": "HD95 of each", "instance_assd_mm": "ASSD of each"},
    },
    three_digits: {
        **{"dice": "Dice", "iou": "IoU", "dice_by_name": "Dice by name", "score": "score"},
        **{"instance_dice": "Dice of each", "instance_iou": "IoU of each"},
    },
    seconds: {"seconds": "seconds", "seconds_per_scan": "s per scan"},
    yes: {column: column.replace("_", " ") for column in ("complete", "predicted_complete", "interpolated")},
    hit: {"hit_verse": "VerSe", "hit_verse_4mm": "4 mm", "hit_original": "original"},
}
_COLUMNS = {column: (heading, words) for words, named in _HEADINGS.items() for column, heading in named.items()}

IDENTIFICATION = (
    *("level", "predicted_level", "true_centroid", "centroid", "distance_mm"),
    *("hit_verse", "hit_verse_4mm", "hit_original"),
)
MASKS = (
    *("level", "mask_of", "dice", "iou", "hd_mm", "hd95_mm", "assd_mm", "dice_by_name"),
    *("complete", "predicted_complete"),
)
STRUCTURES = ("structure", "label", "match", "dice", "iou", "hd95_mm", "assd_mm")
SUMMARY = (
    *("region", "levels", "rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "sd_mm", "median_mm"),
    *("recall", "precision", "scans", "all_right"),
)
MASK_SUMMARY = (
    *("group", "vertebrae", "found_rate", "name_right", "dice", "iou", "hd_mm", "hd95_mm", "assd_mm", "dice_by_name"),
    *("completeness_right", "false", "split", "merged"),
)
STRUCTURE_SUMMARY = (
    *("structure", "dice", "iou", "hd95_mm", "assd_mm", "instances", "found", "number_right", "false"),
    *("instance_dice", "instance_iou", "instance_hd95_mm", "instance_assd_mm"),
)
COMPARISON_FIGURES = (
    *("rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "all_right", "dice", "hd95_mm", "assd_mm"),
)
COMPARISON = (
    *("name", "scans", "scored", "levels", *COMPARISON_FIGURES, "false_names", "false_masks", "seconds_per_scan"),
)
SUMMARY_INTERVALS = ("rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "all_right")
MASK_INTERVALS = ("found_rate", "dice", "hd95_mm", "assd_mm")


def shown(frame: pd.DataFrame, columns: Sequence[str], intervals: bool = False) -> pd.DataFrame:
    """The columns of a frame in words under their headings; intervals: with those there are, in brackets."""
    cells = {_heading(column): frame[column].astype(object).map(_words(column)) for column in columns}
    for column in columns if intervals else ():
        cells[_heading(column)] += _intervals(frame, column).map(lambda words: f" ({words})" if words else "")
    return pd.DataFrame(cells, columns=list(map(_heading, columns)))


def text_table(cells: pd.DataFrame, left: int = 1) -> str:
    """Cells as lines with straight columns, the first ``left`` of them flush left."""
    headings = [f" {heading}" for heading in cells.columns]
    if cells.empty:
        return " ".join(headings)[1:]
    padded = " " + cells.astype(str)
    for place in range(left):
        width = max(len(headings[place]), padded.iloc[:, place].str.len().max())
        padded.isetitem(place, padded.iloc[:, place].str.ljust(width))
        headings[place] = headings[place].ljust(width)
    lines = padded.to_string(index=False, header=headings).splitlines()
    return "\n".join(line[1:].rstrip() for line in lines)


def between(low: float, high: float, words: Words) -> str:
    """An interval as "3.41 to 3.60" or "80.0 to 100.0 %"; "" where it is undefined."""
    return "" if pd.isna(low) else f"{words(low).removesuffix(' %')} to {words(high)}"


def interval_lines(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """A line of 95 % intervals for each row that has any, under what stands in its first column."""
    intervals = pd.DataFrame({_heading(column): _intervals(frame, column) for column in columns})
    lines = []
    for name, row in zip(frame.iloc[:, 0], intervals.to_dict("records"), strict=True):
        if known := [f"{heading} {words}" for heading, words in row.items() if words]:
            lines.append(f"95 % intervals over scans, {name}: {', '.join(known)}")
    return lines


def _intervals(frame: pd.DataFrame, column: str) -> pd.Series:
    """The 95 % interval of a figure in words, "" where there is none."""
    ends = [column + LOW, column + HIGH]
    if not set(ends) <= set(frame):
        return pd.Series("", frame.index, dtype=object)
    words = [between(low, high, _words(column)) for low, high in frame[ends].itertuples(index=False)]
    return pd.Series(words, frame.index, dtype=object)


def with_centroids(levels: pd.DataFrame) -> pd.DataFrame:
    """The frame of levels with both positions in words, as x, y, z."""
    return levels.assign(
        **{
            f"{prefix}centroid": [
                None if pd.isna(x) else f"{x:.1f}, {y:.1f}, {z:.1f}"
                for x, y, z in levels[[f"{prefix}{axis}_ras_mm" for axis in "xyz"]].itertuples(index=False)
            ]
            for prefix in ("", "true_")
        }
    )


def _heading(column: str) -> str:
    return _COLUMNS[column][0] if column in _COLUMNS else column.replace("_", " ")


def _words(column: str) -> Words:
    return _COLUMNS[column][1] if column in _COLUMNS else name
