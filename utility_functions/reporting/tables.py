"""Scores as text tables: one per scan, and All / Cervical / Thoracic / Lumbar over all scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numpy.typing import NDArray

from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.localisation_scores import CLOSE_MM, LevelScore, RegionSummary, ScanScore, Summary

NOT_DEFINED = "n/a"
MISSING = "-"

SCAN_HEADER = ("true", "predicted", "true centroid", "predicted centroid", "distance", "VerSe", "4 mm", "original")
SUMMARY_HEADER = (
    *("", "vertebrae", "id. VerSe", "id. 4 mm", "id. original"),
    *("mean mm", "SD mm", "median mm", "recall", "precision"),
)


def scan_table(score: ScanScore, predicted: Landmarks, true: Landmarks) -> str:
    """One scan: the predicted label of each true one, the pairs of centroids in RAS+ mm, and their mean distance."""
    rows = [_level_row(level, predicted, true) for level in score.levels]
    lines = [f"Scan {score.case_id}"]
    lines += aligned([SCAN_HEADER, *rows], left=(0, 1)) if rows else ["no true vertebra to score against"]
    if score.levels:
        verse, close, original = hits(score.levels)
        lines.append(
            f"mean distance {millimetres(score.mean_mm)} mm, identified {verse} (VerSe), {close} ({CLOSE_MM:g} mm) "
            f"and {original} (original) of {len(score.levels)}"
        )
        if score.missed:
            lines.append(f"missed: {', '.join(score.missed)}")
    if score.false_predictions:
        lines.append(f"predicted, but not in the truth: {', '.join(score.false_predictions)}")
    return "\n".join(lines)


def summary_table(summary: Summary) -> str:
    """Identification rates by both rules, localisation error, recall and precision for each region."""
    rows = [summary_cells(row) for row in summary.regions]
    scans = f"scans with all levels right: {percent(summary.all_right)} of {summary.scans}"
    return "\n".join([*aligned([SUMMARY_HEADER, *rows], left=(0,)), scans, *intervals(summary)])


def intervals(summary: Summary) -> list[str]:
    """The 95 % intervals of all levels in one line; none where there are too few scans for any."""
    row = summary.region("All")
    known = [
        f"{what} {between(interval, words)}"
        for what, interval, words in (
            ("id. VerSe", row.rate_verse_interval, percent),
            ("id. 4 mm", row.rate_verse_4mm_interval, percent),
            ("id. original", row.rate_original_interval, percent),
            ("mean mm", row.mean_mm_interval, millimetres),
        )
        if interval is not None
    ]
    return [f"95 % intervals over scans: {', '.join(known)}"] if known else []


def between(interval: tuple[float, float] | None, words: Callable[[float | None], str]) -> str:
    """An interval as "3.41 to 3.60", its ends told by ``words``; "" where it is undefined."""
    return "" if interval is None else f"{words(interval[0])} to {words(interval[1])}"


def summary_cells(row: RegionSummary) -> tuple[str, ...]:
    """The cells of one region under SUMMARY_HEADER."""
    return (
        row.region,
        str(row.levels),
        percent(row.rate_verse),
        percent(row.rate_verse_4mm),
        percent(row.rate_original),
        millimetres(row.mean_mm),
        millimetres(row.sd_mm),
        millimetres(row.median_mm),
        percent(row.recall),
        percent(row.precision),
    )


def percent(share: float | None) -> str:
    """A share of 1 as "94.1 %"; "n/a" where it is undefined."""
    return NOT_DEFINED if share is None else f"{100 * share:.1f} %"


def millimetres(length: float | None) -> str:
    """A length as "3.52"; "n/a" where it is undefined."""
    return NOT_DEFINED if length is None else f"{length:.2f}"


def aligned(rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Rows of cells as lines with straight columns: those numbered in ``left`` flush left, the others flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def hits(levels: Sequence[LevelScore]) -> tuple[int, int, int]:
    """How many levels are identified: by VerSe's rule, by it within 4 mm, and by the original's."""
    verse, close, original = (
        sum(getattr(level, rule) for level in levels) for rule in ("hit_verse", "hit_verse_4mm", "hit_original")
    )
    return verse, close, original


def _level_row(level: LevelScore, predicted: Landmarks, true: Landmarks) -> tuple[str, ...]:
    return (
        level.name,
        (level.nearest or "unnamed") if level.found else MISSING,
        _position(true.point(level.name)),
        _position(predicted.point(level.name)) if level.name in predicted else MISSING,
        MISSING if level.distance_mm is None else f"{level.distance_mm:.2f} mm",
        "hit" if level.hit_verse else "miss",
        "hit" if level.hit_verse_4mm else "miss",
        "hit" if level.hit_original else "miss",
    )


def _position(point_mm: NDArray) -> str:
    return "({:.1f}, {:.1f}, {:.1f})".format(*point_mm)
