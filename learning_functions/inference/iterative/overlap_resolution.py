"""Overlap resolution: each voxel goes to the likeliest mask, and of two masks of one vertebra one is suppressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.iterative.patch_prediction import Instance, VoxelPoint, largest_piece
from utility_functions.anatomy.centroids import body_centre
from utility_functions.anatomy.labels import regressed_level
from utility_functions.geometry.boxes import common, seen_from

LEAST_FRACTION = 0.5
"""A mask that retains a smaller fraction of itself beside the others is suppressed.

Two masks that share this fraction of the smaller one are of the same vertebra."""
FIRST_LEVEL = regressed_level("C1") or 1


@dataclass(frozen=True, eq=False)
class MaskProposal:
    """A mask that the network proposes for the vertebra at a prompt; the prompt in voxels of the image (3,)."""

    one: Instance
    prompt: VoxelPoint

    def away_mm(self, spacing_mm: Sequence[float]) -> float:
        """Distance from the prompt to the centre of the mask."""
        return float(np.linalg.norm((centre_of(self.one, spacing_mm) - self.prompt) * spacing_mm))


def centre_of(one: Instance, spacing_mm: Sequence[float]) -> VoxelPoint:
    """The landmark of a vertebra, in voxels of the image: in its body, of C1 the middle of its ring."""
    if np.isfinite(one.level) and round(one.level) == FIRST_LEVEL:
        return one.mean
    x, y, z = spacing_mm
    return np.asarray(one.start) + body_centre(one.mask, (x, y, z))


def shared_voxels(one: Instance, other: Instance) -> int:
    """How many voxels two masks have in common."""
    box = common(one.box, other.box)
    return int((one.mask[seen_from(box, one.box)] & other.mask[seen_from(box, other.box)]).sum())


def same_vertebra(one: Instance, other: Instance) -> bool:
    """Whether two masks share most of the smaller one."""
    return shared_voxels(one, other) >= LEAST_FRACTION * min(int(one.mask.sum()), int(other.mask.sum()))


def fused_labels(competitors: Sequence[Instance | None], shape: Sequence[int]) -> NDArray[np.int16]:
    """Per voxel of the image the number of the likeliest mask that holds it, from 1 on; 0 where none does (int16)."""
    labels, highest = np.zeros(tuple(shape), np.int16), np.zeros(tuple(shape), np.float16)
    for number, one in enumerate(competitors, start=1):
        if one is None:
            continue
        probabilities = np.where(one.mask, np.maximum(_inner(one), np.finfo(np.float16).tiny), 0)
        likelier = probabilities > highest[one.box]
        labels[one.box][likelier], highest[one.box][likelier] = number, probabilities[likelier]
    return labels


def suppressed(
    proposals: Sequence[MaskProposal | None], labels: NDArray[np.int16], spacing_mm: Sequence[float]
) -> int | None:
    """The index of the proposal to suppress, the worst first; None where all stand.

    The worst is the one that retains the smallest fraction of itself. Where it and the mask that takes most of it are
    of one vertebra, the one whose prompt lies farther from its mask is suppressed.
    """
    retained = [_retained_fraction(number, each, labels) for number, each in enumerate(proposals, start=1)]
    worst = int(np.argmin(retained)) if retained else 0
    weakest = proposals[worst] if retained else None
    if weakest is None or retained[worst] >= LEAST_FRACTION:
        return None
    competing = labels[weakest.one.box][weakest.one.mask]
    winner = int(np.argmax(np.bincount(competing[competing != worst + 1], minlength=2)[1:]))
    other = proposals[winner]
    if other is not None and same_vertebra(weakest.one, other.one):
        return winner if other.away_mm(spacing_mm) > weakest.away_mm(spacing_mm) else worst
    return worst


def _retained_fraction(number: int, proposal: MaskProposal | None, labels: NDArray[np.int16]) -> float:
    if proposal is None:
        return 1.0
    mask = proposal.one.mask
    return float(largest_piece(mask & (labels[proposal.one.box] == number)).sum() / mask.sum())


def retained_part(one: Instance, own: NDArray[np.bool_]) -> Instance:
    """The vertebra with the largest component of a part of its mask; ``own``: the part, in the mask's box."""
    piece = largest_piece(one.mask & own)
    if piece.sum() == one.mask.sum():
        return one
    probabilities = np.pad(one.mask, 1).astype(np.float16) if one.probabilities is None else one.probabilities
    return cropped(one, np.asarray(one.start) - 1, np.pad(piece, 1), probabilities)


def cropped(
    instance: Instance,
    first: Sequence[int] | NDArray[np.int_],
    mask: NDArray[np.bool_],
    probabilities: NDArray[np.floating],
) -> Instance:
    """A vertebra with another mask, cropped to its bounding box; mask and probabilities begin at voxel ``first``."""
    [box] = ndimage.find_objects(mask.astype(np.uint8))
    x, y, z = (int(a) + axis.start for a, axis in zip(first, box, strict=True))
    wider = tuple(slice(axis.start, axis.stop + 2) for axis in box)
    return replace(
        instance, start=(x, y, z), mask=mask[box], probabilities=np.pad(np.asarray(probabilities, np.float16), 1)[wider]
    )


def _inner(one: Instance) -> NDArray[np.float16]:
    """The probabilities in the box of the mask alone."""
    return one.mask.astype(np.float16) if one.probabilities is None else one.probabilities[1:-1, 1:-1, 1:-1]
