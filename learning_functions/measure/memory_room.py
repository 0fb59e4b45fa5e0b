"""The main memory that scans take while they wait, are run or are written: whether there is room for another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learning_functions.inference.pass_memory import (
    FIXED_GB,
    beside_passes_gb,
    bytes_per_voxel,
    left_beside_scan,
    pass_bytes,
)
from learning_functions.predict.trained_model import TrainedModel
from utility_functions.files.cases import Case
from utility_functions.files.images import read_grid
from utility_functions.geometry.grid import Grid

BYTES_PER_VOXEL_HELD = 12.0
"""More than a scan takes per voxel of its own while it is read, waits or is written.

A CT in int16 with a label map takes 5.2 at most, while it is written; one in float32 and several maps take more.
"""
USUAL_BYTES = 2.0
"""A voxel of most scans is held as int16."""
LARGEST_PHANTOM = 63e6
"""Voxels of a whole spine at 1 mm; the size of a phantom is not known before it is painted."""


def ahead_bytes(case: Case) -> float:
    """The memory of a scan that is to be read, from its header."""
    if case.phantom is not None or not case.has_image:
        return BYTES_PER_VOXEL_HELD * LARGEST_PHANTOM
    try:
        return held_bytes(read_grid(case.image_path))
    except (ValueError, OSError, RuntimeError):
        return 0.0  # reading it tells why


def held_bytes(grid: Grid) -> float:
    """The memory of a scan of that grid."""
    return BYTES_PER_VOXEL_HELD * float(np.prod(grid.shape, dtype=float))


def room_bytes(grid: Grid, models: Sequence[TrainedModel], memory_gb: float) -> float:
    """What is left of ``memory_gb`` for other scans while the models run on a scan of that grid."""
    passes = max((_pass_bytes(grid, model, memory_gb) for model in models), default=0.0)
    return (memory_gb - FIXED_GB - beside_passes_gb(grid, USUAL_BYTES)) * 1e9 - passes


def _pass_bytes(grid: Grid, model: TrainedModel, memory_gb: float) -> float:
    """Estimated main memory of the largest pass of a model on a scan."""
    if model.device.memory_gb is not None:
        return 0.0
    voxels = model.task.largest_pass(model.settings, model.settings.grid_of(grid).shape)
    most = pass_bytes(model.device, left_beside_scan(memory_gb, grid, USUAL_BYTES))
    return min(most, voxels * bytes_per_voxel(model.network))
