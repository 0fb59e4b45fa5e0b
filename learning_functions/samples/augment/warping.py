"""Warping a batch in TensorFlow: the source of each voxel, and interpolation there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


@lru_cache(maxsize=64)
def spline_basis(size: int, spacing_mm: float, control_mm: float) -> NDArray[np.float32]:
    """Cubic B-splines (voxels, control points) with a control point every ``control_mm``.

    Scaled so that control points of unit variance give a field of unit variance on average.
    """
    place = np.arange(size) * spacing_mm / control_mm
    first = np.floor(place).astype(int)
    t = place - first
    pieces = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    basis = np.zeros((size, first[-1] + 4))
    for step, piece in enumerate(pieces):
        basis[np.arange(size), first + step] = piece / 6
    return (basis / np.sqrt((basis**2).sum(axis=1).mean())).astype(np.float32)


def control_shape(shape: Sequence[int], spacing_mm: Sequence[float], control_mm: float) -> list[int]:
    """The number of control points of a smooth field along each axis."""
    return [basis.shape[1] for basis in _bases(shape, spacing_mm, control_mm)]


def smooth_field(control: tf.Tensor, shape: Sequence[int], spacing_mm: Sequence[float], control_mm: float) -> tf.Tensor:
    """A smooth field (b, *shape, n) of standard deviation 1 on average, of standard normal control points.

    control: (b, *control_shape(...), n).
    """
    return along_axes(control, [basis[None] for basis in _bases(shape, spacing_mm, control_mm)])


def _bases(shape: Sequence[int], spacing_mm: Sequence[float], control_mm: float) -> list[NDArray[np.float32]]:
    return [spline_basis(size, step, control_mm) for size, step in zip(shape, spacing_mm, strict=True)]


def along_axes(values: tf.Tensor, matrices: Sequence[Any]) -> tf.Tensor:
    """Multiplies each axis of ``values`` (b, *shape, n) by its matrix (b or 1, new size, size)."""
    sizes, last = list(values.shape[1:-1]), values.shape[-1]
    for axis, matrix in enumerate(matrices):
        before, after = int(np.prod(sizes[:axis])), int(np.prod(sizes[axis + 1 :])) * last
        matrix = tf.convert_to_tensor(matrix)
        if after == 1:
            values = tf.matmul(tf.reshape(values, [-1, before, sizes[axis]]), matrix, transpose_b=True)
        else:
            values = tf.matmul(matrix[:, None], tf.reshape(values, [-1, before, sizes[axis], after]))
        sizes[axis] = matrix.shape[1]
    return tf.reshape(values, [-1, *sizes, last])


def rotation(angles: tf.Tensor, rank: int) -> tf.Tensor:
    """The rotations (b, rank, rank) in the plane by one angle, or in space by three about the axes in turn; radians.

    angles: (b, 1) or (b, 3).
    """
    cosine, sine = tf.unstack(tf.cos(angles), axis=1), tf.unstack(tf.sin(angles), axis=1)
    zero, one = tf.zeros_like(cosine[0]), tf.ones_like(cosine[0])
    turned = None
    planes = [(0, 1)] if rank == 2 else [(1, 2), (0, 2), (0, 1)]
    for number, (a, b) in enumerate(planes):
        rows = [[one if i == j else zero for j in range(rank)] for i in range(rank)]
        rows[a][a] = rows[b][b] = cosine[number]
        rows[a][b], rows[b][a] = -sine[number], sine[number]
        plane = tf.stack([tf.stack(row, axis=-1) for row in rows], axis=1)
        turned = plane if turned is None else product_of(turned, plane)
    return turned


def product_of(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The products of small matrices (b, n, k) and (b, k, m), by sums: the same for a matrix in any batch."""
    return tf.reduce_sum(one[:, :, :, None] * other[:, None], axis=2)


def sources(shape: Sequence[int], spacing_mm: Sequence[float], matrix: tf.Tensor) -> list[tf.Tensor]:
    """The voxel index (b, *shape) along each axis that every voxel comes from when ``matrix`` (b, rank, rank), in mm,
    acts about the centre."""
    rank = len(shape)
    found = []
    for a in range(rank):
        index = tf.constant((shape[a] - 1) / 2, tf.float32)
        for b in range(rank):
            steps = (np.arange(shape[b]) - (shape[b] - 1) / 2) * spacing_mm[b] / spacing_mm[a]
            line = steps.astype(np.float32).reshape([1, *(-1 if axis == b else 1 for axis in range(rank))])
            index = index + over_voxels(matrix[:, a, b], rank) * line
        found.append(index)
    return found


def over_voxels(values: tf.Tensor, rank: int) -> tf.Tensor:
    """One value per sample (b,), shaped to stand beside (b, *shape) of ``rank`` axes."""
    return tf.reshape(values, [-1] + [1] * rank)


