"""The profiles along the axes whose product is a spatial Gaussian, in keras.ops: no exponential per voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops


def profiles(points: Any, shape: Sequence[Any], sigma: Any) -> list[Any]:
    """Along each axis exp(-d^2 / 2 sigma^2) of each point: (batch, points, size).

    points (batch, points, axes) in voxels; an absent one is NaN, and its profiles are zero. sigma: one number, or one
    per point (points,).
    """
    there, points = present_points(points)
    width = ops.reshape(ops.convert_to_tensor(sigma, "float32"), (1, -1, 1))
    found = []
    for axis, size in enumerate(shape):
        away = ops.arange(size, dtype="float32") - points[:, :, axis, None]
        found.append(ops.exp(-0.5 * ops.square(away / width)) * there[:, :, None])
    return found


def present_points(points: Any) -> tuple[Any, Any]:
    """Whether each point is present (batch, points), as 1 or 0, and the points, with zero for absent ones."""
    points = ops.convert_to_tensor(points, "float32")
    missing = ops.any(ops.isnan(points), axis=-1)
    return 1.0 - ops.cast(missing, "float32"), ops.where(missing[:, :, None], 0.0, points)
