"""The surface of a mask of bone, placed by the brightness of CT."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.label_fusion import BESIDE, HALF
from learning_functions.inference.landmarks.panoptic_maps import PanopticMaps
from learning_functions.task import Settings
from learning_functions.task_options.bone_surface import BoneSurface
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.parts import SACRUM
from utility_functions.geometry.boxes import Box, box_at, common, widened
from utility_functions.geometry.volume import Volume

OTHER_FROM = 0.3
"""Voxels that are sacrum with this probability join no mask of a vertebra, and those that are vertebra no sacrum."""


class SurfacePlacing:
    """Places the surfaces of the masks of one scan, where the options of the model tell how.

    image: normalised, on the grid of ``maps``.
    """

    def __init__(self, settings: Settings[PanopticOptions], image: Volume, maps: PanopticMaps) -> None:
        self.surface = settings.options.surface
        self._spec, self._image, self._maps = settings.spec, image, maps
        self._step_mm = float(min(image.grid.spacing_mm))

    def widened(self, box: Box) -> Box:
        """The box with the voxels that may join a mask in it."""
        if self.surface is None:
            return box
        reach = round(self.surface.reach_mm / self._step_mm) + 1
        return common(widened(box, reach), box_at((0, 0, 0), self._image.grid.shape))

    def __call__(
        self, box: Box, mask: NDArray[np.bool_], probabilities: NDArray[np.float16], sacral: bool = False
    ) -> tuple[NDArray[np.bool_], NDArray[np.float16]]:
        """The mask in a box, and its probabilities with the threshold at one half. sacral: it is the sacrum's."""
        if self.surface is None:
            return mask, probabilities
        vertebra, sacrum = self._maps.vertebra_in(box), self._maps.every[box][..., SACRUM].astype(np.float32)
        own, other = (sacrum, vertebra) if sacral else (vertebra, sacrum)
        possible = np.where(other >= OTHER_FROM, 0, own)
        hu = self._spec.in_hu(self._image.voxels[box])
        return placed_surface(mask, probabilities, possible, hu, self._step_mm, self.surface)


def placed_surface(
    mask: NDArray[np.bool_],
    scaled: NDArray[np.float16],
    possible: NDArray[np.floating],
    hu: NDArray[np.floating],
    step_mm: float,
    surface: BoneSurface,
) -> tuple[NDArray[np.bool_], NDArray[np.float16]]:
    """A mask and its probabilities with the surface where the brightness of bone ends.

    mask, scaled, possible, hu: one shape (x, y, z): the mask, its probabilities with the threshold at one half, the
    network's probability of what is drawn, and the image in HU. step_mm: the smallest spacing. Voxels that join the
    mask have probabilities that rise with brightness and fall with the distance, so that between two masks the nearer
    one has them, and so that finer grids find the surface where the image is as bright as ``surface.bright_hu``.
    """
    found = np.array(mask)
    probabilities = scaled.astype(np.float32)
    edge = mask & ~ndimage.binary_erosion(mask, border_value=1)
    dark = edge & (hu < surface.dark_hu)
    found[dark] = False
    probabilities[dark] = np.minimum(probabilities[dark], BESIDE)
    brightness = np.clip(HALF * hu / surface.bright_hu, 0, 1)
    likely = (possible >= surface.least) & ~mask
    bright = likely & (brightness > HALF)
    steps = max(round(surface.reach_mm / step_mm), 0)
    for step in range(steps):
        grown = ndimage.binary_dilation(found, mask=bright) & bright & ~found
        nearness = 1 - step / steps
        probabilities[grown] = HALF + (brightness[grown] - HALF) * nearness
        found |= grown
    beside = ndimage.binary_dilation(found) & likely & ~found
    probabilities[beside] = np.maximum(probabilities[beside], np.minimum(brightness[beside], BESIDE))
    return found, probabilities.astype(np.float16)
