"""Which vertebra each voxel belongs to where several claim it, and where borders lie on the scan's own voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.anatomy.labels import SACRAL, VERSE_IDS
from utility_functions.geometry.boxes import Voxels, box_around, common, overlap, part_of, seen_from, slabs, widened
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import SLAB_VOXELS, TIE, VertebraMap

HALF = 0.5
INSIDE, BESIDE = np.float16(0.51), np.float16(0.49)
"""A voxel of a mask is at least as likely its vertebra's as INSIDE, one beside it at most as BESIDE."""


class LabelFusion:
    """One label and its probability per voxel of ``grid``: that of the likeliest of those who fused the voxel.

    Masks are fused with the voxels beside them, which are less likely: between the two lies the border, wherever the
    scan's own voxels are.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._labels = np.zeros(grid.shape, np.uint8)
        self._probabilities: NDArray[np.float16] = np.zeros(grid.shape, np.float16)

    def add(self, number: int, first: Voxels, mask: NDArray[np.bool_], probabilities: NDArray[np.float16]) -> None:
        """Claim a mask for a label, where it is likelier than who fused before.

        first: voxel of the grid at which ``mask`` and ``probabilities``, of one shape, begin; they may reach beyond the grid.
        """
        own = np.where(mask, np.maximum(probabilities, INSIDE), np.minimum(probabilities, BESIDE))
        own[~ndimage.binary_dilation(mask)] = 0
        box, part = overlap(first, own.shape, self.grid.shape)
        shown = own[part]
        likelier = shown > self._probabilities[box]
        self._labels[box][likelier], self._probabilities[box][likelier] = number, shown[likelier]

    def labels(self) -> NDArray[np.uint8]:
        """Whose each voxel of the grid is (x, y, z); 0 where nobody is likely."""
        return np.where(self._probabilities > HALF, self._labels, 0).astype(np.uint8)

    def keep_only(self, kept: NDArray[np.bool_]) -> None:
        """Give up the voxels of masks that are not ``kept``."""
        self._probabilities[(self._probabilities > HALF) & ~kept] = 0

    def add_sacrum(self, findings: Findings) -> None:
        """Claim the sacral levels found before, on the same grid, where no vertebra is."""
        if findings.instances is None:
            return
        before = findings.instances.voxels
        sacral = np.isin(before, [VERSE_IDS[name] for name in SACRAL if name in VERSE_IDS]) & (
            self._probabilities <= HALF
        )
        self._labels[sacral], self._probabilities[sacral] = before[sacral], 1

    def on(self, target: Grid) -> VertebraMap:
        """Labels at each voxel of ``target``, from the probabilities in between, linearly.

        A voxel belongs to somebody where all together are likelier than none, and then to the likeliest.
        """
        found = np.zeros(target.shape, np.uint8)
        boxes = {n: widened(box, 1) for n, box in enumerate(ndimage.find_objects(self._labels), start=1) if box}
        for whole in ndimage.find_objects((self._labels > 0).astype(np.uint8)):
            for slab in slabs(box_around(part_of(self.grid, widened(whole, 1)), target), SLAB_VOXELS):
                best, total = (np.zeros(found[slab].shape, np.float32) for _ in range(2))
                for number, box in boxes.items():
                    there = common(box_around(part_of(self.grid, box), target), slab)
                    if not found[there].size:
                        continue
                    share = np.where(self._labels[box] == number, self._probabilities[box], 0).astype(np.float32)
                    part = self.grid.window([axis.start for axis in box], share.shape)
                    seen = resample(Volume(share, part), part_of(target, there), fill=0.0).voxels
                    inside = seen_from(there, slab)
                    total[inside] += seen
                    likelier = seen > best[inside] + TIE
                    best[inside][likelier], found[there][likelier] = seen[likelier], number
                found[slab][total <= HALF + TIE] = 0
        return VertebraMap(found, target)
