"""How probable a wrong name is in a scan, learnt from scans named rightly and wrongly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_WRONG = 5
"""Of fewer scans named wrongly, or rightly, nothing is learnt."""
HELD = 1.0
"""What holds weights near 0, per squared weight of a feature of unit spread: wrong scans are few."""
ROUNDS = 30


def error_weights(features: NDArray[np.float64], wrong: NDArray[np.bool_]) -> tuple[float, ...] | None:
    """A constant and a weight per feature of scans (N, features): the log-odds that a name is wrong (N,), by logistic
    regression; None where there is too little to learn from.
    """
    if min(wrong.sum(), (~wrong).sum()) < LEAST_WRONG:
        return None
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    held = np.diag([0.0] + [HELD] * features.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        told = 1 / (1 + np.exp(-x @ weights))
        curvature = (x.T * (told * (1 - told))) @ x + held
        weights -= np.linalg.solve(curvature, x.T @ (told - wrong) + held @ weights)
    weights[1:] /= spread
    weights[0] -= weights[1:] @ mean
    return tuple(float(weight) for weight in weights)
