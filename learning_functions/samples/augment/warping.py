"""Warping one sample in TensorFlow: the source of each voxel, and interpolation there."""

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


def smooth_field(shape: Sequence[int], spacing_mm: Sequence[float], control_mm: float, seed: tf.Tensor) -> tf.Tensor:
    """A smooth random displacement (axes, *shape), each component of standard deviation 1."""
    bases = [spline_basis(size, step, control_mm) for size, step in zip(shape, spacing_mm, strict=True)]
    field = tf.random.stateless_normal([len(shape), *(basis.shape[1] for basis in bases)], seed)
    return along_axes(field, bases, first=1)


def along_axes(values: tf.Tensor, matrices: Sequence[Any], first: int = 0) -> tf.Tensor:
    """Multiplies axis first, first + 1, ... of ``values`` by a matrix (new size, size) each; those axes come last."""
    for matrix in matrices:
        values = tf.tensordot(values, matrix, [[first], [1]])
    return values


def rotation(angles: tf.Tensor, rank: int) -> tf.Tensor:
    """The rotation in the plane by one angle, or in space by three about the axes in turn; radians."""
    cosine, sine = tf.unstack(tf.cos(angles)), tf.unstack(tf.sin(angles))
    turned = tf.eye(rank)
    planes = [(0, 1)] if rank == 2 else [(1, 2), (0, 2), (0, 1)]
    for number, (a, b) in enumerate(planes):
        one = [[tf.constant(float(i == j)) for j in range(rank)] for i in range(rank)]
        one[a][a] = one[b][b] = cosine[number]
        one[a][b], one[b][a] = -sine[number], sine[number]
        turned = turned @ tf.stack([tf.stack(row) for row in one])
    return turned


def sources(shape: Sequence[int], spacing_mm: Sequence[float], matrix: tf.Tensor) -> list[tf.Tensor]:
    """The voxel index, along each axis, that every voxel comes from when ``matrix`` (in mm) acts about the centre."""
    rank = len(shape)
    found = []
    for a in range(rank):
        index = tf.constant((shape[a] - 1) / 2, tf.float32)
        for b in range(rank):
            steps = (np.arange(shape[b]) - (shape[b] - 1) / 2) * spacing_mm[b] / spacing_mm[a]
            line = steps.astype(np.float32).reshape([-1 if axis == b else 1 for axis in range(rank)])
            index = index + matrix[a, b] * line
        found.append(index)
    return found


