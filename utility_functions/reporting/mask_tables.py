"""Scores of masks as text tables: one per scan, and per region and level over all scans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from utility_functions.records.mask_scores import (
    Figure,
    SegmentationRow,
    SegmentationScore,
    SegmentationSummary,
    VertebraScore,
    told,
)
from utility_functions.reporting.tables import MISSING, NOT_DEFINED, aligned, between, millimetres, percent

MASK_HEADER = ("true", "mask of", "Dice", "IoU", "HD mm", "HD95 mm", "ASSD mm", "Dice by name", "complete", "told")
MASK_SUMMARY_HEADER = (
    *("", "vertebrae", "found", "name right", "Dice", "IoU", "HD mm", "HD95 mm", "ASSD mm", "Dice by name"),
    *("completeness", "false", "split", "merged"),
)


def mask_table(score: SegmentationScore) -> str:
    """One scan: the mask that lies on each true vertebra, and how well; then what is missed, false, split or merged."""
    if not score.vertebrae:
        return "no true mask to score against"
    found = sum(vertebra.found for vertebra in score.vertebrae)
    lines = aligned([MASK_HEADER, *(mask_cells(vertebra) for vertebra in score.vertebrae)], left=(0, 1))
    lines.append(f"masks: {found} of {len(score.vertebrae)} found, mean Dice {share(score.dice)}")
    return "\n".join([*lines, *(f"{what}: {', '.join(names)}" for what, names in mask_remarks(score))])


def mask_remarks(score: SegmentationScore) -> list[tuple[str, tuple[str, ...]]]:
    """What went wrong with masks, and which they are; only what there is."""
    remarks = [
        ("without a mask", score.missed),
        ("masks on no vertebra", score.false),
        ("split between masks", score.split),
        ("masks over several vertebrae", score.merged),
    ]
    return [(what, names) for what, names in remarks if names]


def mask_cells(vertebra: VertebraScore) -> tuple[str, ...]:
    """The cells of one true vertebra under MASK_HEADER."""
    mask, named = vertebra.mask, vertebra.named
    return (
        told(vertebra),
        MISSING if vertebra.match is None else vertebra.match,
        share(mask.dice),
        share(mask.iou),
        *(millimetres(length) for length in (mask.hd_mm, mask.hd95_mm, mask.assd_mm)),
        NOT_DEFINED if named is None else share(named.dice),
        _yes(vertebra.complete),
        _yes(vertebra.predicted_complete),
    )


def mask_summary_table(summary: SegmentationSummary) -> str:
    """Regions, then levels where there are several; and the 95 % intervals of all, where there are scans enough."""
    rows = [*summary.regions, *(summary.levels if len(summary.levels) > 1 else ())]
    lines = aligned([MASK_SUMMARY_HEADER, *(mask_summary_cells(row) for row in rows)], left=(0,))
    return "\n".join([*lines, *mask_intervals(summary.region("All"))])


def mask_intervals(row: SegmentationRow) -> list[str]:
    """The 95 % intervals of a group in one line; none where there are too few scans for any."""
    shown: list[tuple[str, Figure, Callable[[float | None], str]]] = [
        ("found", row.found, percent),
        ("Dice", row.dice, share),
        ("HD95 mm", row.hd95_mm, millimetres),
        ("ASSD mm", row.assd_mm, millimetres),
    ]
    known = [f"{what} {between(figure.interval, words)}" for what, figure, words in shown if figure.interval]
    return [f"95 % intervals over scans: {', '.join(known)}"] if known else []


def mask_summary_cells(row: SegmentationRow) -> tuple[str, ...]:
    """The cells of one group under MASK_SUMMARY_HEADER."""
    counts: Sequence[int | None] = (row.false, row.split, row.merged)
    return (
        row.group,
        str(row.vertebrae),
        percent(row.found.mean),
        percent(row.named.mean),
        share(row.dice.mean),
        share(row.iou.mean),
        *(millimetres(figure.mean) for figure in (row.hd_mm, row.hd95_mm, row.assd_mm)),
        share(row.dice_by_name.mean),
        percent(row.completeness.mean),
        *(MISSING if count is None else str(count) for count in counts),
    )


def share(part: float | None) -> str:
    """A share of 1 as "0.941"; "n/a" where it is undefined."""
    return NOT_DEFINED if part is None else f"{part:.3f}"


def _yes(known: bool | None) -> str:
    return MISSING if known is None else "yes" if known else "no"
