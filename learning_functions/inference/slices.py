"""The identification network over the sagittal slices that show detected voxels, in batches."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import FIXED_GB, bytes_per_voxel, flexible, stride_of
from learning_functions.task import Settings
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.geometry.boxes import overlap
from utility_functions.geometry.volume import LabelMap

AROUND_MM = 24.0
"""What is shown in front of, behind, above and below the detected voxels, at least."""
MOST_SLICES_AT_ONCE = 16


def levels_of_slices(
    network: keras.Model, settings: Settings[TaskOptions], view: ScanView, detection: LabelMap
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The level per voxel of ``image`` (x, y, z), and the share of each level (voxels, levels) per detected voxel.

    A network that regresses a number gives it and no shares; of one that tells shares the level is the likeliest.
    Levels are 0 away from the detected voxels, whose shares come in the order of np.argwhere.

    Each slice that holds a detected voxel is seen once, with its neighbours, in a window that covers all detected
    voxels and is at least as large as a training patch; or, with published windows, every slice of the scan alone.
    """
    image, options = view.image, view.options
    image.grid.require_same(detection.grid, "The image and the detection")
    where = np.argwhere(detection.voxels)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    spec = settings.spec
    if options.windows == "published":
        low[0], high[0] = 0, image.grid.shape[0]
    around = np.ceil(AROUND_MM / np.asarray(spec.spacing_mm)).astype(int)
    stride = stride_of(network)
    size = np.maximum(np.asarray(spec.patch), high - low + 2 * around)
    size = -(-size // stride) * stride
    first = (low + high - size) // 2
    first[0], size[0] = low[0] - spec.channels // 2, high[0] - low[0] + spec.channels - 1
    window = image.window(first, size, fill=view.padding_value).voxels.astype(np.float32)
    stacks = np.lib.stride_tricks.sliding_window_view(window, spec.channels, axis=0)  # (slices, y, z, channels)
    free = flexible(network)
    if options.windows == "published":
        parts = (free.predict(stack[None], verbose=0) for stack in stacks)
    else:
        most = (options.memory_gb - FIXED_GB) * 1e9 / (bytes_per_voxel(network) * size[1] * size[2])
        at_once = int(np.clip(most, 1, MOST_SLICES_AT_ONCE))
        batches = (stacks[start : start + at_once] for start in range(0, len(stacks), at_once))
        parts = (free.predict_on_batch(np.ascontiguousarray(batch)) for batch in batches)
    found = np.zeros(image.grid.shape, np.float32)
    level_probabilities: list[NDArray[np.float32]] = []
    rows_and_columns, shown = overlap(first[1:], size[1:], image.grid.shape[1:])
    x = low[0]
    for part in parts:
        told = part[(slice(None), *shown)]
        place = (slice(x, x + len(part)), *rows_and_columns)
        if told.shape[-1] == 1:
            found[place] = told[..., 0]
        else:
            found[place] = told.argmax(axis=-1) + 1
            level_probabilities.append(told[detection.voxels[place] > 0])
        x += len(part)
    return found, np.concatenate(level_probabilities) if level_probabilities else None
