"""The probability that a scan has a wrong name, fitted to scans with correct and with wrong names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_WRONG = 5
"""The fewest scans with wrong names, and with correct ones, that weights are fitted to."""
REGULARISATION = 1.0
"""L2 penalty of the weight of a feature with unit deviation: scans with wrong names are few."""
ROUNDS = 30


def error_weights(features: NDArray[np.float64], wrong: NDArray[np.bool_]) -> tuple[float, ...] | None:
    """A constant and a weight per feature, by logistic regression; they give the log-odds that a scan has a wrong name.

    features: (N, features) of N scans. wrong: (N,). None where there are too few scans of either kind.
    """
    if min(wrong.sum(), (~wrong).sum()) < LEAST_WRONG:
        return None
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.diag([0.0] + [REGULARISATION] * features.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        predicted = 1 / (1 + np.exp(-x @ weights))
        curvature = (x.T * (predicted * (1 - predicted))) @ x + penalty
        weights -= np.linalg.solve(curvature, x.T @ (predicted - wrong) + penalty @ weights)
    weights[1:] /= spread
    weights[0] -= weights[1:] @ mean
    return tuple(float(weight) for weight in weights)
