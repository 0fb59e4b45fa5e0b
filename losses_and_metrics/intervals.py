"""The 95 % interval of a mean over scans, by the bootstrap with resampled scans (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

Interval = tuple[float, float]

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0


def bootstrap_interval(sums: Sequence[float], counts: Sequence[int], seed: int = SEED) -> Interval | None:
    """The interval of sum(sums) / sum(counts), by percentiles over 2,000 draws of as many scans with replacement.

    sums, counts: one of each per scan; vertebrae of one scan stay together, since they are not independent. Scans with
    a count of 0 are excluded. None where fewer than two scans are left.
    The interval is deterministic for one seed.
    """
    if len(sums) != len(counts):
        raise ValueError(f"An interval needs one sum and one count per scan. Received: {len(sums)} and {len(counts)}.")
    kept = np.asarray(counts, np.float64) > 0
    scans = int(kept.sum())
    if scans < 2:
        return None
    times = np.random.default_rng(seed).multinomial(scans, np.full(scans, 1 / scans), RESAMPLES)
    means = (times @ np.asarray(sums, np.float64)[kept]) / (times @ np.asarray(counts, np.float64)[kept])
    low, high = np.percentile(means, (50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)))
    return float(low), float(high)


def mean_over_scans(name: str, values: pd.Series, scans: pd.DataFrame) -> dict[str, float]:
    """The mean of the known values as ``name``, its 95 % interval over scans, and how many values there are.

    scans: a frame of the same rows with their case_id. What is undefined is NaN.
    """
    known = values.dropna().astype(float)
    by_scan = known.groupby(scans["case_id"].loc[known.index], sort=False)
    sums, counts = by_scan.sum(), by_scan.count()
    low, high = bootstrap_interval(sums.tolist(), counts.tolist()) or (float("nan"), float("nan"))
    mean = float(sums.sum()) / len(known) if len(known) else float("nan")
    return {name: mean, f"{name}_ci95_low": low, f"{name}_ci95_high": high, f"{name}_n": len(known)}
