"""Types of label maps by the meaning of their numbers, and the class probabilities that some are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.boxes import box_around, box_at, common, part_of, size_of, slabs, widened
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

TIE = 1e-4
"""By how much a class must be likelier than one before it, so that equal ones stay equal however a scan is stored."""
SLAB_VOXELS = 4_000_000
"""Voxels of a scan worked on at once, so that no number of every voxel and class is in memory."""


class TubeMap(LabelMap):
    """1 in the tubes of bodies and discs round the centroids, as the published detection finds them."""


class PartMap(LabelMap):
    """The part of the spine per voxel, by its code in anatomy/parts.py."""


class BodyMap(LabelMap):
    """A VerSe id per voxel of vertebral bodies, or of tubes round them: processes are left out."""


class VertebraMap(LabelMap):
    """A VerSe id per voxel of whole vertebrae."""


class StructureMap(LabelMap):
    """1 vertebra, 2 disc, 3 canal per voxel (anatomy/structures.py)."""


class SpiderMap(LabelMap):
    """Single structures in SPIDER's code: vertebrae counted from the bottom, canal, discs."""


KINDS: dict[str, type[LabelMap]] = {
    kind.__name__: kind for kind in (TubeMap, PartMap, BodyMap, VertebraMap, StructureMap, SpiderMap)
}


@dataclass(frozen=True, eq=False)
class ClassProbabilities:
    """How likely each class is at each voxel, on the network's own grid.

    voxels: (x, y, z, classes) float16, the first class being the background. kind: what the map of the likeliest class
    is. They stay on this grid until a map is needed on another one: classes themselves, taken from the nearest voxel,
    would have steps as large as the network's voxels.
    """

    voxels: NDArray[np.float16]
    grid: Grid
    kind: type[LabelMap]

    def __post_init__(self) -> None:
        if self.voxels.shape[:-1] != self.grid.shape:
            raise ValueError(
                f"Probabilities and grid must agree in shape. Received: {self.voxels.shape} on {self.grid.shape}."
            )

    @cached_property
    def likeliest(self) -> NDArray[np.uint8]:
        """The likeliest class of each voxel (x, y, z), the first of equal ones."""
        half = self.voxels.dtype == np.float16  # whose bits, from 0 up, have the order of the numbers
        bits = self.voxels.view(np.uint16) if half else self.voxels
        best, found = bits[..., 0].copy(), np.zeros(self.grid.shape, np.uint8)
        for code in range(1, bits.shape[-1]):
            likelier = bits[..., code] > best
            np.copyto(found, np.uint8(code), where=likelier)
            np.copyto(best, bits[..., code], where=likelier)
        return found

    def with_grid(self, grid: Grid) -> Self:
        """The same voxels on another grid."""
        return type(self)(self.voxels, grid, self.kind)

    def on(self, target: Grid) -> LabelMap:
        """The likeliest class at each voxel of ``target``, interpolated linearly between the network's voxels.

        Where only background is near, nothing is computed.
        """
        found = np.zeros(target.shape, np.uint8)
        for box in ndimage.find_objects(self.near_foreground().astype(np.uint8)):
            for slab in slabs(box_around(part_of(self.grid, box), target), SLAB_VOXELS):
                wanted, own = part_of(target, slab), found[slab]
                near = common(widened(box_around(wanted, self.grid), 2), box)
                if not min(size_of(near)):
                    continue
                part, classes = part_of(self.grid, near), self.voxels[near]
                every = [
                    Volume(np.ascontiguousarray(classes[..., code], np.float32), part)
                    for code in range(classes.shape[-1])
                ]
                best = np.full(wanted.shape, -1.0, np.float32)
                for code, probability in enumerate(every):
                    values = resample(probability, wanted, fill=float(code == 0)).voxels
                    likelier = values > best + TIE
                    own[likelier], best[likelier] = code, values[likelier]
        return self.kind(found, target)

    def near_foreground(self) -> NDArray[np.bool_]:
        """Where something else than the background is likeliest, and two voxels round it."""
        near = np.zeros(self.grid.shape, np.bool_)
        for found in ndimage.find_objects((self.likeliest > 0).astype(np.uint8)):
            box = common(widened(found, 2), box_at((0, 0, 0), near.shape))
            near[box] = ndimage.binary_dilation(self.likeliest[box] > 0, iterations=2)
        return near


AnyMap = TypeVar("AnyMap", bound=Any)


def placed(found: Volume | ClassProbabilities, grid: Grid) -> Volume:
    """A map on ``grid``: the likeliest class of probabilities, labels of the nearest voxel, images linearly."""
    return found.on(grid) if isinstance(found, ClassProbabilities) else resample(found, grid)
