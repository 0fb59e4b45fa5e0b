"""Spatial changes of a batch: flips, rotations, elastic deformations, shifts and crops, of all parts and points alike.

What has no branches is arithmetic on tensors, of which XLA can make a few loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import moved_points, warping
from learning_functions.samples.augment.fusing import arithmetic


class SpatialSettings(NamedTuple):
    """What is the same for all samples: see Augmentation."""

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    control_mm: float
    warps: bool
    crops: bool
    """Whether any sample is warped, and cropped."""
    flip_axis: int | None
    points_from: int | None
    fraction_number: int | None
    ignore: int
    padding: tuple[int, ...]
    """The value, for each part beside the image, of voxels from outside the sample."""
    weights: int | None
    """The place of the weights among the parts beside the image: a crop leaves them."""


class SpatialDraws(NamedTuple):
    """How each sample of a batch moves.

    flips, warps (b,): whether it is flipped, and whether it is warped. matrix (b, axes, axes) in mm. push, bend
    (b, axes): the shift, and the standard deviation of the elastic deformation, in voxels. control: its control points
    (b, axes, *control_shape). keeps (b,): whether the image is needed. crops, cut, above (b,): whether it is cropped,
    by how many voxels of the last axis, and whether at their upper end.
    """

    flips: tf.Tensor
    warps: tf.Tensor
    matrix: tf.Tensor
    push: tf.Tensor
    bend: tf.Tensor
    control: tf.Tensor
    keeps: tf.Tensor
    crops: tf.Tensor
    cut: tf.Tensor
    above: tf.Tensor


class MovingParts(NamedTuple):
    """The image (b, *shape, channels), the parts beside it (b, *shape, ...), and the numbers (b, k)."""

    image: tf.Tensor
    beside: tuple[tf.Tensor, ...]
    numbers: tf.Tensor


def placed(
    given: MovingParts, fill: tf.Tensor, draws: SpatialDraws, space: SpatialSettings, fused: bool = False
) -> MovingParts:
    """The samples, flipped, warped and cropped.

    fill (b,): the padding value of the image. fused: whether XLA compiles the arithmetic.
    """
    if space.warps:
        found = tf.cond(
            tf.reduce_any(draws.warps),
            lambda: _moved(given, fill, draws, space, fused),
            lambda: flipped(given, draws.flips, space),
        )
    else:
        found = flipped(given, draws.flips, space)
    if not space.crops:
        return found
    return tf.cond(tf.reduce_any(draws.crops), lambda: _cropped(found, fill, draws, space), lambda: found)


def flipped(given: MovingParts, flips: tf.Tensor, space: SpatialSettings) -> MovingParts:
    """The samples, flipped where ``flips`` (b,)."""
    axis = space.flip_axis
    if axis is None:
        return given

    def turned() -> tuple[tf.Tensor, ...]:
        return tuple(chosen_of_any(flips, tf.reverse(part, [axis + 1]), part) for part in (given.image, *given.beside))

    parts = tf.cond(tf.reduce_any(flips), turned, lambda: (given.image, *given.beside))
    return MovingParts(parts[0], parts[1:], _numbers_flipped(given.numbers, flips, space))


def _numbers_flipped(numbers: tf.Tensor, flips: tf.Tensor, space: SpatialSettings) -> tf.Tensor:
    axis = space.flip_axis
    if axis is None:
        return numbers
    turned = _with_points(numbers, space, lambda points: moved_points.flipped(points, axis, space.shape[axis]))
    return chosen(flips, turned, numbers)


def _moved(
    given: MovingParts, fill: tf.Tensor, draws: SpatialDraws, space: SpatialSettings, fused: bool
) -> MovingParts:
    """The image by linear interpolation (only where it is kept), the other parts by nearest neighbours.

    The numbers follow: points move, and the fraction of the target in the patch is reduced (the elastic deformation,
    by a few mm, does not count).
    """
    image = tf.cond(
        tf.reduce_any(draws.keeps),
        lambda: arithmetic(_image_moved, fused, space=space)(given.image, fill, draws),
        lambda: given.image,
    )
    beside = arithmetic(_beside_moved, fused, space=space)(given.beside, draws)
    numbers = given.numbers
    if space.fraction_number is not None or space.points_from is not None:
        numbers = arithmetic(_numbers_moved, fused, space=space)(numbers, given.beside[0], draws)
    if draws.warps.shape[0] == 1:
        return MovingParts(image, tuple(beside), numbers)
    straight = flipped(given, draws.flips, space)
    beside = (chosen(draws.warps, one, two) for one, two in zip(beside, straight.beside, strict=True))
    return MovingParts(chosen(draws.warps, image, straight.image), tuple(beside), numbers)


def _image_moved(image: tf.Tensor, fill: tf.Tensor, draws: SpatialDraws, space: SpatialSettings) -> tf.Tensor:
    return warping.linear(image, *_places(draws, space), fill)


def _beside_moved(beside: Sequence[tf.Tensor], draws: SpatialDraws, space: SpatialSettings) -> tuple[tf.Tensor, ...]:
    places, inside = _places(draws, space)
    return tuple(warping.nearest(part, places, inside, out) for part, out in zip(beside, space.padding, strict=True))


def _places(draws: SpatialDraws, space: SpatialSettings) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The position that each voxel comes from, along each axis, and whether it lies in the sample."""
    places = warping.sources(space.shape, space.spacing_mm, draws.matrix)
    places = [place + part for place, part in zip(places, _displacement(draws, space), strict=True)]
    inside = warping.is_inside(places, space.shape)
    if (axis := space.flip_axis) is not None:
        flips = warping.over_voxels(draws.flips, len(space.shape))
        places[axis] = tf.where(flips, space.shape[axis] - 1 - places[axis], places[axis])
    return places, inside


