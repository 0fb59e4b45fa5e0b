"""The identification network over the sagittal slices that show detected voxels, in batches; on one grid or two."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import keras
import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.pass_memory import patches_at_once
from learning_functions.inference.scan_view import ScanView
from learning_functions.inference.sliding_window import flexible, stride_of, trace_once
from learning_functions.options import InferenceOptions
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from learning_functions.spec import Spec
from learning_functions.task import Settings
from learning_functions.task_options.common_options import TaskOptions
from utility_functions.geometry.boxes import overlap
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume

AROUND_MM = 24.0
"""What is shown in front of, behind, above and below the detected voxels, at least."""
MOST_SLICES_AT_ONCE = 16
"""On the processor more slices in a batch save no time."""
LEAST_SHIFTED_MM = 80.0
"""Where less of the spine is detected, one prediction is made: the mean of two loses bodies at the ends of a slab."""
CORNERS = tuple((slice(None), y, z) for y, z in product((slice(None, -1), slice(1, None)), repeat=2))
"""The four voxels around each voxel of a grid in the grid half a voxel off along rows and columns, one voxel larger."""


@dataclass(frozen=True)
class SliceWindow:
    """The part of an image that the network sees: its first voxel and its size in voxels, padding included.

    stride: the factor by which the network's poolings shrink a slice; rows and columns are multiples of it.
    """

    first: NDArray[np.int_]
    size: NDArray[np.int_]
    stride: int

    @classmethod
    def around(cls, network: keras.Model, spec: Spec, detection: LabelMap, options: InferenceOptions) -> SliceWindow:
        """The window that covers all detected voxels, at least as large as a training patch.

        It holds the slices with a detected voxel, or all slices with published windows, and their neighbours.
        """
        where = np.argwhere(detection.voxels)
        low, high = where.min(axis=0), where.max(axis=0) + 1
        if options.windows == "published":
            low[0], high[0] = 0, detection.grid.shape[0]
        around = np.ceil(AROUND_MM / np.asarray(spec.spacing_mm)).astype(int)
        stride = stride_of(network)
        size = np.maximum(np.asarray(spec.patch), high - low + 2 * around)
        size = -(-size // stride) * stride
        first = (low + high - size) // 2
        first[0], size[0] = low[0] - spec.channels // 2, high[0] - low[0] + spec.channels - 1
        return cls(first, size, stride)

    def half_a_stride_off(self) -> SliceWindow:
        """A window that covers this one and begins half a stride before it along rows and columns."""
        in_plane = np.array((0, 1, 1))
        return SliceWindow(self.first - in_plane * (self.stride // 2), self.size + in_plane * self.stride, self.stride)


def slice_predictions(
    network: keras.Model,
    settings: Settings[TaskOptions],
    image: Volume,
    detection: LabelMap,
    padding: float,
    options: InferenceOptions,
    device: InferenceDevice = PROCESSOR,
    window: SliceWindow | None = None,
) -> NDArray[np.float32]:
    """The prediction at each detected voxel of ``image``: (voxels, 1 or levels), in the order of np.argwhere.

    Each slice of the window is seen once, with its neighbours; in batches or, with published windows, alone.
    window: None: the one around the detected voxels.
    """
    image.grid.require_same(detection.grid, "The image and the detection")
    window = window or SliceWindow.around(network, settings.spec, detection, options)
    first, size, channels = window.first, window.size, settings.spec.channels
    seen = image.window(first, size, fill=padding).voxels.astype(np.float32)
    stacks = np.lib.stride_tricks.sliding_window_view(seen, channels, axis=0)  # (slices, y, z, channels)
    free = flexible(network)
    trace_once(free)
    published = options.windows == "published"
    at_once = patches_at_once(
        network, size[1:].tolist(), device, options.memory_gb, fastest=1 if published else MOST_SLICES_AT_ONCE
    )
    batches = (np.ascontiguousarray(stacks[start : start + at_once]) for start in range(0, len(stacks), at_once))
    parts = (free.predict(batch, verbose=0) if published else free.predict_on_batch(batch) for batch in batches)
    rows_and_columns, shown = overlap(first[1:], size[1:], image.grid.shape[1:])
    predictions: list[NDArray[np.float32]] = []
    x = int(first[0]) + channels // 2
    for part in parts:
        found = part[(slice(None), *shown)]
        predictions.append(found[detection.voxels[(slice(x, x + len(part)), *rows_and_columns)] > 0])
        x += len(part)
    return np.concatenate(predictions)


def mean_predictions(
    network: keras.Model, settings: Settings[TaskOptions], view: ScanView, detection: LabelMap
) -> NDArray[np.float32]:
    """The mean of two predictions at each detected voxel of the view's image: (voxels, 1 or levels).

    A network with poolings answers differently where its window begins elsewhere, and where the voxels lie in the scan
    is chance. So the second prediction is made on a grid half a voxel off along rows and columns, in a window half a
    stride off, and interpolated linearly.
    """
    image, options, padding = view.image, view.options, view.padding_value
    window = SliceWindow.around(network, settings.spec, detection, options)
    predictions = slice_predictions(network, settings, image, detection, padding, options, view.device, window)
    heights = np.flatnonzero(detection.voxels.any(axis=(0, 1)))
    if np.ptp(heights) * detection.grid.spacing_mm[2] < LEAST_SHIFTED_MM:
        return predictions
    grid = image.grid.window((0.0, -0.5, -0.5), np.add(image.grid.shape, (0, 1, 1)))
    shifted = resample(image, grid, padding) if view.image_at is None else view.image_at(grid)
    detected = detection.voxels > 0
    near = np.zeros(grid.shape, np.uint8)
    for corner in CORNERS:
        near[corner] |= detected
    number = np.cumsum(near).reshape(near.shape) - 1
    others = slice_predictions(
        network,
        settings,
        shifted,
        LabelMap(near, grid),
        padding,
        options,
        view.device,
        window.half_a_stride_off(),
    )
    interpolated = np.mean([others[number[corner][detected]] for corner in CORNERS], axis=0)
    return (predictions + interpolated) / 2
