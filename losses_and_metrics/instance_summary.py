"""The summary of mask scores of many scans: per region, level and scan, with 95 % intervals over scans."""

from __future__ import annotations

from typing import Any

import pandas as pd

from losses_and_metrics.intervals import mean_over_scans
from utility_functions.anatomy.labels import REGIONS, VERTEBRAE

FIGURES = (
    *("found_rate", "name_right", "dice", "iou", "hd_mm", "hd95_mm", "assd_mm", "dice_by_name"),
    "completeness_right",
)


def summarise_masks(levels: pd.DataFrame) -> pd.DataFrame:
    """Rows by region (All, Complete, Cervical, Thoracic, Lumbar), by level and by scan, of a ``level_frame``.

    by, group: "region", "level" or "scan", and which. vertebrae: the true ones with a mask in the truth; scans without
    any are excluded. found_rate: fraction with a matched mask. name_right: fraction of the found whose mask has their
    name. dice, iou: over all, 0 for missed ones; hd_mm, hd95_mm, assd_mm: over the found. dice_by_name: label against
    label, over all with a known level. completeness_right: fraction with a correctly predicted completeness, of those
    that have one. false, merged: masks, by their own names, missing for Complete. split: true vertebrae.
    Each figure has ..._ci95_low, ..._ci95_high and ..._n. Vertebrae without a level are among All and Complete.
    """
    true = levels[levels["complete"].notna()]
    true = true.assign(found_rate=true["mask_of"].notna())
    masks = levels[levels["case_id"].isin(true["case_id"])]
    rows = [_row("region", "All", true, masks), _row("region", "Complete", true[true["complete"]], None)]
    groups = {region: ("region", names) for region, names in REGIONS.items()}
    groups |= {level: ("level", (level,)) for level in VERTEBRAE if level in set(true["level"])}
    for group, (by, names) in groups.items():
        rows.append(_row(by, group, true[true["level"].isin(names)], masks[masks["level"].isin(names)]))
    for scan in true["case_id"].unique():
        rows.append(_row("scan", scan, true[true["case_id"] == scan], masks[masks["case_id"] == scan]))
    return pd.DataFrame(rows).astype({"false": "Int64", "merged": "Int64"})


def _row(by: str, group: str, true: pd.DataFrame, masks: pd.DataFrame | None) -> dict[str, Any]:
    row: dict[str, Any] = {"by": by, "group": group, "vertebrae": len(true)}
    for name in FIGURES:
        row |= mean_over_scans(name, true[name], true)
    row["split"] = int(true["mask_parts"].notna().sum())
    for name in ("false", "merged"):
        row[name] = None if masks is None else int(masks[f"{name}_mask"].sum())
    return row
