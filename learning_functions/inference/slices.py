"""The identification network over the sagittal slices that show detected voxels, in batches."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.pass_memory import patches_at_once
from learning_functions.inference.sliding_window import flexible, stride_of
from learning_functions.options import InferenceOptions
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from learning_functions.task import Settings
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.geometry.boxes import overlap
from utility_functions.geometry.volume import LabelMap, Volume

AROUND_MM = 24.0
"""What is shown in front of, behind, above and below the detected voxels, at least."""
MOST_SLICES_AT_ONCE = 16
"""On the processor more slices in a batch save no time."""


def slice_predictions(
    network: keras.Model,
    settings: Settings[TaskOptions],
    image: Volume,
    detection: LabelMap,
    padding: float,
    options: InferenceOptions,
    device: InferenceDevice = PROCESSOR,
) -> NDArray[np.float32]:
    """The prediction at each detected voxel of ``image``: (voxels, 1 or levels), in the order of np.argwhere.

    Each slice that holds a detected voxel is seen once, with its neighbours, in a window that covers all detected
    voxels and is at least as large as a training patch; or, with published windows, every slice of the scan alone.
    """
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
    window = image.window(first, size, fill=padding).voxels.astype(np.float32)
    stacks = np.lib.stride_tricks.sliding_window_view(window, spec.channels, axis=0)  # (slices, y, z, channels)
    free = flexible(network)
    published = options.windows == "published"
    at_once = patches_at_once(
        network, size[1:], device, options.memory_gb, fastest=1 if published else MOST_SLICES_AT_ONCE
    )
    batches = (np.ascontiguousarray(stacks[start : start + at_once]) for start in range(0, len(stacks), at_once))
    parts = (free.predict(batch, verbose=0) if published else free.predict_on_batch(batch) for batch in batches)
    rows_and_columns, shown = overlap(first[1:], size[1:], image.grid.shape[1:])
    predictions: list[NDArray[np.float32]] = []
    x = low[0]
    for part in parts:
        found = part[(slice(None), *shown)]
        predictions.append(found[detection.voxels[(slice(x, x + len(part)), *rows_and_columns)] > 0])
        x += len(part)
    return np.concatenate(predictions)