def at_points(values: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Values (b, *shape, channels) interpolated linearly at points (b, n, axes) in voxels; outside, the nearest."""
    shape = values.shape[1:-1]
    last = np.array(shape, np.float32) - 1
    rows = tf.reshape(values, [-1, shape.num_elements(), values.shape[-1]])
    places = tf.clip_by_value(points, 0.0, last)
    low = tf.floor(places)
    strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1).astype(np.int32)
    found = 0.0
    for corner in _corners(len(last)):
        fractions = tf.where(np.array(corner, bool), places - low, 1 - (places - low))
        voxels = tf.cast(tf.minimum(low + np.array(corner, np.float32), last), tf.int32)
        flat = tf.reduce_sum(voxels * strides, axis=2)
        found += tf.reduce_prod(fractions, axis=2)[..., None] * tf.gather(rows, flat, batch_dims=1)
    return found


def is_inside(indices: Sequence[tf.Tensor], shape: Sequence[int]) -> tf.Tensor:
    """Whether each position lies in the sample, which ends half a voxel outside the centres of its outermost voxels."""
    inside = tf.constant(True)
    for index, size in zip(indices, shape, strict=True):
        inside = inside & (index >= -0.5) & (index < size - 0.5)
    return inside


def along_last(lines: tf.Tensor, values: tf.Tensor, rank: int) -> tf.Tensor:
    """One value (b, n) per voxel of spatial axis ``rank`` - 1, shaped to stand beside ``values`` (b, *shape, ...)."""
    return tf.reshape(lines, [-1, *[1] * (rank - 1), lines.shape[1], *[1] * (values.shape.rank - rank - 1)])


def nearest(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, padding_value: Any) -> tf.Tensor:
    """The value of the voxel nearest to each place, ``padding_value`` outside; values (b, *shape, ...)."""
    shape = values.shape[1 : len(indices) + 1]
    flat = _first_of_each(indices)
    for index, size, stride in zip(indices, shape, _strides(shape), strict=True):
        flat += tf.cast(tf.clip_by_value(tf.round(index), 0.0, size - 1.0), tf.int32) * stride
    found = _voxels(values, flat, len(shape))
    return tf.where(_beside(inside, found), found, tf.cast(padding_value, values.dtype))


def linear(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, padding_value: tf.Tensor) -> tf.Tensor:
    """Linear interpolation of values (b, *shape, channels) at each place, ``padding_value`` (b,) outside."""
    shape = values.shape[1:-1]
    strides = _strides(shape)
    flat = _first_of_each(indices)
    fractions = []
    for index, size, stride in zip(indices, shape, strides, strict=True):
        kept = tf.clip_by_value(index, 0.0, size - 1.0)
        low = tf.minimum(tf.floor(kept), max(size - 2.0, 0.0))
        fractions.append((kept - low)[..., None])
        flat += tf.cast(low, tf.int32) * stride
    steps = [stride if size > 1 else 0 for size, stride in zip(shape, strides, strict=True)]
    found = [_voxels(values, flat + int(np.dot(corner, steps)), len(shape)) for corner in _corners(len(shape))]
    for fraction in fractions:
        half = len(found) // 2
        found = [low + fraction * (high - low) for low, high in zip(found[:half], found[half:], strict=True)]
    return tf.where(inside[..., None], found[0], tf.reshape(padding_value, [-1] + [1] * (len(shape) + 1)))


def _voxels(values: tf.Tensor, flat: tf.Tensor, rank: int) -> tf.Tensor:
    """The values (b, *shape, ...) of voxels by their numbers in the batch (b, *shape)."""
    channels = values.shape[rank + 1 :]
    if channels.num_elements() == 1:  # single numbers are gathered faster than rows of one
        found = tf.gather(tf.reshape(values, [-1]), flat)
    else:
        found = tf.gather(tf.reshape(values, [-1, *channels]), flat)
    return tf.reshape(found, [-1, *values.shape[1 : rank + 1], *channels])


def _first_of_each(indices: Sequence[tf.Tensor]) -> tf.Tensor:
    """The number, in the batch, of the first voxel of each sample, (b, 1, ...)."""
    batch, *shape = indices[0].shape
    if batch is None:
        batch = tf.shape(indices[0])[0]
    return over_voxels(tf.range(batch) * int(np.prod(shape)), len(shape))


def _strides(shape: Sequence[int]) -> list[int]:
    return [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]


def _beside(inside: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(inside, [-1, *inside.shape[1:], *[1] * (values.shape.rank - inside.shape.rank)])


def _corners(rank: int) -> list[tuple[int, ...]]:
    return list(product((0, 1), repeat=rank))


def blurred(values: tf.Tensor, spacing_mm: Sequence[float], deviation_mm: tf.Tensor) -> tf.Tensor:
    """Values (b, *shape, channels) smoothed by a Gaussian (b,), which is truncated and renormalised at the border."""
    bands = []
    for size, step in zip(values.shape[1:-1], spacing_mm, strict=True):
        apart = ((np.arange(size)[:, None] - np.arange(size)) * step).astype(np.float32)
        band = tf.exp(-0.5 * tf.square(apart / tf.maximum(deviation_mm, 1e-3)[:, None, None]))
        bands.append(band / tf.reduce_sum(band, axis=2, keepdims=True))
    return along_axes(values, bands)


def coarser(size: int, deviation: tf.Tensor, apart: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """The matrices (b, size, size) that blur one axis, sample it every ``apart`` voxels and interpolate linearly
    between; all three are (b,).

    deviation: of the blur, in voxels; the slice thickness grows with ``apart``. start: from 0 to 1, the position of the
    first slice. Without blur, and with ``apart`` 1, it is the identity.
    """
    deviation, apart, start = (part[:, None] for part in (deviation, apart, start))
    voxel = np.arange(size, dtype=np.float32)
    place = (voxel - start * (apart - 1)) / apart
    before = tf.floor(place)
    profile = tf.sqrt(tf.square(deviation) + 0.12 * (tf.square(apart) - 1))
    profile = tf.maximum(profile, tf.where(apart > 1, 0.2, 1e-3))[..., None]
    bands = []
    for fraction, number in ((1 - (place - before), before), (place - before, before + 1)):
        centre = tf.clip_by_value(start * (apart - 1) + number * apart, 0.0, size - 1.0)
        band = tf.exp(-0.5 * tf.square((voxel - centre[..., None]) / profile))
        bands.append(fraction[..., None] * band / tf.reduce_sum(band, axis=2, keepdims=True))
    return bands[0] + bands[1]
