"""What votes tell of each body that they found, whatever it was called: the evidence that a decoder names it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.anatomy.labels import LEVELS, SACRAL, regressed_level

SPREAD = 0.5
"""A vote for one number stands for levels round it, as far as this many levels (Laplace)."""
STRAY = 0.02
"""Share of a body's votes that may be anything."""
SACRAL_NATS = 6.0
"""What sacrum all along a body speaks for S1 and S2, and its absence against them."""

_NUMBERS = np.arange(1, NUMBER_OF_LEVELS + 1)
COLUMNS = MappingProxyType({name: (regressed_level(name) or 1) - 1 for name in LEVELS})
"""Where each level stands among the numbers voted for; T13 with T12, L6 with L5."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """N bodies from the top down.

    shares: (N, 26) mean share of each number among a body's votes (C1 = 1 first).
    seen: (N,) share of the body that the scan shows.
    sacral: (N,) how much sacrum lies beside it, 0 to 1; None where no detection tells parts.
    """

    level_probabilities: NDArray[np.float64]
    seen: NDArray[np.float64]
    sacral: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls, level_probabilities: Sequence[NDArray], seen: Sequence[float], sacral: Sequence[float] | None = None
    ) -> Bodies:
        """Bodies of lists with an entry each, which may be empty."""
        return cls(
            np.array(level_probabilities, float).reshape(-1, NUMBER_OF_LEVELS),
            np.clip(np.array(seen, float), 0.0, 1.0),
            None if sacral is None else np.clip(np.array(sacral, float), 0.0, 1.0),
        )

    def evidence(self, temperature: float = 1.0) -> NDArray[np.float64]:
        """Log-likelihood of what is told of each body at each of LEVELS (N, levels).

        temperature: votes of one body count so many times; below one where the bodies of a scan err together.
        """
        told = temperature * np.log((1 - STRAY) * self.level_probabilities + STRAY / NUMBER_OF_LEVELS)
        found = told[:, [COLUMNS[name] for name in LEVELS]]
        if self.sacral is not None:
            is_sacral = np.isin(LEVELS, SACRAL)
            found = found + SACRAL_NATS * np.where(is_sacral, self.sacral[:, None], 1 - self.sacral[:, None])
        return np.asarray(found)


def mean_probabilities(
    votes: NDArray[np.float32], level_probabilities: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """Mean share of each number (26,) over a body's voxels (at least one).

    votes: (voxels,) a number each, spread over levels round it where the network tells no shares (voxels, 26).
    """
    if level_probabilities is not None:
        return np.asarray(level_probabilities, float).mean(axis=0)
    near = np.exp(-np.abs(np.asarray(votes, float)[:, None] - _NUMBERS) / SPREAD)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(near.mean(axis=0))
