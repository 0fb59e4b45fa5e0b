"""Second pass: each vertebra of a chain is segmented again by its landmark prompt, with an empty memory.

In a traversal a wrong mask spoils the memory for all that follow. Once all vertebrae are found, a network that takes
prompts can segment each of them by itself; overlaps go to the likeliest mask, as in Payer et al. 2020. Vertebrae that
the traversal missed are segmented as well: those named before that have no mask, and bodies detected between others.
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
"""A smaller mask is no vertebra, as in the traversal."""
NEAR_MM = 10.0
"""A centroid that lies in no mask, such as that of C1, belongs to the mask whose mean lies no farther away."""
MISSED_FRACTION = 0.3
"""Bone of bodies outside all masks is a missed vertebra from this fraction of the usual body on."""


class SecondPass(NamedTuple):
    """The vertebrae of the chain in its order, then those it had missed; and the number of predictions."""

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
    """The chain with its masks segmented again; completeness and level stay those of the traversal.

    grid: of the image. centroids: known ones of vertebrae (n, 3), in voxels of the image; a mask without one is
        prompted at the centre of its body. offset_mm: from the prompt to the middle of the patch, in RAS+.
    bodies: detected in the image (x, y, z).

    A proposal counts where it is of the same vertebra as the mask found before. Where two are of one vertebra, the one
    whose prompt lies nearer to its centre stays; the other is prompted once more, at the body found before. A mask
    without a proposal of its own stays among the candidates. Where a proposal is of the same vertebra, it keeps the
    rest of itself, if that is most of it.
    """
    segmenter = _PromptedSegmenter(predict_patch, grid, patch, direction, offset_mm)
    prompts, missed = _prompts(found, centroids, grid.spacing_mm)
    proposals = [segmenter.proposal_at(prompt, one) for prompt, one in zip(prompts, found, strict=True)]
    more = [segmenter.proposal_at(prompt) for prompt in missed]
    proposals += more
    former: list[Instance | None] = [*found, *[None] * len(more)]
    retained = [None if each is None else each.one for each in segmenter.resolve(proposals, former)]
    candidates = [
        one if one is not None or old is None or any(same_vertebra(old, other) for other in retained if other) else old
        for one, old in zip(retained, former, strict=True)
    ]
    labels = fused_labels(candidates, grid.shape)
    kept = [
        None if one is None or not (own := labels[one.box] == number)[one.mask].any() else retained_part(one, own)
        for number, one in enumerate(candidates, start=1)
    ]
    covered = labels > 0
    kept = [
        _remainder(old, covered) if one is None and old is not None else one
        for one, old in zip(kept, former, strict=True)
    ]
    before = [one for one in kept[: len(found)] if one is not None]
    new = [one for one in kept[len(found) :] if one is not None]
    for prompt in [] if bodies is None else missed_bodies(bodies, [*before, *new], grid):
        if (proposal := segmenter.proposal_at(prompt)) is not None and (
            kept_part := _remainder(proposal.one, covered)
        ) is not None:
            covered[kept_part.box] |= kept_part.mask
            new.append(kept_part)
    described = [segmenter.described(one, [*before, *new]) for one in new]
    return SecondPass((*before, *described), segmenter.predictions)


class _PromptedSegmenter:
    """The landmark-prompted segmenter; predictions: how many it has made."""

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

    def proposal_at(self, prompt: VoxelPoint, old: Instance | None = None) -> MaskProposal | None:
        """The vertebra at a prompt; None where the mask is too small, or not of the vertebra found before."""
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

    def resolve(
        self, proposals: Sequence[MaskProposal | None], former: Sequence[Instance | None]
    ) -> list[MaskProposal | None]:
        """The proposals that retain most of themselves beside all others; each suppressed one is tried once more."""
        retained, tried = list(proposals), [False] * len(proposals)
        while True:
            labels = fused_labels([None if each is None else each.one for each in retained], self._grid.shape)
            weakest = suppressed(retained, labels, self._grid.spacing_mm)
            if weakest is None:
                return retained
            first, old, retained[weakest] = retained[weakest], former[weakest], None
            if old is None or tried[weakest] or first is None:
                continue
            tried[weakest] = True
            centre = centre_of(old, self._grid.spacing_mm)
            if not np.array_equal(centre, first.prompt):
                retained[weakest] = self.proposal_at(centre, old)

    def described(self, one: Instance, others: Sequence[Instance]) -> Instance:
        """A vertebra that the traversal missed, with completeness and level from a prediction after all before it."""
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
        predicted = Instance((x, y, z), mask, prediction.complete, prediction.level)
        is_same = 2 * shared_voxels(one, predicted) >= max(int(mask.sum()), 1)
        return Instance(
            one.start, one.mask, prediction.complete, prediction.level if is_same else np.nan, one.probabilities
        )


def missed_bodies(bodies: NDArray[np.bool_], found: Sequence[Instance], grid: Grid) -> list[VoxelPoint]:
    """Means, in voxels, of detected bodies between the vertebrae found that no mask holds, from the top down."""
    if len(found) < 2:
        return []
    covered = np.zeros(bodies.shape, bool)
    for one in found:
        covered[one.box] |= one.mask
    usual = float(np.median([int((bodies[one.box] & one.mask).sum()) for one in found]))
    middles = [float(one.middle[2]) for one in found]
    pieces, _ = ndimage.label(bodies & ~ndimage.binary_dilation(covered))
    counts = np.bincount(pieces.ravel())
    prompts = [
        np.argwhere(pieces[box] == number).mean(axis=0) + [axis.start for axis in box]
        for number, box in enumerate(ndimage.find_objects(pieces), start=1)
        if counts[number] >= max(MISSED_FRACTION * usual, SMALLEST_MM3 / grid.voxel_volume_mm3)
    ]
    return sorted(
        (prompt for prompt in prompts if min(middles) < prompt[2] < max(middles)), key=lambda prompt: -float(prompt[2])
    )


def _remainder(one: Instance, covered: NDArray[np.bool_]) -> Instance | None:
    """The part of a mask that others do not hold; None where it is less than half."""
    rest = retained_part(one, ~covered[one.box]) if not covered[one.box][one.mask].all() else None
    return rest if rest is not None and rest.mask.sum() >= LEAST_FRACTION * one.mask.sum() else None


def _prompts(
    found: Sequence[Instance], centroids: NDArray[np.float64], spacing_mm: Sequence[float]
) -> tuple[list[VoxelPoint], list[VoxelPoint]]:
    """For each mask its known centroid, or else the centre of its body; and the centroids that belong to no mask."""
    prompts = [centre_of(one, spacing_mm) for one in found]
    centres, unused = list(prompts), set(range(len(centroids)))
    places = np.rint(centroids).astype(int)

    def nearest(one: int, among: Sequence[int]) -> int:
        return min(among, key=lambda place: float(np.linalg.norm((centroids[place] - centres[one]) * spacing_mm)))

    unmatched = []
    for number, one in enumerate(found):
        own = places - one.start
        is_inside = ((own >= 0) & (own < one.mask.shape)).all(axis=1)
        inside = [int(place) for place in np.flatnonzero(is_inside) if one.mask[tuple(own[place])]]
        if inside:
            chosen = nearest(number, inside)
            prompts[number] = centroids[chosen]
            unused.discard(chosen)
        else:
            unmatched.append(number)
    for number in unmatched:
        if not unused:
            break
        chosen = nearest(number, sorted(unused))
        if np.linalg.norm((centroids[chosen] - found[number].mean) * spacing_mm) <= NEAR_MM:
            prompts[number] = centroids[chosen]
            unused.discard(chosen)
    return prompts, [centroids[place] for place in sorted(unused)]
