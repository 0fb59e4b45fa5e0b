"""The memory that one pass of a network takes, and how many patches go through it at once."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from learning_functions.runtime.inference_devices import InferenceDevice

BYTES_PER_VOXEL_AND_FILTER = 34.0
"""Peak memory of one pass of a 3D U-Net per voxel and filter of its first level (benchmarks/bench_detection.py)."""
FIXED_GB = 0.9
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


def bytes_per_voxel(network: keras.Model) -> float:
    """Estimated peak memory of one pass per voxel of its input."""
    convolutions = [layer.filters for layer in network.layers if type(layer).__name__.startswith("Conv")]
    return BYTES_PER_VOXEL_AND_FILTER * (convolutions[0] if convolutions else 1)


def patches_at_once(
    network: keras.Model, patch: Sequence[int], device: InferenceDevice, memory_gb: float, fastest: int
) -> int:
    """How many patches of that size (voxels) go through the network in one batch: as many as fit, at least one.

    fastest: the most on the processor, as measured; a GPU takes at most MOST_PATCHES_OF_A_GPU.
    """
    fitting = pass_bytes(device, memory_gb) / (bytes_per_voxel(network) * np.prod(patch, dtype=float))
    return int(np.clip(fitting, 1, fastest if device.memory_gb is None else MOST_PATCHES_OF_A_GPU))
