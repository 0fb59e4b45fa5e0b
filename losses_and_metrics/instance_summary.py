"""Scores of masks of many scans summed up: per region, level and scan, with 95 % intervals over scans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from losses_and_metrics.intervals import bootstrap_interval
from utility_functions.anatomy.labels import REGIONS, VERTEBRAE
from utility_functions.records.mask_scores import (
    Figure,
    SegmentationRow,
    SegmentationScore,
    SegmentationSummary,
    VertebraScore,
)

Value = Callable[[VertebraScore], float | None]
Of = Callable[[VertebraScore], bool]


def summarise_masks(scores: Sequence[SegmentationScore]) -> SegmentationSummary:
    """Regions, levels and scans, of the scans whose truth has a mask of a vertebra; the others are left out.

    Means are over vertebrae. A missed one counts as Dice and IoU 0, and has no part in distances. Vertebrae whose level
    is not known are among All and Complete.
    """
    scored = [score for score in scores if score.vertebrae]
    regions = [
        _row("All", scored, lambda vertebra: True),
        _row("Complete", scored, lambda vertebra: vertebra.complete, predictions=()),
        *(_named(region, names, scored) for region, names in REGIONS.items()),
    ]
    there = {vertebra.name for score in scored for vertebra in score.vertebrae}
    levels = [_named(name, (name,), scored) for name in VERTEBRAE if name in there]
    scans = [_row(score.case_id, [score], lambda vertebra: True) for score in scored]
    return SegmentationSummary(tuple(regions), tuple(levels), tuple(scans))


def dice_by_level(scores: Sequence[SegmentationScore]) -> dict[str, list[float]]:
    """Dice of all true vertebrae, per level from the top down; levels that no scan has are left out."""
    found: dict[str, list[float]] = {name: [] for name in VERTEBRAE}
    for score in scores:
        for vertebra in score.vertebrae:
            if vertebra.name and vertebra.mask.dice is not None:
                found[vertebra.name].append(vertebra.mask.dice)
    return {name: values for name, values in found.items() if values}


def _named(group: str, names: Collection[str], scores: Sequence[SegmentationScore]) -> SegmentationRow:
    return _row(group, scores, lambda vertebra: vertebra.name in names, names)


def _row(
    group: str, scores: Sequence[SegmentationScore], belongs: Of, predictions: Collection[str] | None = None
) -> SegmentationRow:
    """predictions: the names of those that belong to the group; None for all, and none where there are none such."""
    scans = [[vertebra for vertebra in score.vertebrae if belongs(vertebra)] for score in scores]

    def figure(value: Value) -> Figure:
        known = [[found for vertebra in scan if (found := value(vertebra)) is not None] for scan in scans]
        sums, counts = [float(sum(values)) for values in known], [len(values) for values in known]
        if not sum(counts):
            return Figure()
        return Figure(sum(sums) / sum(counts), bootstrap_interval(sums, counts), sum(counts))

    def count(names: Callable[[SegmentationScore], Collection[str]]) -> int | None:
        if predictions == ():
            return None
        return sum(predictions is None or name in predictions for score in scores for name in names(score))

    return SegmentationRow(
        group=group,
        vertebrae=sum(len(scan) for scan in scans),
        found=figure(lambda vertebra: vertebra.found),
        named=figure(lambda vertebra: vertebra.name_right),
        dice=figure(lambda vertebra: vertebra.mask.dice),
        iou=figure(lambda vertebra: vertebra.mask.iou),
        hd_mm=figure(lambda vertebra: vertebra.mask.hd_mm),
        hd95_mm=figure(lambda vertebra: vertebra.mask.hd95_mm),
        assd_mm=figure(lambda vertebra: vertebra.mask.assd_mm),
        dice_by_name=figure(lambda vertebra: None if vertebra.named is None else vertebra.named.dice),
        completeness=figure(lambda vertebra: vertebra.completeness_right),
        split=sum(bool(vertebra.parts) for scan in scans for vertebra in scan),
        false=count(lambda score: score.false),
        merged=count(lambda score: score.merged),
    )
