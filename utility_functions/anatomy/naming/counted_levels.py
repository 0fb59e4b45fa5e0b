"""Names of vertebrae that are counted from what ends a spine: the sacrum or the last disc, and the skull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.body_evidence import SACRAL_NATS
from utility_functions.anatomy.labels import LEVELS, SACRAL
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, Naming, decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.statistics import Statistics

END_NATS = 2.5
"""Evidence in nats for the last free vertebra at an end of the spine that the scan shows to go on without vertebrae."""
SURELY_SACRAL = 0.5
"""From this on a body is taken for S1."""
NEVER, NEVER_NATS = ("S2",), 12.0
"""No model finds bodies of these; what lies below S1 is no vertebra of its own."""
LAST_FREE, FIRST = ("L5", "L6"), ("C1", "C2")
NECK_STEP_MM = 22.0
"""A spine ends at the skull only where its uppermost bodies lie this near to each other."""
SEEN_OF_TRUNCATED = 0.6
"""The fraction of a truncated vertebra that is taken to be in the field of view."""


@dataclass(frozen=True, eq=False)
class CountedBodies:
    """N vertebrae from the top down, of unknown levels.

    points_mm: (N, 3) centres of their bodies in RAS+ mm. seen: (N,) fraction of each in the field of view.
    sacral: (N,) how far each is the body of S1, 0 to 1; None where the model knows no sacrum and finds no S1.
    goes_on: whether the scan shows the place of a further vertebra above the first, and one, or a sacrum, below the
        last.
    evidence: (N, levels) further log-likelihoods, or None.
    """

    points_mm: NDArray[np.float64]
    seen: NDArray[np.float64]
    sacral: NDArray[np.float64] | None = None
    goes_on: tuple[bool, bool] = (False, False)
    evidence: NDArray[np.float64] | None = None

    def named(self, statistics: Statistics) -> Naming:
        """The names that the exact decoder gives, with their doubt."""
        found = np.zeros((len(self.points_mm), len(LEVELS))) if self.evidence is None else self.evidence.copy()
        if len(found):
            is_sacral = np.isin(LEVELS, SACRAL)
            sacral = np.zeros(len(found)) if self.sacral is None else self.sacral
            found += SACRAL_NATS * np.where(is_sacral, sacral[:, None], 1 - sacral[:, None])
            found -= NEVER_NATS * np.isin(LEVELS, NEVER)
            if self.goes_on[1] and sacral.max() < SURELY_SACRAL:
                found[-1] += END_NATS * np.isin(LEVELS, LAST_FREE)
            if self.goes_on[0] and self._begins_at_the_neck():
                found[0] += END_NATS * np.isin(LEVELS, FIRST)
        return decode(Detections(self.points_mm, found, visibility=self.seen), statistics, ALTERNATIVES)

    def _begins_at_the_neck(self) -> bool:
        steps = np.linalg.norm(np.diff(self.points_mm[:4], axis=0), axis=1)
        return bool(len(steps) and np.median(steps) < NECK_STEP_MM)
