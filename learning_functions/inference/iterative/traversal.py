"""Vertebra after vertebra along a spine: a state machine that asks a network what it sees (Lessmann et al. 2019).

The network is a callable that sees a patch of the image with the memory of what was found, and answers with the mask of
the first vertebra not in it, or of the one that is meant, where a centroid of it is known. A patch is centred on what
it shows until it rests; the mask is then written where it was predicted, and the search goes on from there.

It always ends: seeds are offered a limited number of times, at most ``most_vertebrae`` are kept, and each of them,
like each start, leads to a limited number of looks (``Rules.most_predictions``).
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

IMAGE_END, LOST, FULL, HEATMAP_END = "end of the image", "trail lost", "most vertebrae", "heat ends"
"""Why traversals end."""
REPEATED = "looked at again, marked"
BEFORE_MM = 4.0
"""A mask that does not hold the centroid that is meant, and labels middle comes so much before it, is another's."""


@dataclass(frozen=True)
class Rules:
    """When to move, keep and give up.

    threshold: probability from which a voxel belongs to the mask.
    smallest_fragment_mm3, largest_mm3: less is nothing yet, more is no vertebra.
    converged_voxels: a patch rests when its last centres, with the one it would move to, lie no farther apart along
        each axis. agreeing_centres: how many centres those are (Lessmann et al. 2; Serrador et al. 3).
    most_steps: after so many looks, or when it runs in a circle, the midpoint of the last two positions is taken.
    largest_overlap: share of a mask that may lie in memory.
    nearest_mm: two vertebrae labels middles are nearer are one.
    follow_steps: by how many half patches the trail is followed where nothing is seen.
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
        """More looks than this no traversal takes that is offered so many seeds."""
        return (seeds + self.most_vertebrae * (self.follow_steps + 1)) * (self.most_steps + 1)


@dataclass(frozen=True, eq=False)
class Traversal:
    """What was found, in the order found; ``memory`` (x, y, z) is 1 on all of it, and on what was passed over."""

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

    direction: "up" or "down" along the third axis. seeds: tried one after another until one has led to a vertebra.
    known: centroids of bodies (n, 3), in voxels: a mask gives up what lies in the bodies of others than the first one
        along the way labels centroid it holds.
    """
    state = _TraversalState(predict_patch, shape, patch, spacing_mm, direction, rules or Rules(), known)
    ended, name = IMAGE_END, ""
    for start in seeds:
        name, ended = start.name, state.run(start)
        if state.found:
            break
    return Traversal(tuple(state.found), state.memory, Trail(direction, name, tuple(state.steps), ended))


