"""Class probabilities at each voxel of an upright image, from a segmentation network."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from learning_functions.inference.pass_memory import patches_at_once
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import run_published, run_tiles
from learning_functions.task import Settings
from learning_functions.task_options.common_options import MirroredOptions
from utility_functions.geometry.boxes import seen_from, widened
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.map_kinds import ClassProbabilities

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
        found = run_published(network, voxels, patch, _to_float16, padding, at_once)
        return ClassProbabilities(found.astype(np.float16, copy=False), image.grid, kind)
    margin = [size // 4 for size in patch]

    def tiled(shown: NDArray[np.float32]) -> NDArray[np.float16]:
        found = run_tiles(network, shown, margin, options.memory_gb, _to_float16, padding, device=view.device)
        return found.astype(np.float16, copy=False)

    found = tiled(voxels)
    probabilities = ClassProbabilities(found, image.grid, kind)
    if not settings.options.mirrored_inference:
        return probabilities
    for box in ndimage.find_objects(probabilities.near_foreground().astype(np.uint8)):
        outer = widened(box, *margin)
        mirrored = np.ascontiguousarray(voxels[outer][::-1])
        other = tiled(mirrored)[::-1]
        found[box] = _to_float16((found[box] + other[seen_from(box, outer)].astype(np.float32)) / 2)
    return ClassProbabilities(found, image.grid, kind)


def _to_float16(probabilities: NDArray[np.float32]) -> NDArray[np.float16]:
    np.copyto(probabilities, np.float32(0), where=probabilities < LEAST_PROBABILITY)
    return probabilities.astype(np.float16)
