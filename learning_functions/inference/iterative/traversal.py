"""Traversal of a spine, vertebra after vertebra, by a state machine that calls a network (Lessmann et al. 2019).

The network is a callable. Its input is a patch of the image and the memory of what was found. Its output is the mask of
the first vertebra that the memory does not hold, or of the target, where the centroid of one is known. The patch is
centred on the mask again and again, until its centre converges. The mask is then written where it was predicted, and
the traversal goes on from there.

A traversal always ends: seeds are offered a limited number of times, at most ``most_vertebrae`` are found, and each
seed and each vertebra leads to a limited number of predictions (``Rules.most_predictions``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.neighbour_exclusion import without_neighbouring_bodies
from learning_functions.inference.iterative.patch_prediction import Instance, PatchPredictor, VoxelPoint, largest_piece
from learning_functions.inference.iterative.seeds import CornerSeeds, HeatmapSeeds, Seeds, sign_of
from utility_functions.geometry.boxes import overlap
from utility_functions.records.trail import FOUND, MOVED, Step, Trail

IMAGE_END, LOST, FULL, HEATMAP_END = "end of the image", "trail lost", "most vertebrae", "end of the heatmap"
"""Why a traversal ends."""
REPEATED = "repeated with the prompt"
BEFORE_MM = 4.0
"""A mask that does not hold the target's centroid is of another vertebra if its mean comes this far before it."""


@dataclass(frozen=True)
class Rules:
    """When the patch moves, when a vertebra is found, and when the traversal ends.

    threshold: probability from which a voxel belongs to the mask.
    smallest_fragment_mm3, largest_mm3: a smaller mask is not a vertebra yet, a larger one is none.
    converged_voxels: a patch has converged when its last centres, with the next one, lie no farther apart along each
    axis.
    agreeing_centres: how many centres these are (Lessmann et al. 2; Serrador et al. 3).
    most_steps: after so many predictions, or when the centres repeat, the midpoint of the last two is taken.
    largest_overlap: fraction of a mask that may lie in the memory.
    nearest_mm: two masks whose means are nearer are of one vertebra.
    follow_steps: how many half patches the traversal goes on where nothing is found.
    """

    threshold: float = 0.5
    smallest_fragment_mm3: float = 1000.0
    largest_mm3: float = 250_000.0
    converged_voxels: float = 2.0
    agreeing_centres: int = 2
    most_steps: int = 20
    most_vertebrae: int = 30
    largest_overlap: float = 0.3
    nearest_mm: float = 6.0
    follow_steps: int = 2

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not (math.isfinite(value) and value >= 0) or (each.name.startswith("most_") and value < 1):
                raise ValueError(f"{each.name} is a number above zero. Received: {value}.")
        if self.agreeing_centres < 2:
            raise ValueError(f"Two centres or more can agree. Received: agreeing_centres {self.agreeing_centres}.")

    def most_predictions(self, seeds: int) -> int:
        """The most predictions that a traversal with so many seeds can take."""
        return (seeds + self.most_vertebrae * (self.follow_steps + 1)) * (self.most_steps + 1)


@dataclass(frozen=True, eq=False)
class Traversal:
    """The vertebrae in the order found; ``memory`` (x, y, z) is 1 in all of them, and in bone that was passed over."""

    found: tuple[Instance, ...]
    memory: NDArray[np.uint8]
    trail: Trail


def traverse(
    predict_patch: PatchPredictor,
    shape: Sequence[int],
    patch: Sequence[int],
    spacing_mm: Sequence[float],
    direction: str,
    seeds: Sequence[Seeds],
    rules: Rules | None = None,
    known: NDArray[np.float64] | None = None,
) -> Traversal:
    """All vertebrae of an image of ``shape`` voxels, each at most once.

    direction: "up" or "down" along the third axis. seeds: tried in order, until one of them leads to a vertebra.
    known: centroids of bodies (n, 3), in voxels. A mask excludes the bodies of all but the first vertebra, along the
        direction of traversal, whose centroid it holds.
    """
    state = _TraversalState(predict_patch, shape, patch, spacing_mm, direction, rules or Rules(), known)
    ended, name = IMAGE_END, ""
    for start in seeds:
        name, ended = start.name, state.run(start)
        if state.found:
            break
    return Traversal(tuple(state.found), state.memory, Trail(direction, name, tuple(state.steps), ended))


