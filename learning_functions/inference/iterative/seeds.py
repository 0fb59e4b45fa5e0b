"""Seeds of a traversal: known centroids, a spine heatmap, or a lattice that begins in a corner.

Seeds offer centres of patches (voxel indices) in the direction of traversal. They offer a limited number in all, and
never go back; therefore a traversal ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.patch_prediction import VoxelPoint
from utility_functions.geometry.boxes import first_of, within

UP, DOWN = "up", "down"
LEAST_RESPONSE = 0.3
"""Heatmap response from which a voxel belongs to the spine (Serrador et al. 2024)."""


def sign_of(direction: str) -> int:
    """1 for "up", towards higher indices of the third axis, and -1 for "down"."""
    if direction not in (UP, DOWN):
        raise ValueError(f'A traversal goes "up" or "down". Received: {direction!r}.')
    return 1 if direction == UP else -1


class Seeds(Protocol):
    """Centres of patches, one after another.

    name: what the trail calls them.
    follows: whether the traversal goes on from each vertebra found, before the next centre.
    most: the most attempts to find a vertebra that they lead to, in all.
    target: centroid of the vertebra that the last centre means, where the network can be prompted with it.
    may_follow_unnamed: whether a vertebra without a known centroid may come before the target.
    """

    name: str
    follows: bool
    most: int
    target: VoxelPoint | None
    may_follow_unnamed: bool

    def next(self, memory: NDArray[np.uint8], reached: float | None) -> VoxelPoint | None:
        """The next centre, or None when there is none left.

        memory: 1 where a vertebra was found. Bone that counts as passed without being found is written there, too.
        reached: how far the vertebrae found reach in the direction of traversal (voxels along the third axis), or None
        before the first.
        """

    def skip_current(self) -> None:
        """The last centre has led to its target; it is not offered again."""


class CornerSeeds:
    """A lattice over the whole image at half a patch, in axial layers in the direction of traversal.

    The lattice is centred on the image and reaches beyond it where sizes do not fit. Layers that show nothing beyond
    the vertebrae found are skipped.
    """

    name, follows, may_follow_unnamed = "corner", True, False
    target: VoxelPoint | None = None

    def __init__(self, shape: Sequence[int], patch: Sequence[int], direction: str) -> None:
        self._sign = sign_of(direction)
        self._reach = patch[2] / 2
        across, front, upwards = (lattice(size, width) for size, width in zip(shape, patch, strict=True))
        layers = upwards[:: self._sign]
        self._centres = [np.array((x, y, z)) for z, y, x in product(layers, front, across)]
        self._place = 0
        self.most = len(self._centres)

    def next(self, memory: NDArray[np.uint8], reached: float | None) -> VoxelPoint | None:
        while self._place < len(self._centres):
            centre = self._centres[self._place]
            self._place += 1
            if reached is None or self._sign * (centre[2] - reached) + self._reach > 0.5:
                return centre
        return None

    def skip_current(self) -> None:
        pass


class CentroidSeeds:
    """Each centroid in the direction of traversal, until a vertebra covers it or it was offered three times.

    A vertebra without a known centroid can come between: the network then predicts that one first. A centroid is
    offered again only where something was found since; else the prediction would be the same.
    bone: (x, y, z) where vertebrae were detected. Bone that lies nearest to a centroid without a mask counts as passed,
        because a network that knows vertebrae by those before them would miss all that follow as well.
    spacing_mm: of the voxels.
    unnamed_before: for a network that takes prompts: of each centroid, whether a vertebra without one may come before
        it. One may also come where two centroids are farther apart than GAP times the nearer of their neighbours.
    """

    name, follows = "centroids", False
    TRIES = 3
    REACH_MM = 40.0
    GAP = 1.5

    def __init__(
        self,
        centres: Iterable[VoxelPoint],
        direction: str,
        bone: NDArray[np.bool_] | None = None,
        spacing_mm: Sequence[float] = (1.0, 1.0, 1.0),
        *,
        unnamed_before: Iterable[bool] | None = None,
    ) -> None:
        self._is_prompted = unnamed_before is not None
        self.target: VoxelPoint | None = None
        self.may_follow_unnamed = False
        sign = sign_of(direction)
        points = [np.asarray(centre, float) for centre in centres]
        order = sorted(range(len(points)), key=lambda place: sign * float(points[place][2]))
        self._centres = [points[place] for place in order]
        self._place = self._tried = self._known = 0
        self._bone, self._spacing_mm = bone, np.asarray(spacing_mm, float)
        may_be_unnamed = [False] * len(points) if unnamed_before is None else list(unnamed_before)
        self._unnamed_before = [may_be_unnamed[place] or gap for place, gap in zip(order, self._gaps(), strict=True)]
        self.most = self.TRIES * len(self._centres) + self._is_prompted * (self.TRIES - 1) * sum(self._unnamed_before)

    def next(self, memory: NDArray[np.uint8], reached: float | None) -> VoxelPoint | None:
        while self._place < len(self._centres):
            centre = self._centres[self._place]
            held, known = _held(memory, centre), int(np.count_nonzero(memory))
            if not held and self._tried < self.TRIES and (not self._tried or known != self._known):
                self._tried, self._known = self._tried + 1, known
                self.target = centre if self._is_prompted else None
                self.may_follow_unnamed = (
                    self._is_prompted and self._unnamed_before[self._place] and self._tried < self.TRIES
                )
                return centre
            if not held:
                self._pass_over(memory)
            self._place, self._tried = self._place + 1, 0
        return None

    def skip_current(self) -> None:
        self._place, self._tried = self._place + 1, 0

    def _gaps(self) -> list[bool]:
        """Whether each centroid is far from the one before it."""
        steps = [float(np.linalg.norm((b - a) * self._spacing_mm)) for a, b in pairwise(self._centres)]
        gaps = [False] * min(len(self._centres), 1)
        for place, step in enumerate(steps):
            beside = steps[max(place - 1, 0) : place] + steps[place + 1 : place + 2]
            gaps.append(bool(beside) and step > self.GAP * min(beside))
        return gaps

    def _pass_over(self, memory: NDArray[np.uint8]) -> None:
        """Write the bone nearest to the present centroid into the memory."""
        if self._bone is None:
            return
        centre, reach = self._centres[self._place], self.REACH_MM / self._spacing_mm
        low, high = (np.rint(centre + side * reach).astype(int) for side in (-1, 1))
        box = within(low, high, memory.shape)
        there = np.argwhere(self._bone[box])
        away = [np.linalg.norm((there + first_of(box) - other) * self._spacing_mm, axis=1) for other in self._centres]
        own = there[np.argmin(away, axis=0) == self._place]
        memory[box][tuple(own.T)] = 1


class HeatmapSeeds:
    """The largest response in the first slice that reaches the threshold (Serrador et al. 2024).

    Where the traversal finds nothing more, the next such slice beyond all that was found or offered, half a patch on.
    The traversal ends with the first mask whose responses are all below the threshold. The published rule is the
    response at the mask's centre, which may lie in the canal.
    heatmap: (x, y, z) in 0..1; smallest: the threshold.
    """

    name, follows, may_follow_unnamed = "heat", True, False
    target: VoxelPoint | None = None

    def __init__(
        self, heatmap: NDArray[np.floating], patch: Sequence[int], direction: str, smallest: float = LEAST_RESPONSE
    ) -> None:
        self._heatmap, self._smallest, self._sign = heatmap, smallest, sign_of(direction)
        self._slices = [int(z) for z in np.flatnonzero((heatmap >= smallest).any(axis=(0, 1)))][:: self._sign]
        self._step = max(patch[2] // 2, 1)
        self._from: float | None = None
        self.most = 0 if not self._slices else abs(self._slices[-1] - self._slices[0]) // self._step + 1

    def next(self, memory: NDArray[np.uint8], reached: float | None) -> VoxelPoint | None:
        least = [edge for edge in (self._from, reached) if edge is not None]
        for z in self._slices:
            if all(self._sign * (z - edge) >= 0 for edge in least):
                self._from = z + self._sign * self._step
                x, y = np.unravel_index(int(self._heatmap[:, :, z].argmax()), self._heatmap.shape[:2])
                return np.array((x, y, z), float)
        return None

    def skip_current(self) -> None:
        pass

    def is_below_threshold(self, box: tuple[slice, ...], mask: NDArray[np.bool_]) -> bool:
        """Whether all responses in a mask, in a box of the image, are below the threshold."""
        return float(self._heatmap[box][mask].max()) < self._smallest


def lattice(size: int, width: int) -> list[float]:
    """Centres of patches of ``width`` voxels, half a patch apart, that cover ``size`` voxels."""
    half = max(width // 2, 1)
    count = max(-(-(size - width) // half), 0) + 1
    first = (size - 1) / 2 - (count - 1) * half / 2
    return [first + place * half for place in range(count)]


def _held(memory: NDArray[np.uint8], centre: VoxelPoint) -> bool:
    """Whether the memory holds the voxel at ``centre``, or one beside it."""
    voxel = np.rint(centre).astype(int)
    return bool(memory[within(voxel - 1, voxel + 2, memory.shape)].any())
