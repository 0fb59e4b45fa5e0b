"""The memory that one pass of a network takes, and how many patches go through it at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from learning_functions.runtime.inference_devices import InferenceDevice
from utility_functions.geometry.grid import Grid

BYTES_PER_VOXEL_AND_FILTER = 34.0
"""Peak memory of one pass of a 3D U-Net per voxel and filter of its first level (benchmarks/bench_detection.py), for
networks whose layers are not walked through."""
BYTES_PER_NUMBER = 4
SLACK = 1.25
"""Measured peaks are up to 1.1 times the features that are held."""
MAP_BYTES = 1.0
"""For each voxel of a scan, the map of parts, and that of vertebrae."""
SPINE_BYTES, KEPT_BYTES = 40.0, 16.0
"""For each cubic mm of the box round the spine: its image, probabilities and offsets at 1 mm, and what is made of
them; and what is kept of these until a scan is written. With these, a painted spine of 900 mm in 393 million voxels was
measured within 3.4 of 4 GB (2026-12-01)."""
SPINE_MM = (150.0, 200.0)
"""About how wide and deep that box is; it is as high as the scan."""
WRITING_GB, WRITING_BYTES = 0.35, 30.0
"""Pictures, and the page that shows the scan, while they are made: at most, and for each voxel of the scan."""
PASS_FRACTION = 0.5
"""Of the memory beside the process itself, what a pass may take. TensorFlow keeps the memory of its largest pass, so
that the next scan has the rest."""
FIXED_GB = 1.5
"""Memory of a process with TensorFlow and its networks, before the first tile."""
MOST_GB = 6.0
"""More main memory is not used: larger tiles cost more in fresh pages than their borders save (same benchmark)."""
LEAST_GB = 0.1
GPU_FRACTION = 0.5
"""The part of a GPU's memory that a pass is planned for; the rest is for weights and for what convolutions need."""
MOST_PATCHES_OF_A_GPU = 64


def pass_bytes(device: InferenceDevice, memory_gb: float) -> float:
    """The memory that one pass may take on ``device``, in bytes.

    memory_gb: main memory for the whole process; a GPU's own memory does not depend on it.
    """
    if device.memory_gb is not None:
        return GPU_FRACTION * device.memory_gb * 1e9
    return max(min(memory_gb, MOST_GB) - FIXED_GB, LEAST_GB) * 1e9


def beside_passes_gb(grid: Grid, bytes_per_voxel: float) -> float:
    """The most memory, in GB, that a scan of that grid takes beside the passes, from its reading to its page.

    bytes_per_voxel: of the scan as it is held.
    """
    sides = np.sort(np.abs(np.ptp(grid.corners_mm(), axis=0)))
    spine = float(min(sides[0], SPINE_MM[0]) * min(sides[1], SPINE_MM[1]) * sides[2])
    voxels = math.prod(grid.shape)
    masks = SPINE_BYTES * spine + MAP_BYTES * voxels
    files = KEPT_BYTES * spine + 2 * MAP_BYTES * voxels + min(1e9 * WRITING_GB, WRITING_BYTES * voxels)
    return (bytes_per_voxel * voxels + max(masks, files)) / 1e9


def needed_gb(grid: Grid, bytes_per_voxel: float) -> float:
    """The least --memory-gb for a scan of that grid."""
    return FIXED_GB + LEAST_GB + beside_passes_gb(grid, bytes_per_voxel)


def left_beside_scan(memory_gb: float, grid: Grid, bytes_per_voxel: float) -> float:
    """What passes on a scan and the process itself may take of ``memory_gb``, in GB; enough for the smallest tiles."""
    most = FIXED_GB + PASS_FRACTION * (memory_gb - FIXED_GB)
    return max(min(memory_gb - beside_passes_gb(grid, bytes_per_voxel), most), FIXED_GB + LEAST_GB)


def strides_of(network: keras.Model) -> tuple[int, ...]:
    """The factor by which the network's poolings shrink each axis of its input; sizes must be multiples of it."""
    pools = [layer for layer in network.layers if "Pooling" in type(layer).__name__ and hasattr(layer, "pool_size")]
    steps = (
        np.prod([layer.pool_size for layer in pools], axis=0) if pools else np.ones(len(network.inputs[0].shape) - 2)
    )
    return tuple(int(step) for step in steps)


def bytes_per_voxel(network: keras.Model) -> float:
    """Estimated peak memory of one pass per voxel of its input."""
    # Layers that are called twice, networks as layers, and layers that do not tell their output's shape.
    with contextlib.suppress(AttributeError, TypeError, ValueError, KeyError, NotImplementedError):
        if (held := _bytes_held(network)) > 0:
            return held
    convolutions = [layer.filters for layer in network.layers if type(layer).__name__.startswith("Conv")]
    return BYTES_PER_VOXEL_AND_FILTER * (convolutions[0] if convolutions else 1)


def _bytes_held(network: keras.Model) -> float:
    """Estimated peak memory of one pass per voxel of its input: the features that are in memory at once, and slack.

    network: a functional one, whose layers run in their order, each once. A layer's features are let go after the last
    layer that takes them.
    """
    given = network.inputs[0]
    dimensions = len(given.shape) - 2
    side = 2 * max(strides_of(network))
    shapes: dict[int, tuple[int, ...]] = {
        id(each): (1, *[side] * dimensions, each.shape[-1]) for each in network.inputs
    }
    taken = {id(tensor): place for place, layer in enumerate(network.layers) for tensor in _inputs_of(layer)}
    taken.update({id(output): len(network.layers) for output in network.outputs})
    held: dict[int, float] = {}
    most = 0.0
    for place, layer in enumerate(network.layers):
        if not isinstance(layer, keras.layers.InputLayer):
            before = [shapes[id(tensor)] for tensor in _inputs_of(layer)]
            shapes[id(layer.output)] = layer.compute_output_shape(before if len(before) > 1 else before[0])
        held[id(layer.output)] = BYTES_PER_NUMBER * math.prod(shapes[id(layer.output)])
        most = max(most, sum(held.values()))
        held = {key: size for key, size in held.items() if taken.get(key, 0) > place}
    return SLACK * most / side**dimensions


def _inputs_of(layer: keras.Layer) -> Sequence[Any]:
    return layer.input if isinstance(layer.input, list | tuple) else [layer.input]


def patches_at_once(
    network: keras.Model, patch: Sequence[int], device: InferenceDevice, memory_gb: float, fastest: int
) -> int:
    """How many patches of that size (voxels) go through the network in one batch: as many as fit, at least one.

    fastest: the most on the processor, as measured; a GPU takes at most MOST_PATCHES_OF_A_GPU.
    """
    fitting = pass_bytes(device, memory_gb) / (bytes_per_voxel(network) * np.prod(patch, dtype=float))
    return int(np.clip(fitting, 1, fastest if device.memory_gb is None else MOST_PATCHES_OF_A_GPU))
