"""Several pipelines over the same scans, each summed up with 95 % intervals over scans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from losses_and_metrics.instance_summary import summarise_masks
from losses_and_metrics.intervals import bootstrap_interval
from losses_and_metrics.scan_scores import summarise
from utility_functions.records.comparison import PipelineRow, ScanFigures
from utility_functions.records.mask_scores import Figure
from utility_functions.reporting.results import ScanRow


def measured_by_all(runs: Sequence[Sequence[ScanRow]]) -> set[str]:
    """The scans that every run could measure, by which alone runs compare."""
    measured = [{row.case_id for row in rows if row.findings is not None} for rows in runs]
    return set.intersection(*measured) if measured else set()


def summarise_pipeline(
    name: str, title: str, tasks: Sequence[str], rows: Sequence[ScanRow], kept: Collection[str]
) -> PipelineRow:
    """The row of one pipeline over those of its scans that are ``kept``; tasks: those of its models."""
    rows = [row for row in rows if row.case_id in kept]
    scores = [row.score for row in rows if row.score is not None]
    summary = summarise(scores)
    every = summary.region("All")
    right = [score.all_right for score in scores if score.all_right is not None]
    masks = [row.segmentation for row in rows if row.segmentation is not None]
    of_masks = summarise_masks(masks).region("All") if masks else None
    by_scan = {row.case_id: _figures(row, tasks) for row in rows}
    return PipelineRow(
        name=name,
        title=title,
        tasks=tuple(tasks),
        scans=len(rows),
        scored=summary.scans,
        levels=every.levels,
        rate_verse=Figure(every.rate_verse, every.rate_verse_interval, every.levels),
        rate_verse_4mm=Figure(every.rate_verse_4mm, every.rate_verse_4mm_interval, every.levels),
        rate_original=Figure(every.rate_original, every.rate_original_interval, every.levels),
        mean_mm=Figure(every.mean_mm, every.mean_mm_interval, every.pairs),
        all_right=Figure(summary.all_right, bootstrap_interval(right, [1] * len(right)), len(right)),
        dice=Figure() if of_masks is None else of_masks.dice,
        hd95_mm=Figure() if of_masks is None else of_masks.hd95_mm,
        assd_mm=Figure() if of_masks is None else of_masks.assd_mm,
        false_names=sum(len(score.false_predictions) for score in scores if score.levels) if summary.scans else None,
        false_masks=None if of_masks is None else of_masks.false,
        seconds=_mean([figures.seconds for figures in by_scan.values()]),
        by_scan=by_scan,
    )


def _figures(row: ScanRow, tasks: Sequence[str]) -> ScanFigures:
    spent: Mapping[str, float] = {} if row.findings is None else row.findings.seconds
    seconds = sum(spent.get(task, 0.0) for task in tasks)
    dice = None if row.segmentation is None else row.segmentation.dice
    if row.score is None or not row.score.levels:
        return ScanFigures(seconds, dice=dice)
    levels = row.score.levels
    identified, close = sum(level.hit_verse for level in levels), sum(level.hit_verse_4mm for level in levels)
    return ScanFigures(seconds, identified, close, len(levels), row.score.mean_mm, dice)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
