"""How far a mean over scans can be trusted: its 95 % interval by the bootstrap (Efron 1979), scans drawn anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utility_functions.records.mask_scores import Interval

RESAMPLES = 2000
SHARE = 0.95
SEED = 0


def bootstrap_interval(sums: Sequence[float], counts: Sequence[int], seed: int = SEED) -> Interval | None:
    """The interval of sum(sums) / sum(counts), by percentiles over 2,000 draws of as many scans with replacement.

    sums, counts: one of each per scan; vertebrae of one scan stay together, since they are no independent cases. Scans
    that count nothing are left out. None where fewer than two are left: of one scan nothing can be told about others.
    The same figures give the same interval, whenever it is worked out.
    """
    if len(sums) != len(counts):
        raise ValueError(f"An interval needs one sum and one count per scan. Received: {len(sums)} and {len(counts)}.")
    kept = np.asarray(counts, np.float64) > 0
    scans = int(kept.sum())
    if scans < 2:
        return None
    times = np.random.default_rng(seed).multinomial(scans, np.full(scans, 1 / scans), RESAMPLES)
    means = (times @ np.asarray(sums, np.float64)[kept]) / (times @ np.asarray(counts, np.float64)[kept])
    low, high = np.percentile(means, (50 * (1 - SHARE), 50 * (1 + SHARE)))
    return float(low), float(high)
