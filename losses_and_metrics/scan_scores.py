"""The summary of the levels of many scans: identification rates, localisation error, recall, precision per region."""

from __future__ import annotations

from typing import Any

import pandas as pd

from losses_and_metrics.intervals import mean_over_scans
from utility_functions.anatomy.labels import REGIONS, VERTEBRAE

HITS = {"rate_verse": "hit_verse", "rate_verse_4mm": "hit_verse_4mm", "rate_original": "hit_original"}


def summarise(levels: pd.DataFrame) -> pd.DataFrame:
    """A row for All, Cervical, Thoracic and Lumbar over the scans of a ``level_frame`` that have a true vertebra.

    scans, levels, pairs, predictions: the numbers of scans, true levels, pairs of one name, and predicted vertebrae.
    rate_...: fractions of true levels identified. mean_mm, sd_mm (the population's), median_mm: localisation error
    of the pairs. recall: fraction of true levels with any detection within the limit. precision: fraction of the
    predictions that are hits by VerSe's rule; one that the truth does not name is wrong, even if the scan shows it.
    all_right: fraction of scans in which every level of the region is a hit by VerSe's rule.
    Figures with ..._ci95_low and ..._ci95_high have 95 % intervals over scans. What is undefined is NaN.
    """
    true = levels[levels["hit_verse"].notna()].astype(dict.fromkeys((*HITS.values(), "detected"), float))
    predicted = levels[levels["x_ras_mm"].notna() & levels["case_id"].isin(true["case_id"])]
    return pd.DataFrame(
        [
            _region(region, true[true["level"].isin(names)], int(predicted["level"].isin(names).sum()))
            for region, names in {"All": VERTEBRAE, **REGIONS}.items()
        ]
    )


def _region(region: str, true: pd.DataFrame, predictions: int) -> dict[str, Any]:
    scans = true.groupby("case_id", sort=False, as_index=False)["hit_verse"].min()
    return {
        "region": region,
        "scans": len(scans),
        "levels": len(true),
        "pairs": int(true["distance_mm"].count()),
        "predictions": predictions,
        **{key: value for rate, hit in HITS.items() for key, value in mean_over_scans(rate, true[hit], true).items()},
        **mean_over_scans("mean_mm", true["distance_mm"], true),
        "sd_mm": true["distance_mm"].std(ddof=0),
        "median_mm": true["distance_mm"].median(),
        "recall": true["detected"].mean(),
        "precision": true["hit_verse"].sum() / predictions if predictions else float("nan"),
        **mean_over_scans("all_right", scans["hit_verse"], scans),
    }
