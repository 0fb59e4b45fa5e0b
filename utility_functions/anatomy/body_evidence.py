"""Evidence for the decoder from the votes of each vertebral body, independent of the name that the votes gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.anatomy.labels import LEVELS, SACRAL, regressed_level

SPREAD = 0.5
"""Scale of the Laplace distribution, in levels, that spreads a vote over the neighbouring levels."""
NOISE_FRACTION = 0.02
"""Fraction of a body's votes that is taken to be uniform noise."""
SACRAL_NATS = 6.0
"""Evidence in nats for S1 and S2 where sacrum lies all along a body, and against them where there is none."""

_NUMBERS = np.arange(1, NUMBER_OF_LEVELS + 1)
COLUMNS = MappingProxyType({name: (regressed_level(name) or 1) - 1 for name in LEVELS})
"""Where each level stands among the numbers voted for; T13 with T12, L6 with L5."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """N bodies from the top down.

    level_probabilities: (N, 26) mean probability of each level number among a body's votes (C1 = 1 first).
    seen: (N,) fraction of the body within the field of view.
    sacral: (N,) fraction of the body beside which sacrum lies; None where the detection has no parts.
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
        """Log-likelihood of each body's votes at each of LEVELS (N, levels).

        temperature: factor of the log-likelihoods of the votes; below one where the errors of a scan's bodies are
            correlated.
        """
        log_probabilities = temperature * np.log(
            (1 - NOISE_FRACTION) * self.level_probabilities + NOISE_FRACTION / NUMBER_OF_LEVELS
        )
        found = log_probabilities[:, [COLUMNS[name] for name in LEVELS]]
        if self.sacral is not None:
            is_sacral = np.isin(LEVELS, SACRAL)
            found = found + SACRAL_NATS * np.where(is_sacral, self.sacral[:, None], 1 - self.sacral[:, None])
        return np.asarray(found)


def mean_probabilities(
    votes: NDArray[np.float32], level_probabilities: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """Mean probability of each level number (26,) over a body's voxels (at least one).

    votes: (voxels,) one level number per voxel; each is spread over the neighbouring levels where the network predicts
        no probabilities (voxels, 26).
    """
    if level_probabilities is not None:
        return np.asarray(level_probabilities, float).mean(axis=0)
    near = np.exp(-np.abs(np.asarray(votes, float)[:, None] - _NUMBERS) / SPREAD)
    near /= np.maximum(near.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(near.mean(axis=0))