class _TraversalState:
    """The memory, the vertebrae found, and the steps taken."""

    def __init__(
        self,
        predict_patch: PatchPredictor,
        shape: Sequence[int],
        patch: Sequence[int],
        spacing_mm: Sequence[float],
        direction: str,
        rules: Rules,
        known: NDArray[np.float64] | None = None,
    ) -> None:
        self.predict_patch, self.rules = predict_patch, rules
        self.known = np.zeros((0, 3)) if known is None else np.asarray(known, float).reshape(-1, 3)
        self.patch, self.spacing_mm = np.asarray(patch, int), np.asarray(spacing_mm, float)
        self.sign = sign_of(direction)
        self.memory = np.zeros(tuple(int(n) for n in shape), np.uint8)
        self.found: list[Instance] = []
        self.steps: list[Step] = []

    def run(self, seeds: Seeds) -> str:
        """Go through all that ``seeds`` offers; return why it ended."""
        ended, offset = IMAGE_END, np.zeros(3)
        while (centre := seeds.next(self.memory, self._reached())) is not None:
            target = seeds.target
            unnamed = self._before(target, centre + offset) if seeds.may_follow_unnamed and target is not None else None
            instance = unnamed or self.converge(centre + offset, target)
            if target is not None and unnamed is None and instance is not None and self._is_of(target, instance):
                seeds.skip_current()
            ended = self.along(instance, seeds, seeds.follows) or ended
            if ended in (FULL, HEATMAP_END):
                return ended
            if unnamed is not None:
                continue
            if (
                instance is not None
                and not seeds.follows
                and (np.abs(instance.middle - centre) <= self.patch / 4).all()
            ):
                offset = instance.middle - centre  # from the body to the middle of the mask: much alike along a spine
        if isinstance(seeds, CornerSeeds):
            return IMAGE_END
        if self.found and not seeds.follows:
            instance, ended = self.follow(self._last())
            ended = self.along(instance, seeds, True) or ended
        return ended

    def along(self, instance: Instance | None, seeds: Seeds, onwards: bool) -> str:
        """Store a vertebra and, with ``onwards``, all that follow it; return why that ended, or ""."""
        ended = ""
        while instance is not None:
            if isinstance(seeds, HeatmapSeeds) and seeds.is_below_threshold(instance.box, instance.mask):
                self._decide(HEATMAP_END)
                return HEATMAP_END
            self.keep(instance)
            if len(self.found) >= self.rules.most_vertebrae:
                return FULL
            instance, ended = self.follow(instance) if onwards else (None, "")
        return ended

    def _before(self, target: VoxelPoint, centre: VoxelPoint) -> Instance | None:
        """The vertebra that comes before the target, from the same centre; None where there is none."""
        instance = self.converge(centre)
        if instance is None:
            return None
        is_before = self.sign * float((target - instance.mean)[2]) * self.spacing_mm[2] >= BEFORE_MM
        if is_before and not _lies_in(target, instance):
            return instance
        self._decide(REPEATED)
        return None

    def _is_of(self, target: VoxelPoint, instance: Instance) -> bool:
        """Whether a mask is of the target. The centroid of C1 need not lie in its mask, which is a ring."""
        return _lies_in(target, instance) or not any(_lies_in(other, instance) for other in self.known)

    def follow(self, last: Instance) -> tuple[Instance | None, str]:
        """The next vertebra after ``last``, half a patch at a time; or None, and why."""
        half = max(int(self.patch[2]) // 2, 1)
        for step in range(self.rules.follow_steps + 1):
            centre = last.middle + np.array((0, 0, self.sign * half * step))
            if not -0.5 <= centre[2] <= self.memory.shape[2] - 0.5:
                return None, IMAGE_END
            if (instance := self.converge(centre)) is not None:
                return instance, IMAGE_END
        return None, LOST

    def converge(self, centre: VoxelPoint, target: VoxelPoint | None = None) -> Instance | None:
        """The vertebra on which a patch converges, from ``centre`` on; None where there is none.

        target: centroid of the vertebra to find, where it is known.
        A patch whose corner would stay has converged: the next prediction would be the same.
        """
        visited: list[VoxelPoint] = []
        for _ in range(self.rules.most_steps):
            corner = self._corner(centre)
            at = corner + (self.patch - 1) / 2
            if any((at == other).all() for other in visited):
                break
            visited.append(at)
            if (instance := self.predict(corner, target)) is None:
                return None
            if self._has_converged([*visited, instance.middle]) or (self._corner(instance.middle) == corner).all():
                return self._checked(instance)
            centre = instance.middle
        instance = self.predict(self._corner((visited[-1] + centre) / 2), target)
        return None if instance is None else self._checked(instance)

    def _has_converged(self, centres: Sequence[VoxelPoint]) -> bool:
        """Whether the last centres of a patch agree; the next one is among them."""
        last = centres[-self.rules.agreeing_centres :]
        return len(last) == self.rules.agreeing_centres and bool(
            np.ptp(last, axis=0).max() <= self.rules.converged_voxels
        )

    def predict(self, corner: NDArray[np.int_], target: VoxelPoint | None = None) -> Instance | None:
        """The largest component that is predicted outside the memory; None where it is no vertebra."""
        image, inner = overlap(corner, self.patch, self.memory.shape)
        memory = np.zeros(tuple(self.patch), np.uint8)
        memory[inner] = self.memory[image]
        x, y, z = (int(n) for n in corner)
        prediction = self.predict_patch((x, y, z), memory, target)
        mask = np.zeros(tuple(self.patch), bool)
        mask[inner] = np.asarray(prediction.mask)[inner] >= self.rules.threshold
        count = int(mask.sum())
        remembered = int((mask & (memory > 0)).sum())
        places, own = np.asarray(self.known - corner, float), None if target is None else target - corner
        piece = without_neighbouring_bodies(
            largest_piece(mask & (memory == 0)), places, own, self.spacing_mm, self.sign
        )
        volume = float(piece.sum() * np.prod(self.spacing_mm))
        decision = MOVED
        if count and remembered > self.rules.largest_overlap * count:
            decision = "in memory"
        elif volume < self.rules.smallest_fragment_mm3 or volume == 0:
            decision = "too little" if count else "nothing"
        elif volume > self.rules.largest_mm3:
            decision = "too much"
        self.steps.append(Step(_three(corner + (self.patch - 1) / 2), volume, decision))
        if decision != MOVED:
            return None
        box = ndimage.find_objects(piece.astype(np.uint8))[0]
        start = corner + [axis.start for axis in box]
        first = (int(start[0]), int(start[1]), int(start[2]))
        wider = tuple(slice(axis.start, axis.stop + 2) for axis in box)
        probabilities = np.pad(np.asarray(prediction.mask, np.float16), 1)[wider]
        return Instance(first, piece[box], prediction.complete, prediction.level, probabilities)

    def keep(self, instance: Instance) -> None:
        """Write a vertebra into the memory, where it was predicted."""
        self.memory[instance.box][instance.mask] = 1
        self.found.append(instance)

    def _checked(self, instance: Instance) -> Instance | None:
        """The vertebra, or None where it is the rest of one found before; the last step records which."""
        away = [np.linalg.norm((instance.mean - other.mean) * self.spacing_mm) for other in self.found]
        new = not away or min(away) >= self.rules.nearest_mm
        self._decide(FOUND if new else "too near")
        return instance if new else None

    def _decide(self, decision: str) -> None:
        """Change the decision of the last step."""
        self.steps[-1] = replace(self.steps[-1], decision=decision)

    def _last(self) -> Instance:
        """The vertebra farthest along the direction of traversal."""
        return max(self.found, key=lambda one: self.sign * float(one.middle[2]))

    def _reached(self) -> float | None:
        """How far the vertebrae found reach along the third axis, in the direction of traversal."""
        if not self.found:
            return None
        edges = [one.box[2].stop - 1 if self.sign > 0 else one.box[2].start for one in self.found]
        return float(max(edges) if self.sign > 0 else min(edges))

    def _corner(self, centre: VoxelPoint) -> NDArray[np.int_]:
        return np.rint(centre - (self.patch - 1) / 2).astype(int)


def _lies_in(point: VoxelPoint, one: Instance) -> bool:
    """Whether a mask holds a point of the image, or a voxel beside it."""
    return bool(np.abs(np.argwhere(one.mask) + one.start - np.rint(point)).max(axis=1).min() <= 1)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
