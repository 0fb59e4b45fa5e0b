"""Label fusion: each voxel goes to the likeliest vertebra, and borders are placed on the scan's own voxels."""

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
"""A voxel of a mask has at least the probability INSIDE, one beside it at most BESIDE."""


class LabelFusion:
    """One label and its probability per voxel of ``grid``: those of the likeliest mask added.

    A mask is added with the voxels beside it, which have smaller probabilities. Its border lies between the two,
    wherever the scan's own voxels are.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._labels = np.zeros(grid.shape, np.uint8)
        self._probabilities: NDArray[np.float16] = np.zeros(grid.shape, np.float16)

    def add(self, number: int, first: Voxels, mask: NDArray[np.bool_], probabilities: NDArray[np.float16]) -> None:
        """Add a mask for a label, where it is likelier than those added before.

        first: voxel of the grid at which ``mask`` and ``probabilities``, of one shape, begin; they may reach beyond the
        grid.
        """
        candidate = np.where(mask, np.maximum(probabilities, INSIDE), np.minimum(probabilities, BESIDE))
        candidate[~ndimage.binary_dilation(mask)] = 0
        box, part = overlap(first, candidate.shape, self.grid.shape)
        visible = candidate[part]
        likelier = visible > self._probabilities[box]
        self._labels[box][likelier], self._probabilities[box][likelier] = number, visible[likelier]

    def labels(self) -> NDArray[np.uint8]:
        """The label of each voxel of the grid (x, y, z); 0 where no probability exceeds one half."""
        return np.where(self._probabilities > HALF, self._labels, 0).astype(np.uint8)

    def keep_only(self, kept: NDArray[np.bool_]) -> None:
        """Remove the voxels of masks that are not in ``kept`` (x, y, z)."""
        self._probabilities[(self._probabilities > HALF) & ~kept] = 0

    def add_sacrum(self, findings: Findings) -> None:
        """Add the sacral levels found before, on the same grid, where no vertebra is."""
        if findings.instances is None:
            return
        previous = findings.instances.voxels
        sacral = np.isin(previous, [VERSE_IDS[name] for name in SACRAL if name in VERSE_IDS]) & (
            self._probabilities <= HALF
        )
        self._labels[sacral], self._probabilities[sacral] = previous[sacral], 1

    def on(self, target: Grid) -> VertebraMap:
        """Labels at each voxel of ``target``, by linear interpolation of the probabilities.

        A voxel is labelled where the probabilities of all vertebrae together exceed one half, and then with the
        likeliest.
        """
        found = np.zeros(target.shape, np.uint8)
        boxes = {n: widened(box, 1) for n, box in enumerate(ndimage.find_objects(self._labels), start=1) if box}
        for labelled in ndimage.find_objects((self._labels > 0).astype(np.uint8)):
            for slab in slabs(box_around(part_of(self.grid, widened(labelled, 1)), target), SLAB_VOXELS):
                highest, total = (np.zeros(found[slab].shape, np.float32) for _ in range(2))
                for number, box in boxes.items():
                    region = common(box_around(part_of(self.grid, box), target), slab)
                    if not found[region].size:
                        continue
                    probabilities = np.where(self._labels[box] == number, self._probabilities[box], 0).astype(
                        np.float32
                    )
                    part = self.grid.window([axis.start for axis in box], probabilities.shape)
                    interpolated = resample(Volume(probabilities, part), part_of(target, region), fill=0.0).voxels
                    inside = seen_from(region, slab)
                    total[inside] += interpolated
                    likelier = interpolated > highest[inside] + TIE
                    highest[inside][likelier], found[region][likelier] = interpolated[likelier], number
                found[slab][total <= HALF + TIE] = 0
        return VertebraMap(found, target)
