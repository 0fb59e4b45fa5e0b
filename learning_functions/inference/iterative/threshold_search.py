"""Whether a chain of masks has lost its way, and which of several agrees best with what was detected.

A traversal that slips once hands a wrong memory on, and how it runs hangs on chance: from which probability on voxels
are taken decides whether it slips. Nothing in a mask tells that it is wrong, but detection has seen the same bone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import Instance
from learning_functions.inference.iterative.traversal import Traversal
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings

BESIDE_VOXELS = 1
"""A centroid this near to a mask lies in it."""
LEAST_GAIN = 0.005
"""Chains labels agreement differs by less are as good as each other, and a vertebra of a neck may hide in less."""
WITHOUT_BODY = "C1"
"""Its centroid lies in its ring, where no mask is."""


def best_agreeing_chain(
    chain_at: Callable[[float], Traversal],
    threshold: float,
    others: Sequence[float],
    findings: Findings,
    bone: NDArray[np.bool_] | None,
    grid: Grid,
    least_agreement: float,
) -> Traversal:
    """The chain at ``threshold``; where it is doubtful, another one if that agrees clearly better with the bone.

    chain_at: traverses the scan with voxels taken from a probability on. bone: detected in vertebrae, on ``grid``;
    without it the first chain stands. least_agreement: a chain that agrees less with it is doubtful.
    """
    first = chain_at(threshold)
    if bone is None or not others or not is_inconsistent(first.found, findings, bone, grid, least_agreement):
        return first
    tried = [first, *(chain_at(other) for other in others)]
    best = max(tried[1:], key=lambda chain: dice_with_detection(chain.found, bone))
    better = dice_with_detection(best.found, bone) >= dice_with_detection(first.found, bone) + LEAST_GAIN
    kept = best if better else first
    predictions = sum(chain.trail.predictions for chain in tried) - kept.trail.predictions
    return replace(kept, trail=replace(kept.trail, discarded_predictions=predictions))


def is_inconsistent(
    found: Sequence[Instance], findings: Findings, bone: NDArray[np.bool_], grid: Grid, least_agreement: float
) -> bool:
    """Whether masks and what was found before do not go together.

    So it is where a vertebra named before has its centroid in no mask, where a mask holds two of them, or where masks
    and bone agree by less than ``least_agreement``, a Dice.
    """
    named = findings.landmarks.only(VERTEBRAE) if findings.landmarks is not None else None
    if named is None or not len(named):
        return False
    held = np.zeros(len(found), int)
    for name, point in zip(named.names, np.rint(grid.to_index(named.points_mm)).astype(int), strict=True):
        if name == WITHOUT_BODY or bool((point < 0).any()) or bool((point >= grid.shape).any()):
            continue
        holding = [place for place, one in enumerate(found) if _holds(one, point)]
        if not holding:
            return True
        held[holding] += len(holding) == 1  # one between two masks tells nothing
    return bool((held > 1).any()) or dice_with_detection(found, bone) < least_agreement


def _holds(one: Instance, point: NDArray[np.int_]) -> bool:
    low = point - np.asarray(one.start) - BESIDE_VOXELS
    box = tuple(slice(max(int(a), 0), max(int(a) + 2 * BESIDE_VOXELS + 1, 0)) for a in low)
    return bool(one.mask[box].any())


def dice_with_detection(found: Sequence[Instance], bone: NDArray[np.bool_]) -> float:
    """Dice of all masks together and the bone detected (x, y, z); 0 where both are empty."""
    together = np.zeros(bone.shape, bool)
    for one in found:
        together[one.box] |= one.mask
    return 2 * int((together & bone).sum()) / max(int(together.sum()) + int(bone.sum()), 1)
