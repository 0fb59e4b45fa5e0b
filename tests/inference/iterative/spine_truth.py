"""Spines of simple solids with their truth, and oracles that predict from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import PatchPrediction, VoxelPoint
from learning_functions.inference.iterative.seeds import UP
from learning_functions.inference.iterative.traversal import Rules, Traversal
from utility_functions.records.trail import FOUND

SPACING_MM = (4.0, 4.0, 4.0)
PATCH = (20, 20, 16)
PITCH = 7
"""Voxels between neighbouring vertebrae; each is 5 high."""
VOXEL_MM3 = 64.0
RULES = Rules()


def spine(
    count: int,
    missing: Sequence[int] = (),
    truncated: bool = False,
    shape_across: tuple[int, int] = (30, 30),
    bend: float = 5.0,
    solid: str = "ellipsoid",
) -> NDArray[np.uint8]:
    """Labels 1 to ``count`` from the top down, along a curve, without those ``missing``.

    truncated: the image ends within the first and the last vertebra; else slightly outside them.
    """
    margin = -2 if truncated else 4
    height = max(count * PITCH + 2 * margin, 6)
    labels = np.zeros((*shape_across, height), np.uint8)
    x, y, z = np.indices(labels.shape)
    for number in range(1, count + 1):
        if number in missing:
            continue
        up = height - margin - PITCH * (number - 0.5)
        centre = (shape_across[0] / 2 + bend * np.sin(number / 3), shape_across[1] / 2 + bend * np.cos(number / 4), up)
        distances = [
            np.abs(axis - middle) / half for axis, middle, half in zip((x, y, z), centre, (7.0, 6.0, 2.6), strict=True)
        ]
        inside = np.max(distances, axis=0) <= 1 if solid == "box" else sum(part**2 for part in distances) <= 1
        labels[inside & (labels == 0)] = number
    return labels


def order_of(labels: NDArray[np.integer], direction: str) -> list[int]:
    """The labels present in the direction of traversal (they count from the top down)."""
    present = [int(number) for number in np.unique(labels[labels > 0])]
    return present[::-1] if direction == UP else present


def centres(labels: NDArray[np.integer]) -> dict[int, NDArray[np.float64]]:
    return {number: np.argwhere(labels == number).mean(axis=0) for number in order_of(labels, "down")}


@dataclass
class Oracle:
    """Predicts the first vertebra along the traversal that the memory does not hold and the patch mostly shows.

    blurred: changes a correct mask before it is returned.
    """

    labels: NDArray[np.integer]
    direction: str
    voxel_mm3: float = VOXEL_MM3
    patch: tuple[int, int, int] = PATCH
    blurred: Callable[[NDArray[np.bool_]], NDArray[np.generic]] = lambda mask: mask.astype(np.float16)
    calls: int = 0
    corners: list[tuple[int, int, int]] = field(default_factory=list)

    def __call__(
        self, corner: tuple[int, int, int], memory: NDArray[np.uint8], target: VoxelPoint | None = None
    ) -> PatchPrediction:
        self.calls += 1
        self.corners.append(corner)
        visible = window(self.labels, corner, self.patch)
        for number in order_of(visible, self.direction):
            own = visible == number
            if own.sum() * self.voxel_mm3 < RULES.smallest_fragment_mm3 or memory[own].mean() > 0.5:
                continue
            whole = self.labels == number
            edges = [whole.take(place, axis).any() for axis in range(3) for place in (0, -1)]
            complete = own.sum() >= 0.98 * whole.sum() and not any(edges)
            return PatchPrediction(self.blurred(own), float(complete), float(number))
        return PatchPrediction(np.zeros(self.patch, np.float16), 0.0, 0.0)


def window(array: NDArray, corner: Sequence[int], size: Sequence[int]) -> NDArray:
    """A box of an array, padded with 0."""
    low = [max(-a, 0) for a in corner]
    high = [max(a + n - whole, 0) for a, n, whole in zip(corner, size, array.shape, strict=True)]
    padded = np.pad(array, list(zip(low, high, strict=True)))
    return padded[tuple(slice(a + b, a + b + n) for a, b, n in zip(corner, low, size, strict=True))]


def check_kept_apart(done: Traversal) -> None:
    """Masks do not overlap, and the memory is their union."""
    total = np.zeros(done.memory.shape, int)
    for one in done.found:
        assert one.mask.any() and all(one.mask.any(axis=(1, 2))[[0, -1]]), "the box is tight"
        total[one.box] += one.mask
    assert total.max(initial=0) <= 1 and ((total > 0) == (done.memory > 0)).all()
    assert sum(step.decision == FOUND for step in done.trail.steps) == len(done.found)


def check_true(done: Traversal, labels: NDArray[np.integer], direction: str) -> None:
    """Every vertebra is found once, in order, with its true mask."""
    assert [round(one.level) for one in done.found] == order_of(labels, direction)
    assert ((done.memory > 0) == (labels > 0)).all()
    for one in done.found:
        own = np.zeros(labels.shape, bool)
        own[one.box] = one.mask
        assert (own == (labels == round(one.level))).all()
