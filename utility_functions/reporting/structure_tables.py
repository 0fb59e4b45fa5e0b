"""Scores of vertebrae, discs and canal as text tables: one per scan, and per class over all scans."""

from __future__ import annotations

from utility_functions.records.mask_scores import MaskScore
from utility_functions.records.mr_structure_scores import MaskFigures, StructureRow, StructureScore, StructureSummary
from utility_functions.reporting.mask_tables import share
from utility_functions.reporting.tables import MISSING, aligned, between, millimetres

STRUCTURE_HEADER = ("true", "found as", "Dice", "IoU", "HD95 mm", "ASSD mm")
STRUCTURE_SUMMARY_HEADER = (
    *("class", "Dice", "IoU", "HD95 mm", "ASSD mm", "single ones", "found", "number right", "false"),
    *("Dice of each", "IoU of each", "HD95 of each", "ASSD of each"),
)


def structure_table(score: StructureScore) -> str:
    """One scan: whole classes, then each single structure, then what lies on none."""
    rows = structure_rows(score)
    lines = aligned([STRUCTURE_HEADER, *rows], left=(0, 1))
    if score.false:
        lines.append(f"on nothing of their class: {', '.join(map(str, score.false))}")
    return "\n".join(lines)


def structure_rows(score: StructureScore) -> list[tuple[str, ...]]:
    """The cells of one scan under STRUCTURE_HEADER."""
    rows = [(f"all {name}", "", *_cells(mask)) for name, mask in score.classes.items()]
    for each in score.instances:
        match = MISSING if each.match is None else str(each.match)
        rows.append((f"{each.structure} {each.label}", match, *_cells(each.mask)))
    return rows


def structure_summary_table(summary: StructureSummary) -> str:
    """Every class over all scans, with the 95 % intervals of Dice where there are scans enough."""
    lines = aligned([STRUCTURE_SUMMARY_HEADER, *(structure_summary_cells(row) for row in summary.rows)], left=(0,))
    return "\n".join([*lines, *structure_intervals(summary)])


def structure_intervals(summary: StructureSummary) -> list[str]:
    """The 95 % intervals of Dice in one line; none where there are too few scans for any."""
    known = [
        f"{row.structure} {between(row.whole.dice.interval, share)}" for row in summary.rows if row.whole.dice.interval
    ]
    return [f"95 % intervals of Dice over scans: {', '.join(known)}"] if known else []


def structure_summary_cells(row: StructureRow) -> tuple[str, ...]:
    """The cells of one class under STRUCTURE_SUMMARY_HEADER."""
    counts = (str(count) for count in (row.true, row.found, row.right, row.false))
    return row.structure, *_means(row.whole), *counts, *_means(row.single)


def _means(figures: MaskFigures) -> tuple[str, ...]:
    return (
        share(figures.dice.mean),
        share(figures.iou.mean),
        millimetres(figures.hd95_mm.mean),
        millimetres(figures.assd_mm.mean),
    )


def _cells(mask: MaskScore) -> tuple[str, ...]:
    return share(mask.dice), share(mask.iou), millimetres(mask.hd95_mm), millimetres(mask.assd_mm)
