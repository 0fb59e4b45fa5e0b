"""The levels of a patient: usual spines, one vertebra more or less, and transitional vertebrae."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utility_functions.anatomy.labels import USUAL_VERTEBRAE

USUAL = (*USUAL_VERTEBRAE, "S1")
PROBABILITIES = {
    "L6": 0.04,
    "lumbarised S1": 0.015,
    "sacralised L5": 0.04,
    "T13": 0.025,
    "no T12": 0.025,
}
"""The fraction of patients by kind, slightly above the observed one so that networks see each: of 1,733 scans of the
VID data set that show an L5, 46 have an L6, and of 1,856 that show an L1, 8 have it directly below T11."""


@dataclass(frozen=True)
class Variant:
    """The levels of one patient.

    kind: "usual" or one of PROBABILITIES. names: of all levels from C1 to S1, top down. wings: how far the transverse
    processes of the last free vertebra extend to the sacrum, left and right (0 usual, 1 joined).
    neck_ribs: length in mm of ribs of C7, left and right.
    """

    kind: str = "usual"
    names: tuple[str, ...] = USUAL
    wings: tuple[float, float] = (0.0, 0.0)
    neck_ribs: tuple[float, float] = (0.0, 0.0)

    @property
    def transitional(self) -> bool:
        """Whether the last free vertebra is partly joined to the sacrum."""
        return max(self.wings) > 0


def draw_variant(rng: np.random.Generator) -> Variant:
    """Random levels of a patient."""
    kind = str(rng.choice([*PROBABILITIES, "usual"], p=[*PROBABILITIES.values(), 1 - sum(PROBABILITIES.values())]))
    grown = rng.uniform(0.45, 1.3, 2).clip(0, 1)  # half of them are joined on either side
    one_sided, side = rng.random() < 0.35, int(rng.integers(2))
    has_neck_ribs, lengths = rng.random() < 0.015, rng.uniform(18, 60, 2)
    names = list(USUAL)
    if kind in ("L6", "lumbarised S1"):
        names.insert(names.index("L5") + 1, "L6")
    elif kind == "T13":
        names.insert(names.index("T12") + 1, "T13")
    elif kind == "no T12":
        names.remove("T12")
    if kind not in ("sacralised L5", "lumbarised S1"):
        grown = np.zeros(2)
    elif one_sided:
        grown[side] = 0.0
    return Variant(
        kind,
        tuple(names),
        (float(grown[0]), float(grown[1])),
        (float(lengths[0]), float(lengths[1])) if has_neck_ribs else (0.0, 0.0),
    )
