"""Threshold search: whether a chain of masks fits the detection, and which of several fits best.

One wrong mask in the memory spoils all that follow, and a small change of the threshold decides whether it occurs. A
mask alone does not show that it is wrong, but the detection is an independent measurement of the same bone.
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
"""Another chain replaces the first where its Dice is larger by this; even a small cervical vertebra gains more."""
WITHOUT_BODY = "C1"
"""Its centroid lies inside its ring, in no mask."""


def best_agreeing_chain(
    chain_at: Callable[[float], Traversal],
    threshold: float,
    others: Sequence[float],
    findings: Findings,
    bone: NDArray[np.bool_] | None,
    grid: Grid,
    least_agreement: float,
) -> Traversal:
    """The chain at ``threshold``; where it is inconsistent, the best other one if its Dice is clearly larger.

    chain_at: the traversal at a threshold. bone: detected vertebrae (x, y, z), on ``grid``; without it the first chain
    stands. least_agreement: a chain whose Dice with the bone is smaller is inconsistent.
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
    """Whether masks contradict what was found before.

    They do where the centroid of a named vertebra lies in no mask, where a mask holds two centroids, or where the Dice
    of masks and bone is below ``least_agreement``.
    """
    named = findings.landmarks.only(VERTEBRAE) if findings.landmarks is not None else None
    if named is None or not len(named):
        return False
    centroids_held = np.zeros(len(found), int)
    for name, point in zip(named.names, np.rint(grid.to_index(named.points_mm)).astype(int), strict=True):
        if name == WITHOUT_BODY or bool((point < 0).any()) or bool((point >= grid.shape).any()):
            continue
        holding = [place for place, one in enumerate(found) if _holds(one, point)]
        if not holding:
            return True
        centroids_held[holding] += len(holding) == 1  # a centroid between two masks is no evidence
    return bool((centroids_held > 1).any()) or dice_with_detection(found, bone) < least_agreement


def _holds(one: Instance, point: NDArray[np.int_]) -> bool:
    low = point - np.asarray(one.start) - BESIDE_VOXELS
    box = tuple(slice(max(int(a), 0), max(int(a) + 2 * BESIDE_VOXELS + 1, 0)) for a in low)
    return bool(one.mask[box].any())


def dice_with_detection(found: Sequence[Instance], bone: NDArray[np.bool_]) -> float:
    """Dice of the union of all masks and the detected bone (x, y, z); 0 where both are empty."""
    together = np.zeros(bone.shape, bool)
    for one in found:
        together[one.box] |= one.mask
    return 2 * int((together & bone).sum()) / max(int(together.sum()) + int(bone.sum()), 1)
