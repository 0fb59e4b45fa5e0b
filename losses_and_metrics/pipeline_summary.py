"""The summaries of several pipelines over the same scans, with 95 % intervals over scans."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from losses_and_metrics.instance_summary import summarise_masks
from losses_and_metrics.scan_scores import summarise
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import level_frame, scan_frame

IDENTIFICATION = ("rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "all_right")
MASKS = ("dice", "hd95_mm", "assd_mm")


def measured_by_all(runs: Sequence[Sequence[ScanRow]]) -> set[str]:
    """The scans that every run could measure; the comparison uses no others."""
    measured = [{row.case_id for row in rows if row.findings is not None} for rows in runs]
    return set.intersection(*measured) if measured else set()


def summarise_pipeline(
    name: str, title: str, tasks: Sequence[str], rows: Sequence[ScanRow], kept: Collection[str]
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The figures of one pipeline over those of its scans that are in ``kept``, and the same per scan.

    name, title: its results folder, and its name in tables. tasks: of its models, in running order.
    The figures are: scans, scored, levels: measured scans, those with a true vertebra, and their true vertebrae.
    rate_..., mean_mm, all_right: as ``summarise`` gives them for All; dice, hd95_mm, assd_mm: as ``summarise_masks``.
    false_names: vertebrae predicted that the truth does not name. false_masks: masks on no vertebra in the labelled
    part. seconds_per_scan: of its models, on average. What is undefined is missing.
    """
    rows = [row for row in rows if row.case_id in kept]
    scans, levels = scan_frame(rows, tasks), level_frame(rows)
    every, masks = summarise(levels).iloc[0], summarise_masks(levels).iloc[0]
    scored = levels["case_id"].isin(levels.loc[levels["hit_verse"].notna(), "case_id"])
    predicted = levels["x_ras_mm"].notna() & levels["level"].isin(VERTEBRAE) & scored
    row = {
        **{"name": name, "title": title, "tasks": " ".join(tasks)},
        **{"scans": len(rows), "scored": every["scans"], "levels": every["levels"]},
        **_figures(every, IDENTIFICATION),
        **_figures(masks, MASKS),
        "false_names": int((predicted & levels["hit_verse"].isna()).sum()) if every["scans"] else pd.NA,
        "false_masks": masks["false"] if any(row.segmentation is not None for row in rows) else pd.NA,
        "seconds_per_scan": scans["seconds"].mean(),
    }
    return row, scans.assign(name=name)


def _figures(row: pd.Series, names: Sequence[str]) -> dict[str, Any]:
    return {f"{name}{end}": row[f"{name}{end}"] for name in names for end in ("", "_ci95_low", "_ci95_high", "_n")}