def at_points(values: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
    """Values (*shape, channels) interpolated linearly at points (n, axes) in voxels; outside, the nearest value."""
    last = np.array(values.shape[:-1], np.float32) - 1
    places = tf.clip_by_value(points, 0.0, last)
    low = tf.floor(places)
    found = tf.zeros([points.shape[0], values.shape[-1]])
    for corner in _corners(len(last)):
        fractions = tf.where(np.array(corner, bool), places - low, 1 - (places - low))
        voxels = tf.cast(tf.minimum(low + np.array(corner, np.float32), last), tf.int32)
        found += tf.reduce_prod(fractions, axis=1, keepdims=True) * tf.gather_nd(values, voxels)
    return found


def is_inside(indices: Sequence[tf.Tensor], shape: Sequence[int]) -> tf.Tensor:
    """Whether each position lies in the sample, which ends half a voxel outside the centres of its outermost voxels."""
    inside = tf.constant(True)
    for index, size in zip(indices, shape, strict=True):
        inside = inside & (index >= -0.5) & (index < size - 0.5)
    return inside


def along_last(line: tf.Tensor, values: tf.Tensor, rank: int) -> tf.Tensor:
    """One value per voxel of axis ``rank`` - 1, shaped to stand beside ``values`` (*shape, ...)."""
    return tf.reshape(line, [1] * (rank - 1) + [-1] + [1] * (values.shape.rank - rank))


def nearest(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, padding_value: Any) -> tf.Tensor:
    """The value of the voxel nearest to each place, ``padding_value`` outside; values (*shape, ...)."""
    shape = indices[0].shape
    flat = tf.zeros(shape, tf.int32)
    for index, size in zip(indices, shape, strict=True):
        flat = flat * size + tf.clip_by_value(tf.cast(tf.round(index), tf.int32), 0, size - 1)
    rows = tf.gather(tf.reshape(values, [shape.num_elements(), -1]), tf.reshape(flat, [-1]))
    kept = tf.where(tf.reshape(inside, [-1, 1]), rows, tf.cast(padding_value, values.dtype))
    return tf.reshape(kept, values.shape)


def linear(values: tf.Tensor, indices: Sequence[tf.Tensor], inside: tf.Tensor, padding_value: Any) -> tf.Tensor:
    """Linear interpolation of values (*shape, channels) at each place, ``padding_value`` outside.

    All corners of a cell are stored side by side first, so that each position needs a single gather.
    """
    shape = indices[0].shape
    rank, channels = len(shape), values.shape[-1]
    padded = tf.pad(values, [[0, 1]] * rank + [[0, 0]], "SYMMETRIC")
    cells = [padded[tuple(slice(c, c + n) for c, n in zip(corner, shape, strict=True))] for corner in _corners(rank)]
    rows = tf.reshape(tf.stack(cells, axis=-2), [shape.num_elements(), 2**rank * channels])
    flat = tf.zeros(shape, tf.int32)
    fractions = []
    for index, size in zip(indices, shape, strict=True):
        kept = tf.clip_by_value(index, 0.0, float(size - 1))
        base = tf.floor(kept)
        fractions.append(tf.reshape(kept - base, [-1, 1]))
        flat = flat * size + tf.cast(base, tf.int32)
    found = tf.gather(rows, tf.reshape(flat, [-1]))
    for fraction in fractions:
        low, high = tf.split(found, 2, axis=1)
        found = low + fraction * (high - low)
    kept = tf.where(tf.reshape(inside, [-1, 1]), found, tf.cast(padding_value, values.dtype))
    return tf.reshape(kept, values.shape)


def _corners(rank: int) -> list[tuple[int, ...]]:
    return list(product((0, 1), repeat=rank))


def blurred(values: tf.Tensor, spacing_mm: Sequence[float], deviation_mm: tf.Tensor) -> tf.Tensor:
    """Values (*shape, channels) smoothed by a Gaussian, which is truncated and renormalised at the border."""
    rank = len(spacing_mm)
    bands = []
    for size, step in zip(values.shape[:rank], spacing_mm, strict=True):
        apart = (np.arange(size)[:, None] - np.arange(size)) * step
        band = tf.exp(-0.5 * tf.square(tf.constant(apart, tf.float32) / tf.maximum(deviation_mm, 1e-3)))
        bands.append(band / tf.reduce_sum(band, axis=1, keepdims=True))
    return back_in_order(along_axes(values, bands), rank)


def back_in_order(values: tf.Tensor, rank: int) -> tf.Tensor:
    """(channels, *shape), as along_axes() leaves it, as (*shape, channels)."""
    return tf.transpose(values, [*range(1, rank + 1), 0])


def coarser(size: int, deviation: tf.Tensor, apart: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """The matrix (size, size) that blurs one axis, samples it every ``apart`` voxels and interpolates linearly between.

    deviation: of the blur, in voxels; the slice thickness grows with ``apart``. start: from 0 to 1, the position of the
    first slice. Without blur, and with ``apart`` 1, it is the identity.
    """
    voxel = tf.range(size, dtype=tf.float32)
    place = (voxel - start * (apart - 1)) / apart
    before = tf.floor(place)
    profile = tf.sqrt(tf.square(deviation) + 0.12 * (tf.square(apart) - 1))
    profile = tf.maximum(profile, tf.where(apart > 1, 0.2, 1e-3))
    bands = []
    for fraction, number in ((1 - (place - before), before), (place - before, before + 1)):
        centre = tf.clip_by_value(start * (apart - 1) + number * apart, 0.0, size - 1.0)
        band = tf.exp(-0.5 * tf.square((voxel - centre[:, None]) / profile))
        bands.append(fraction[:, None] * band / tf.reduce_sum(band, axis=1, keepdims=True))
    return bands[0] + bands[1]
