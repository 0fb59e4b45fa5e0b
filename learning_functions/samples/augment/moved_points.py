"""Points of each sample of a batch (b, n, axes), in voxels, moved like its voxels; an absent point is NaN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import warping

STEPS = 15
"""Fixed-point iterations; each multiplies the error by at most the steepness of the field."""


def flipped(points: tf.Tensor, axis: int, size: int) -> tf.Tensor:
    """The points of samples flipped along an axis of ``size`` voxels."""
    chosen = np.arange(points.shape[2]) == axis
    return tf.where(chosen, size - 1 - points, points)


def warped(
    points: tf.Tensor,
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    matrix: tf.Tensor,
    displacement: tf.Tensor,
) -> tf.Tensor:
    """The points of samples after every voxel is taken from ``warping.sources`` of ``matrix``, plus a displacement.

    matrix: (b, axes, axes). displacement: (b, *shape, axes) in voxels, added to the source of each voxel. A fixed-point
    iteration inverts the map; it converges wherever neighbouring voxels stay in order. Points outside the sample become
    NaN: where they would come in, the image holds the padding value.
    """
    middle = (np.array(shape, np.float32) - 1) / 2
    step = np.array(spacing_mm, np.float32)
    there = tf.reduce_all((points >= -0.5) & (points < middle * 2 + 0.5), axis=2, keepdims=True)
    known = tf.where(there, points, middle)
    back = inverse(matrix)

    def unturned(places: tf.Tensor) -> tf.Tensor:
        return middle + tf.reduce_sum(((places - middle) * step)[:, :, None] * back[:, None], axis=3) / step

    def closer(done: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return done + 1, unturned(known - warping.at_points(displacement, places))

    _, found = tf.while_loop(lambda done, _: done < STEPS, closer, (0, unturned(known)))
    return tf.where(there, found, np.nan)


def ended(points: tf.Tensor, first: tf.Tensor, last: tf.Tensor, size: int) -> tf.Tensor:
    """The points of samples that show voxels ``first`` to ``last`` (b,) of ``size`` along their last axis.

    Points outside an end that is not cropped stay.
    """
    first, last = first[:, None, None], last[:, None, None]
    place = points[:, :, -1:]
    kept = ((place >= first - 0.5) | (first <= 0)) & ((place < last + 0.5) | (last >= size - 1))
    return tf.where(kept, points, np.nan)


def goes_to(shape: Sequence[int], spacing_mm: Sequence[float], matrix: tf.Tensor, push: tf.Tensor) -> list[tf.Tensor]:
    """Where every voxel goes along each axis: the way back of ``warping.sources``, shifted by ``push`` (b, axes)."""
    back, step = inverse(matrix), np.array(spacing_mm, np.float32)
    ahead = tf.unstack(tf.reduce_sum(back * (push * step)[:, None], axis=2) / step, axis=1)
    rank = len(shape)
    return [
        place - warping.over_voxels(part, rank)
        for place, part in zip(warping.sources(shape, spacing_mm, back), ahead, strict=True)
    ]


def inverse(matrix: tf.Tensor) -> tf.Tensor:
    """The inverses of rotations that are scaled alike along all axes (b, n, n)."""
    square = tf.reduce_sum(tf.square(matrix), axis=[1, 2], keepdims=True) / matrix.shape[1]
    return tf.transpose(matrix, [0, 2, 1]) / square
