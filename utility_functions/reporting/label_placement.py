"""Heights of names beside a picture: as near to what they name as they can be without overlapping."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spread(wanted: ArrayLike, gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Positions (N,) at least ``gap`` apart within ``low``..``high``, in the order of ``wanted`` (N,), least moved.

    Least squares: neighbours too near are merged into blocks around their mean. Where N do not fit, the gap shrinks.
    """
    positions = np.asarray(wanted, np.float64)
    count = len(positions)
    if count == 0:
        return positions.copy()
    gap = min(gap, (high - low) / max(count - 1, 1))
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(count)
    blocks: list[tuple[float, int]] = []  # mean of (position - step), number of names
    for value in positions[order] - steps:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, size = (mean * size + other * others) / (size + others), size + others
        blocks.append((mean, size))
    level = np.concatenate([np.full(size, mean) for mean, size in blocks])
    placed = np.empty(count)
    placed[order] = np.clip(level, low, high - steps[-1]) + steps
    return placed