def _displacement(draws: SpatialDraws, space: SpatialSettings) -> list[tf.Tensor]:
    """The elastic deformation and the shift along each axis, in voxels."""
    rank = len(space.shape)
    scaled = draws.control * tf.reshape(draws.bend, [-1, rank, *[1] * rank])
    control = tf.reshape(scaled, [-1, *draws.control.shape[2:], 1])
    field = warping.smooth_field(control, space.shape, space.spacing_mm, space.control_mm)
    parts = tf.unstack(tf.reshape(field, [-1, rank, *space.shape]), axis=1)
    return [part + warping.over_voxels(draws.push[:, axis], rank) for axis, part in enumerate(parts)]


def _numbers_moved(numbers: tf.Tensor, target: tf.Tensor, draws: SpatialDraws, space: SpatialSettings) -> tf.Tensor:
    shape, spacing_mm = space.shape, space.spacing_mm
    numbers = _numbers_flipped(numbers, draws.flips, space)
    if space.fraction_number is not None:
        stays = warping.is_inside(moved_points.goes_to(shape, spacing_mm, draws.matrix, draws.push), shape)
        if (axis := space.flip_axis) is not None:
            stays = tf.where(warping.over_voxels(draws.flips, len(shape)), tf.reverse(stays, [axis + 1]), stays)
        numbers = chosen(draws.warps, _shrunk(numbers, _kept_fraction(target, stays, space), space), numbers)
    if space.points_from is None:
        return numbers
    displacement = tf.stack(_displacement(draws, space), axis=-1)
    followed = _with_points(
        numbers, space, lambda points: moved_points.warped(points, shape, spacing_mm, draws.matrix, displacement)
    )
    return chosen(draws.warps, followed, numbers)


def _cropped(given: MovingParts, fill: tf.Tensor, draws: SpatialDraws, space: SpatialSettings) -> MovingParts:
    """The samples with padding values above or below some height, and the matching numbers.

    Weights stay: they weigh what the image showed.
    """
    rank, size = len(space.shape), space.shape[-1]
    line = np.arange(size, dtype=np.float32)
    cut, above, crops = (part[:, None] for part in (draws.cut, draws.above, draws.crops))
    seen = tf.where(above, line < size - cut, line >= cut) | ~crops
    image = tf.where(warping.along_last(seen, given.image, rank), given.image, warping.over_voxels(fill, rank + 1))
    beside = tuple(
        part
        if place == space.weights
        else tf.where(warping.along_last(seen, part, rank), part, tf.cast(out, part.dtype))
        for place, (part, out) in enumerate(zip(given.beside, space.padding, strict=True))
    )
    first = tf.reduce_min(tf.where(seen, line, size), axis=1)
    last = tf.reduce_max(tf.where(seen, line, -1.0), axis=1)
    numbers = _with_points(given.numbers, space, lambda points: moved_points.ended(points, first, last, size))
    shown = tf.broadcast_to(warping.along_last(seen, image[..., 0], rank), tf.shape(image)[:-1])
    return MovingParts(image, beside, _shrunk(numbers, _kept_fraction(given.beside[0], shown, space), space))


def chosen(flags: tf.Tensor, one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """The samples of ``one`` where ``flags`` (b,), else those of ``other``."""
    return tf.where(warping.over_voxels(flags, one.shape.rank - 1), one, other)


def chosen_of_any(flags: tf.Tensor, one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """chosen(), where at least one sample has its flag: a single sample is not copied."""
    return one if flags.shape[0] == 1 else chosen(flags, one, other)


def _with_points(numbers: tf.Tensor, space: SpatialSettings, move: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """The numbers, with ``move`` applied to all points (b, n, axes)."""
    if space.points_from is None or numbers.shape[1] <= space.points_from:
        return numbers
    count = (numbers.shape[1] - space.points_from) // len(space.shape)
    points = move(tf.reshape(numbers[:, space.points_from :], [-1, count, len(space.shape)]))
    return tf.concat([numbers[:, : space.points_from], tf.reshape(points, [-1, count * len(space.shape)])], axis=1)


def _shrunk(numbers: tf.Tensor, kept: tf.Tensor, space: SpatialSettings) -> tf.Tensor:
    """The numbers, with the fraction of the target in the sample multiplied by ``kept`` (b,)."""
    if space.fraction_number is None:
        return numbers
    return tf.where(np.arange(numbers.shape[1]) == space.fraction_number, numbers * kept[:, None], numbers)


def _kept_fraction(target: tf.Tensor, kept: tf.Tensor, space: SpatialSettings) -> tf.Tensor:
    """The fraction (b,) of each target's voxels that are kept (b, *shape); 1 for an empty target, or if no number needs
    it."""
    if space.fraction_number is None:
        return tf.ones_like(kept[(slice(None), *[0] * (kept.shape.rank - 1))], tf.float32)
    labelled = target != space.ignore
    kept = tf.reshape(kept, [-1, *space.shape, *[1] * (labelled.shape.rank - len(space.shape) - 1)])
    axes = list(range(1, labelled.shape.rank))
    before = tf.reduce_sum(tf.cast(labelled, tf.float32), axes)
    return tf.where(before > 0, tf.reduce_sum(tf.cast(labelled & kept, tf.float32), axes) / before, 1.0)
