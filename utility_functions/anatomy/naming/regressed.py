"""Evidence from a level regressed as one number per vertebra."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.anatomy.labels import LEVELS, regressed_level
from utility_functions.anatomy.naming.detections import Detections

SPREAD = 0.5
"""Mean distance of a regressed level from the true one, in levels (Laplace)."""
FARTHEST = 4.0
"""Evidence against a level is clipped at a regressed level this far off."""
HIDDEN = 0.5
"""Visibility of a truncated vertebra at either end, so that its position counts less."""

_NUMBERS = np.array([regressed_level(name) or 0 for name in LEVELS], float)


def regressed_detections(levels: ArrayLike, votes: ArrayLike, points_mm: ArrayLike) -> Detections:
    """Vertebrae (N,) from the top down as detections.

    levels: regressed, C1 = 1 to L5 = 24, S1 = 25; T13 and L6 read as T12 and L5. One that is not finite is no evidence.
    votes: whether each may vote; truncated ones should not, but their positions count. Where none may, all do.
    points_mm: (N, 3) their centres in RAS+ mm.
    """
    numbers, voting = np.asarray(levels, float).reshape(-1), np.asarray(votes, bool).reshape(-1)
    if numbers.shape != voting.shape:
        raise ValueError(f"A chain has one level and one vote each. Received: {numbers.size} and {voting.size}.")
    known = np.isfinite(numbers)
    usable = known & voting if (known & voting).any() else known
    away = np.minimum(np.abs(np.where(usable, numbers, 0.0)[:, None] - _NUMBERS), FARTHEST) / SPREAD
    visibility = np.ones(len(numbers))
    for end in (0, -1):
        if len(numbers) and not voting[end]:
            visibility[end] = HIDDEN
    return Detections(points_mm, np.where(usable[:, None], -away, 0.0), visibility=visibility)  # type: ignore[arg-type]


def names_given(names: ArrayLike, nats: ArrayLike | float) -> NDArray[np.float64]:
    """Evidence (N, levels) of names given before, ``nats`` each; none ("") is no evidence."""
    given = np.asarray(names, str).reshape(-1)
    weights = np.broadcast_to(np.asarray(nats, float), given.shape)
    return np.where(given[:, None] == np.array(LEVELS), weights[:, None], 0.0)
