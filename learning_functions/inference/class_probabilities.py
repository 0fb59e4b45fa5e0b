"""Class probabilities at each voxel of an upright image, from a segmentation network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.pass_memory import patches_at_once, strides_of
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import run_published, run_tiles
from learning_functions.spec import Spec
from learning_functions.task import Settings
from learning_functions.task_options.common_options import MirroredOptions
from utility_functions.geometry.boxes import Box, box_at, seen_from, widened, within
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.map_kinds import ClassProbabilities

WATER_HU = 0.0
"""Bone, muscle and blood are denser; fat, air and most of a table are not."""
LEAST_DENSE = 4
"""A layer with fewer dense voxels shows noise."""
LEAST_PROBABILITY = 1e-4
"""Smaller probabilities are set to 0: numpy takes ten times as long for what is too small for a normal float16."""


def class_probabilities(
    network: keras.Model, settings: Settings[MirroredOptions], view: ScanView, kind: type[LabelMap]
) -> ClassProbabilities:
    """The probabilities on the image's grid, in tiles with a margin of a quarter patch or in the published windows.

    With the option ``mirrored_inference`` the result near foreground is the mean over the image and its mirror image,
    left for right; this does not hold for the published windows. kind: class of the label map made from the
    probabilities.
    """
    image, options, padding = view.image, view.options, view.padding_value
    voxels, patch = image.voxels[..., None], settings.spec.patch
    if options.windows == "published":
        at_once = patches_at_once(network, patch, view.device, options.memory_gb, fastest=1)
        windows = run_published(network, voxels, patch, _in_half, padding, at_once)
        return ClassProbabilities(windows.astype(np.float16, copy=False), image.grid, kind)
    margin = [size // 4 for size in patch]

    def tiled(shown: NDArray[np.float32]) -> NDArray[np.float16]:
        answer = run_tiles(network, shown, margin, options.memory_gb, _in_half, padding, device=view.device, half=True)
        return answer.astype(np.float16, copy=False)

    region = dense_region(image, settings.spec, margin, strides_of(network))
    inside = tiled(voxels[region])
    found = np.zeros((*image.grid.shape, inside.shape[-1]), np.float16)
    found[..., 0] = 1
    found[region] = inside
    probabilities = ClassProbabilities(found, image.grid, kind)
    if not settings.options.mirrored_inference:
        return probabilities
    for box in ndimage.find_objects(probabilities.near_foreground().astype(np.uint8)):
        outer = widened(box, *margin)
        mirrored = np.ascontiguousarray(voxels[outer][::-1])
        other = tiled(mirrored)[::-1]
        found[box] = _in_half((found[box] + other[seen_from(box, outer)].astype(np.float32)) / 2)
    return ClassProbabilities(found, image.grid, kind)


def dense_region(image: Volume, spec: Spec, margin: Sequence[int], strides: Sequence[int]) -> Box:
    """The box of an image in which something is denser than water, and ``margin`` voxels round it.

    Air round a patient shows no vertebra. The box begins at a multiple of ``strides``, so that poolings take the same
    voxels together as in the whole image. All of the image where the network is not shown HU or nothing is dense.
    """
    low, high = spec.window
    everything = box_at((0, 0, 0), image.grid.shape)
    if spec.intensity != "window" or not low < WATER_HU < high:
        return everything
    dense = image.voxels > np.float32((2 * WATER_HU - low - high) / (high - low))
    firsts, lasts = [], []
    for axis, size in enumerate(dense.shape):
        others = tuple(other for other in range(3) if other != axis)
        [layers] = np.nonzero(np.count_nonzero(dense, axis=others) >= LEAST_DENSE)
        if not layers.size:
            return everything
        firsts.append((int(layers[0]) - margin[axis]) // strides[axis] * strides[axis])
        lasts.append(min(int(layers[-1]) + 1 + margin[axis], size))
    return within(firsts, lasts, dense.shape)


def without_tiny(probabilities: NDArray[np.float16]) -> NDArray[np.float16]:
    """The probabilities, those below LEAST_PROBABILITY set to 0."""
    bits = probabilities.view(np.uint16)  # of numbers from 0 up they have the numbers' order, and compare faster
    return np.where(bits < np.float16(LEAST_PROBABILITY).view(np.uint16), np.uint16(0), bits).view(np.float16)


def _in_half(probabilities: NDArray[Any]) -> NDArray[np.float16]:
    """Probabilities in float16, without tiny ones."""
    if probabilities.dtype != np.float16:
        np.copyto(probabilities, 0, where=probabilities < LEAST_PROBABILITY)
        return probabilities.astype(np.float16)
    return without_tiny(probabilities)
