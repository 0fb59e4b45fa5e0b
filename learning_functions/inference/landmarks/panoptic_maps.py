"""What a panoptic network predicts in an image: the probabilities of the parts, and offsets to centres of vertebrae."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.class_probabilities import without_tiny
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import run_tiles
from learning_functions.task import Settings
from learning_functions.task_options.panoptic_options import PanopticOptions
from utility_functions.anatomy.mr_parts import CANAL
from utility_functions.anatomy.parts import ARCH, BODY, PARTS
from utility_functions.geometry.boxes import Box
from utility_functions.geometry.grid import Grid
from utility_functions.records.map_kinds import ClassProbabilities, PartMap

MM_PER_CM = 10.0
CONTEXT_MM = 16.0
"""What the network sees around a voxel."""


@dataclass(frozen=True, eq=False)
class PanopticMaps:
    """What a panoptic network predicts in an image, on its grid.

    every: the probabilities of all its parts (x, y, z, parts) float16. offsets: (x, y, z, 3) float16, from each voxel
    to the centre of its vertebra along the axes of the grid, in cm.
    """

    every: NDArray[np.float16]
    offsets: NDArray[np.float16]
    grid: Grid

    @property
    def parts(self) -> ClassProbabilities:
        """The probabilities of the parts that CT shows; canal and cord are background."""
        known = self.every[..., : len(PARTS)]
        if self.every.shape[-1] > len(PARTS):
            known = known.copy()
            known[..., 0] += self.every[..., CANAL:].sum(axis=-1)
        return ClassProbabilities(known, self.grid, PartMap)

    @cached_property
    def vertebra(self) -> NDArray[np.float32]:
        """The probability of body or arch at each voxel."""
        return self.vertebra_in((slice(None), slice(None), slice(None)))

    def vertebra_in(self, box: Box) -> NDArray[np.float32]:
        """The probability of body or arch in a box of voxels."""
        every = self.every[box]
        return np.add(every[..., BODY], every[..., ARCH], dtype=np.float32)

    def votes_mm(self, where: tuple[NDArray[np.int_], ...]) -> NDArray[np.floating]:
        """The centres (n, 3) that voxels, given by their indices, point to, in RAS+ mm."""
        step = MM_PER_CM / np.asarray(self.grid.spacing_mm, np.float32)
        return self.grid.to_mm(np.stack(where, axis=1) + self.offsets[where].astype(np.float32) * step)


def single_output(network: keras.Model) -> keras.Model:
    """The network with parts and offsets side by side (batch, *patch, classes + 3), both for each voxel."""
    from keras_models.panoptic_unet import OFFSETS_OUTPUT, PARTS_OUTPUT, REDUCTION

    outputs = dict(zip(network.output_names, network.outputs, strict=True))
    offsets = keras.layers.UpSampling3D(REDUCTION, name="offsets_of_voxels")(outputs[OFFSETS_OUTPUT])
    joined = keras.layers.Concatenate(name="parts_and_offsets")([outputs[PARTS_OUTPUT], offsets])
    return keras.Model(network.inputs, joined, name=network.name)


def panoptic_maps(network: keras.Model, settings: Settings[PanopticOptions], view: ScanView) -> PanopticMaps:
    """The network's predictions in the view's image, in tiles.

    With the option ``mirrored_inference`` they are the means over the image and its mirror image, left for right.
    """
    image, classes = view.image, len(settings.spec.labels)
    found = _predicted(network, image.grid, image.voxels, view, view.options.memory_gb)
    if settings.options.mirrored_inference:
        left_gb = view.options.memory_gb - found.nbytes / 1e9
        other = _predicted(network, image.grid, np.ascontiguousarray(image.voxels[::-1]), view, left_gb)[::-1]
        for layer, mirrored in zip(found, other, strict=True):
            mirrored[..., classes] *= -1
            layer[...] = (layer + mirrored.astype(np.float32)) / 2
    every, offsets = found[..., :classes], found[..., classes:]  # views: a box at 1 mm is large
    for layer in every:
        layer[...] = without_tiny(layer)
    return PanopticMaps(every, offsets, image.grid)


def _predicted(
    network: keras.Model, grid: Grid, voxels: NDArray[np.floating], view: ScanView, memory_gb: float
) -> NDArray[np.float16]:
    """Parts and offsets (x, y, z, classes + 3) of an image on ``grid``."""
    margin = [round(CONTEXT_MM / step) for step in grid.spacing_mm]
    padding, device = view.padding_value, view.device
    found = run_tiles(network, voxels[..., None], margin, memory_gb, _same, padding, device=device, half=True)
    return found.astype(np.float16, copy=False)


def _same(found: NDArray[np.float16]) -> NDArray[np.float16]:
    return found
