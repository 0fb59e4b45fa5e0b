"""Sizes of the adult spine: published disk diameters, and distances between neighbouring bodies."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

from utility_functions.anatomy.labels import CERVICAL, LUMBAR, THORACIC

DISK_DIAMETER_MM: Mapping[str, float] = MappingProxyType(
    dict(zip(CERVICAL, (14, 15, 16.5, 17, 17, 19, 20), strict=True))
    | dict(zip(THORACIC, (19.3, 20, 22, 24, 25, 27, 29, 31, 33, 32, 33.5, 34, 34), strict=True))
    | dict(zip(LUMBAR, (34, 37, 38, 36, 34, 34), strict=True))
    | {"S1": 34.0, "S2": 34.0}
)
"""Diameter of the dense target's axial disks per level (McCouat & Glocker 2019); T13 as T12."""

_CHAIN = CERVICAL + THORACIC[:12]
_CHAIN_STEPS_MM = (
    *(17.5, 18.5, 17.8, 17.2, 16.9, 17.9, 20.0),  # C1-C2, then C2-C3 as VerSe annotates it, down to C7-T1
    *(20.9, 21.1, 21.0, 21.6, 22.1, 22.6, 23.3, 24.0, 25.4, 27.3, 29.6),  # T1-T2 down to T11-T12
)
STEP_MM: Mapping[tuple[str, str], float] = MappingProxyType(
    dict(zip(pairwise(_CHAIN), _CHAIN_STEPS_MM, strict=True))
    | {("T12", "L1"): 32.4, ("T12", "T13"): 31.0, ("T13", "L1"): 32.4, ("T11", "L1"): 31.0}
    | {("L1", "L2"): 34.6, ("L2", "L3"): 35.8, ("L3", "L4"): 36.5, ("L4", "L5"): 36.3}
    | {("L5", "L6"): 36.6, ("L5", "S1"): 34.0, ("L6", "S1"): 34.0, ("S1", "S2"): 27.0}
)
"""Mean distance of neighbouring body centres (VID data, 1,947 CTs; the sacral steps are estimates)."""
VARIANT_STEPS = (("T12", "T13"), ("T13", "L1"), ("T11", "L1"), ("L5", "L6"), ("L6", "S1"))
"""Steps of spines with one vertebra more, or without T12."""


def are_neighbours(upper: str, lower: str) -> bool:
    """Whether no vertebra of any usual spine lies between the two (T11-L1, T12-L1 and L5-S1 included)."""
    return (upper, lower) in STEP_MM


def usual_half_height_mm(name: str) -> float:
    """Half of the mean distance from a level to its usual neighbours; only a variant uses the steps of variants."""
    steps = [step for pair, step in STEP_MM.items() if name in pair]
    usual = [step for pair, step in STEP_MM.items() if name in pair and pair not in VARIANT_STEPS]
    return sum(usual or steps) / len(usual or steps) / 2