class _TraversalState:
    """The state: memory, what was found, and the steps taken."""

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
        """Take all that ``seeds`` offers; returns why it ended."""
        ended, lead = IMAGE_END, np.zeros(3)
        while (centre := seeds.next(self.memory, self._reached())) is not None:
            target = seeds.target
            hidden = self._before(target, centre + lead) if seeds.may_follow_unnamed and target is not None else None
            seen = hidden or self.converge(centre + lead, target)
            if target is not None and hidden is None and seen is not None and self._is_of(target, seen):
                seeds.skip_current()
            ended = self.along(seen, seeds, seeds.follows) or ended
            if ended in (FULL, HEATMAP_END):
                return ended
            if hidden is not None:
                continue
            if seen is not None and not seeds.follows and (np.abs(seen.middle - centre) <= self.patch / 4).all():
                lead = seen.middle - centre  # bodies lie in front of the middle of their vertebrae, each much alike
        if isinstance(seeds, CornerSeeds):
            return IMAGE_END
        if self.found and not seeds.follows:
            seen, ended = self.follow(self._last())
            ended = self.along(seen, seeds, True) or ended
        return ended

    def along(self, seen: Instance | None, seeds: Seeds, onwards: bool) -> str:
        """Keep what is seen and, where asked, all that follows on it; returns why it ended, if it did."""
        ended = ""
        while seen is not None:
            if isinstance(seeds, HeatmapSeeds) and seeds.is_below_threshold(seen.box, seen.mask):
                self._decide(HEATMAP_END)
                return HEATMAP_END
            self.keep(seen)
            if len(self.found) >= self.rules.most_vertebrae:
                return FULL
            seen, ended = self.follow(seen) if onwards else (None, "")
        return ended

    def _before(self, target: VoxelPoint, centre: VoxelPoint) -> Instance | None:
        """A vertebra that comes before the one that is meant, from the same place on; None where there is none."""
        seen = self.converge(centre)
        if seen is None:
            return None
        is_before = self.sign * float((target - seen.mean)[2]) * self.spacing_mm[2] >= BEFORE_MM
        if is_before and not _lies_in(target, seen):
            return seen
        self._decide(REPEATED)
        return None

    def _is_of(self, target: VoxelPoint, seen: Instance) -> bool:
        """Whether a mask is of the vertebra that is meant, labels centroid need not lie in it where it is a ring."""
        return _lies_in(target, seen) or not any(_lies_in(other, seen) for other in self.known)

    def follow(self, last: Instance) -> tuple[Instance | None, str]:
        """The next vertebra from ``last`` on, half a patch at a time; or None, and why."""
        half = max(int(self.patch[2]) // 2, 1)
        for step in range(self.rules.follow_steps + 1):
            centre = last.middle + np.array((0, 0, self.sign * half * step))
            if not -0.5 <= centre[2] <= self.memory.shape[2] - 0.5:
                return None, IMAGE_END
            if (seen := self.converge(centre)) is not None:
                return seen, IMAGE_END
        return None, LOST

    def converge(self, centre: VoxelPoint, target: VoxelPoint | None = None) -> Instance | None:
        """The vertebra that a patch comes to rest on, looking from ``centre`` first; None where the trail ends.

        meant: the centroid of the vertebra looked for, where it is known.
        A patch that would not move at all rests: looking again would show the same.
        """
        been: list[VoxelPoint] = []
        for _ in range(self.rules.most_steps):
            corner = self._corner(centre)
            at = corner + (self.patch - 1) / 2
            if any((at == other).all() for other in been):
                break
            been.append(at)
            if (seen := self.look(corner, target)) is None:
                return None
            if self._has_converged([*been, seen.middle]) or (self._corner(seen.middle) == corner).all():
                return self._checked(seen)
            centre = seen.middle
        seen = self.look(self._corner((been[-1] + centre) / 2), target)
        return None if seen is None else self._checked(seen)

    def _has_converged(self, centres: Sequence[VoxelPoint]) -> bool:
        """Whether the last centres of a patch, the one it would move to among them, agree."""
        last = centres[-self.rules.agreeing_centres :]
        return len(last) == self.rules.agreeing_centres and bool(
            np.ptp(last, axis=0).max() <= self.rules.converged_voxels
        )

    def look(self, corner: NDArray[np.int_], target: VoxelPoint | None = None) -> Instance | None:
        """The largest piece that the network shows and memory does not hold; None where that is no vertebra."""
        image, inner = overlap(corner, self.patch, self.memory.shape)
        memory = np.zeros(tuple(self.patch), np.uint8)
        memory[inner] = self.memory[image]
        x, y, z = (int(n) for n in corner)
        prediction = self.predict_patch((x, y, z), memory, target)
        mask = np.zeros(tuple(self.patch), bool)
        mask[inner] = np.asarray(prediction.mask)[inner] >= self.rules.threshold
        count = int(mask.sum())
        held = int((mask & (memory > 0)).sum())
        places, own = np.asarray(self.known - corner, float), None if target is None else target - corner
        piece = without_neighbouring_bodies(
            largest_piece(mask & (memory == 0)), places, own, self.spacing_mm, self.sign
        )
        volume = float(piece.sum() * np.prod(self.spacing_mm))
        decision = MOVED
        if count and held > self.rules.largest_overlap * count:
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

    def keep(self, seen: Instance) -> None:
        """Write a vertebra into the memory, where it was predicted."""
        self.memory[seen.box][seen.mask] = 1
        self.found.append(seen)

    def _checked(self, seen: Instance) -> Instance | None:
        """What the patch rests on, or None where it is a rest of a vertebra found before; the last step says so."""
        away = [np.linalg.norm((seen.mean - other.mean) * self.spacing_mm) for other in self.found]
        new = not away or min(away) >= self.rules.nearest_mm
        self._decide(FOUND if new else "too near")
        return seen if new else None

    def _decide(self, decision: str) -> None:
        """Put another decision to the last step."""
        self.steps[-1] = replace(self.steps[-1], decision=decision)

    def _last(self) -> Instance:
        """The vertebra farthest along the direction of traversal."""
        return max(self.found, key=lambda one: self.sign * float(one.middle[2]))

    def _reached(self) -> float | None:
        """How far vertebrae found reach along the third axis, in the direction of traversal."""
        if not self.found:
            return None
        edges = [one.box[2].stop - 1 if self.sign > 0 else one.box[2].start for one in self.found]
        return float(max(edges) if self.sign > 0 else min(edges))

    def _corner(self, centre: VoxelPoint) -> NDArray[np.int_]:
        return np.rint(centre - (self.patch - 1) / 2).astype(int)


def _lies_in(point: VoxelPoint, one: Instance) -> bool:
    """Whether a voxel of a mask lies at a point of the image, or beside it."""
    return bool(np.abs(np.argwhere(one.mask) + one.start - np.rint(point)).max(axis=1).min() <= 1)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
