"""Heatmaps of a batch's points in keras.ops, equal to those of anatomy/heatmaps.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses_and_metrics.gaussian_profiles import present_points, profiles


def spine_heatmaps(points: Any, shape: Sequence[int], sigma: float) -> Any:
    """The heatmaps (b, *shape) of spines, 0 to 1; points (b, n, 3) and sigma in voxels, NaN for an absent point.

    See anatomy/heatmaps.py. The sum over the points is a product of matrices, one of which holds the first two axes.
    """
    there, known = present_points(points)
    x, y, z = profiles(points, shape, sigma)
    batch, count = ops.shape(x)[0], x.shape[1]
    across = ops.reshape(x[:, :, :, None] * y[:, :, None, :], (batch, count, shape[0] * shape[1]))
    total = ops.reshape(ops.matmul(ops.transpose(across, (0, 2, 1)), z), (batch, *shape))
    apart = ops.sum(ops.square(known[:, :, None] - known[:, None]), axis=-1)
    inside = ops.all(ops.logical_and(known >= -0.5, known < np.array(shape, "float32") - 0.5), axis=-1)
    outside = there * (1.0 - ops.cast(inside, "float32"))
    near = ops.exp(-0.5 * apart / sigma**2) * outside[:, :, None] * there[:, None]
    peak = ops.maximum(ops.max(total, axis=(1, 2, 3)), ops.max(ops.sum(near, axis=2), axis=1))
    return total / ops.where(peak > 0, peak, 1.0)[:, None, None, None]
