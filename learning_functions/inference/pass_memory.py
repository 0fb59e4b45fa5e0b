"""The memory that one pass of a network takes, and how many patches go through it at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from learning_functions.runtime.inference_devices import InferenceDevice

BYTES_PER_VOXEL_AND_FILTER = 34.0
"""Peak memory of one pass of a 3D U-Net per voxel and filter of its first level (benchmarks/bench_detection.py), for
networks whose layers are not walked through."""
BYTES_PER_NUMBER = 4
SLACK = 1.25
"""Measured peaks are up to 1.1 times the features that are held."""
BYTES_PER_SCAN_VOXEL = 7.0
"""A scan of int16, the maps of parts and vertebrae on its voxels, and what is copied while these are made."""
FIXED_GB = 1.1
"""Memory of a process with TensorFlow, a network and a scan, before the first tile."""
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


def left_beside_scan(memory_gb: float, voxels: float) -> float:
    """What is left of ``memory_gb`` beside a scan of so many voxels, in GB, and enough for the smallest tiles.

    TensorFlow keeps the memory of its largest pass, so that what the scan takes later comes on top of it.
    """
    return max(memory_gb - BYTES_PER_SCAN_VOXEL * voxels / 1e9, FIXED_GB + LEAST_GB)


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
