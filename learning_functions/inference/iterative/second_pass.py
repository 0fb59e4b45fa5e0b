"""Masks of a chain drawn once more: each by a look that is told which vertebra is meant, and remembers nothing.

A traversal hands what its masks got wrong on to all that follow. Once it has found the vertebrae, a network that learnt
marks can draw each of them for itself; what several then claim goes to the likeliest, as in Payer et al. 2020. What it
was not led to is drawn as well: vertebrae named before that have no mask, and bodies detected between those found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.overlap_resolution import (
    LEAST_FRACTION,
    MaskProposal,
    centre_of,
    cropped,
    fused_labels,
    retained_part,
    same_vertebra,
    shared_voxels,
    suppressed,
)
from learning_functions.inference.iterative.patch_prediction import Instance, PatchPredictor, VoxelPoint, largest_piece
from learning_functions.inference.iterative.seeds import sign_of
from utility_functions.anatomy.landmark_prompt import centred_first
from utility_functions.geometry.boxes import overlap
from utility_functions.geometry.grid import Grid

THRESHOLD = 0.5
SMALLEST_MM3 = 1000.0
"""Less is no vertebra, as on the way."""
NEAR_MM = 10.0
"""A centroid that lies in no mask, such as that of C1, is of the one labels centre lies no farther away."""
MISSED_FRACTION = 0.3
"""Bone of bodies that no mask holds is a vertebra that was missed from this share on of what a mask holds of it."""


class SecondPass(NamedTuple):
    """The vertebrae, those of the chain in its order and then those it had missed; looks: how many it took."""

    found: tuple[Instance, ...]
    predictions: int


def second_pass(
    predict_patch: PatchPredictor,
    found: Sequence[Instance],
    grid: Grid,
    patch: Sequence[int],
    direction: str,
    centroids: NDArray[np.float64],
    offset_mm: Sequence[float] = (0.0, 0.0, 0.0),
    bodies: NDArray[np.bool_] | None = None,
) -> SecondPass:
    """The chain with its masks drawn anew; completeness and level stay as they were told on the way.

    grid: of the image. centroids: those known of vertebrae (n, 3), in voxels of the image; a mask without one is
        marked at the centre of its body. offset_mm: from the mark to the middle of the patch, in RAS+.
    bodies: detected in the image (x, y, z).

    A drawing counts where it is of the mask found before; where two are of one vertebra, the one labels mark lies nearer
    to its centre stays, and the other is marked at the body found before. A mask that still is not drawn anew stays one
    of the rivals or, where a drawing is of the same vertebra, keeps what is left of it, if that is most of it.
    """
    segmenter = _PromptedSegmenter(predict_patch, grid, patch, direction, offset_mm)
    prompts, missed = _prompts(found, centroids, grid.spacing_mm)
    proposals = [segmenter.drawn(prompt, one) for prompt, one in zip(prompts, found, strict=True)]
    more = [segmenter.drawn(prompt) for prompt in missed]
    proposals += more
    olds: list[Instance | None] = [*found, *[None] * len(more)]
    left = [None if each is None else each.one for each in segmenter.compete(proposals, olds)]
    competitors = [
        one if one is not None or old is None or any(same_vertebra(old, other) for other in left if other) else old
        for one, old in zip(left, olds, strict=True)
    ]
    labels = fused_labels(competitors, grid.shape)
    kept = [
        None if one is None or not (own := labels[one.box] == number)[one.mask].any() else retained_part(one, own)
        for number, one in enumerate(competitors, start=1)
    ]
    held = labels > 0
    kept = [
        _remainder(old, held) if one is None and old is not None else one for one, old in zip(kept, olds, strict=True)
    ]
    before = [one for one in kept[: len(found)] if one is not None]
    new = [one for one in kept[len(found) :] if one is not None]
    for prompt in [] if bodies is None else missed_bodies(bodies, [*before, *new], grid):
        if (late := segmenter.drawn(prompt)) is not None and (rest := _remainder(late.one, held)) is not None:
            held[rest.box] |= rest.mask
            new.append(rest)
    told = [segmenter.told(one, [*before, *new]) for one in new]
    return SecondPass((*before, *told), segmenter.predictions)


class _PromptedSegmenter:
    """Where vertebrae are drawn; looks: how many it has taken."""

    def __init__(
        self,
        predict_patch: PatchPredictor,
        grid: Grid,
        patch: Sequence[int],
        direction: str,
        offset_mm: Sequence[float],
    ) -> None:
        self._predict_patch, self._grid, self._patch = predict_patch, grid, tuple(int(n) for n in patch)
        self._offset_mm, self._sign = offset_mm, sign_of(direction)
        self.predictions = 0

    def drawn(self, prompt: VoxelPoint, old: Instance | None = None) -> MaskProposal | None:
        """The vertebra at a mark; None where too little is seen, or not the one found before."""
        corner = centred_first(self._grid.to_mm(prompt), self._grid, self._patch, self._offset_mm)
        x, y, z = (int(n) for n in corner)
        self.predictions += 1
        probabilities = np.asarray(
            self._predict_patch((x, y, z), np.zeros(self._patch, np.uint8), prompt).mask, np.float16
        )
        _, inner = overlap(corner, self._patch, self._grid.shape)
        mask = np.zeros(self._patch, bool)
        mask[inner] = ndimage.binary_fill_holes(largest_piece(probabilities[inner] >= THRESHOLD))
        if not mask.any() or mask.sum() * self._grid.voxel_volume_mm3 < SMALLEST_MM3:
            return None
        blank = Instance((x, y, z), mask, np.nan, np.nan) if old is None else old
        one = cropped(blank, corner, mask, probabilities)
        if old is not None and not same_vertebra(one, old):
            return None
        return MaskProposal(one, prompt)

    def compete(
        self, proposals: Sequence[MaskProposal | None], olds: Sequence[Instance | None]
    ) -> list[MaskProposal | None]:
        """The drawings that hold most of themselves beside all others; each beaten one is tried once more."""
        left, tried = list(proposals), [False] * len(proposals)
        while True:
            labels = fused_labels([None if each is None else each.one for each in left], self._grid.shape)
            out = suppressed(left, labels, self._grid.spacing_mm)
            if out is None:
                return left
            former, old, left[out] = left[out], olds[out], None
            if old is None or tried[out] or former is None:
                continue
            tried[out] = True
            centre = centre_of(old, self._grid.spacing_mm)
            if not np.array_equal(centre, former.prompt):
                left[out] = self.drawn(centre, old)

    def told(self, one: Instance, others: Sequence[Instance]) -> Instance:
        """A vertebra that was not found on the way, with what the network tells that sees all before it as passed."""
        corner = np.rint(one.middle - (np.asarray(self._patch) - 1) / 2).astype(int)
        passed = np.zeros(self._grid.shape, np.uint8)
        for other in others:
            if self._sign * float((one.middle - other.middle)[2]) > 0:
                passed[other.box][other.mask] = 1
        image, inner = overlap(corner, self._patch, self._grid.shape)
        memory = np.zeros(self._patch, np.uint8)
        memory[inner] = passed[image]
        x, y, z = (int(n) for n in corner)
        self.predictions += 1
        prediction = self._predict_patch((x, y, z), memory, None)
        mask = np.zeros(self._patch, bool)
        mask[inner] = np.asarray(prediction.mask)[inner] >= THRESHOLD
        seen = Instance((x, y, z), mask, prediction.complete, prediction.level)
        of_it = 2 * shared_voxels(one, seen) >= max(int(mask.sum()), 1)
        return Instance(
            one.start, one.mask, prediction.complete, prediction.level if of_it else np.nan, one.probabilities
        )


def missed_bodies(bodies: NDArray[np.bool_], found: Sequence[Instance], grid: Grid) -> list[VoxelPoint]:
    """Middles, in voxels, of bodies detected between those found that no mask holds, from the top down."""
    if len(found) < 2:
        return []
    near = np.zeros(bodies.shape, bool)
    for one in found:
        near[one.box] |= one.mask
    usual = float(np.median([int((bodies[one.box] & one.mask).sum()) for one in found]))
    middles = [float(one.middle[2]) for one in found]
    pieces, _ = ndimage.label(bodies & ~ndimage.binary_dilation(near))
    counts = np.bincount(pieces.ravel())
    prompts = [
        np.argwhere(pieces[box] == number).mean(axis=0) + [axis.start for axis in box]
        for number, box in enumerate(ndimage.find_objects(pieces), start=1)
        if counts[number] >= max(MISSED_FRACTION * usual, SMALLEST_MM3 / grid.voxel_volume_mm3)
    ]
    return sorted(
        (prompt for prompt in prompts if min(middles) < prompt[2] < max(middles)), key=lambda prompt: -float(prompt[2])
    )


def _remainder(one: Instance, held: NDArray[np.bool_]) -> Instance | None:
    """What others do not hold of a mask; None where that is less than most of it."""
    rest = retained_part(one, ~held[one.box]) if not held[one.box][one.mask].all() else None
    return rest if rest is not None and rest.mask.sum() >= LEAST_FRACTION * one.mask.sum() else None


def _prompts(
    found: Sequence[Instance], centroids: NDArray[np.float64], spacing_mm: Sequence[float]
) -> tuple[list[VoxelPoint], list[VoxelPoint]]:
    """Of each mask the centroid known of it, or the centre of its body; and the centroids that are of no mask."""
    prompts = [centre_of(one, spacing_mm) for one in found]
    centres, free = list(prompts), set(range(len(centroids)))
    places = np.rint(centroids).astype(int)

    def nearest(one: int, among: Sequence[int]) -> int:
        return min(among, key=lambda place: float(np.linalg.norm((centroids[place] - centres[one]) * spacing_mm)))

    without = []
    for number, one in enumerate(found):
        own = places - one.start
        shown = ((own >= 0) & (own < one.mask.shape)).all(axis=1)
        inside = [int(place) for place in np.flatnonzero(shown) if one.mask[tuple(own[place])]]
        if inside:
            chosen = nearest(number, inside)
            prompts[number] = centroids[chosen]
            free.discard(chosen)
        else:
            without.append(number)
    for number in without:
        if not free:
            break
        chosen = nearest(number, sorted(free))
        if np.linalg.norm((centroids[chosen] - found[number].mean) * spacing_mm) <= NEAR_MM:
            prompts[number] = centroids[chosen]
            free.discard(chosen)
    return prompts, [centroids[place] for place in sorted(free)]
