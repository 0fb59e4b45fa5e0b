"""Augmentation: random changes of one sample that preserve anatomy, applied to image, target and weights alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import moved_points, warping
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.augment.ranges import require_not_negative, require_probabilities
from learning_functions.samples.sample_parts import MEMORY, TISSUES, WEIGHTS
from learning_functions.task_options.common_options import Changes


@dataclass(frozen=True)
class Augmentation:
    """Changes a sample by its seed: the same seed gives the same change on every machine.

    spacing_mm: voxel spacing of the sample's axes, three of a patch or two of a stack of slices.
    flip_axis: the left-right axis, along which a patch may be flipped; None: no flips. Bodies are never flipped top to
        bottom or front to back.
    middle_channel: for sagittal slices as channels, the channel of the target; the stack is mirrored about it. Where it
        is not the exact middle (4 of 8), the last slice repeats in place of the slice that the mirrored stack lacks.
        None: no mirroring.
    flip, turn, elastic, intensity, noise, blur: the probability of each change.
    turn_degrees, zoom: the largest rotation about each axis and the largest relative change of size.
    elastic_mm: standard deviation of the displacement along each axis; control_mm: distance of its control points.
    contrast, brightness: the largest relative and absolute change of the normalised intensities.
    noise_deviation, blur_mm: the largest standard deviations; the noise in normalised intensities.
    ignore: the target of voxels from outside the sample; their weight is 0.
    crop: the probability that the field of view ends within the patch, above or below. At most ``crop_fraction`` of the
        last axis gets the padding value and the target ``ignore``. The middle is never cropped.
    fraction_number: the place, among the numbers, of the fraction of the target that the sample shows; turns and crops
        reduce it.
    shift: the probability of a shift, along each axis by ``shift_mm`` at most.
    points_from: the place of the first number that belongs to points, one coordinate in voxels for each axis. Points
        move with the image; they are NaN where there is none or it left the sample.
    appearance: synthesises the image from the sample's tissues, after all spatial changes; it has its own changes of
        intensity, noise and blur.
    """

    spacing_mm: tuple[float, ...]
    flip_axis: int | None = None
    middle_channel: int | None = None
    flip: float = Changes.flip
    turn: float = Changes.turn
    elastic: float = Changes.elastic
    intensity: float = Changes.intensity
    noise: float = Changes.noise
    blur: float = Changes.blur
    turn_degrees: float = 10.0
    zoom: float = 0.1
    elastic_mm: float = 2.0
    control_mm: float = 32.0
    contrast: float = Changes.contrast
    brightness: float = Changes.brightness
    noise_deviation: float = 0.1
    blur_mm: float = 1.0
    ignore: int = 0
    crop: float = Changes.crop
    crop_fraction: float = 0.5
    fraction_number: int | None = None
    shift: float = Changes.shift
    shift_mm: float = 20.0
    points_from: int | None = None
    appearance: Appearance | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "spacing_mm", tuple(float(step) for step in self.spacing_mm))
        if len(self.spacing_mm) not in (2, 3) or min(self.spacing_mm) <= 0:
            raise ValueError(f"Augmentation needs two or three spacings above zero. Received: {self.spacing_mm} mm.")
        require_probabilities(self, ("flip", "turn", "elastic", "intensity", "noise", "blur", "crop", "shift"))
        amounts = ("turn_degrees", "elastic_mm", "control_mm", "noise_deviation", "blur_mm", "shift_mm")
        require_not_negative(self, amounts)
        if not 0 <= self.zoom < 1 or not self.control_mm > 0:
            raise ValueError(f"zoom is from 0 to 1, control_mm above 0. Received: {self.zoom} and {self.control_mm}.")
        if not 0 <= self.crop_fraction <= 0.5:
            raise ValueError(f"Half of a patch is cropped away at most. Received: {self.crop_fraction}.")
        if self.flip_axis is not None and not 0 <= self.flip_axis < len(self.spacing_mm):
            raise ValueError(f"flip_axis is an axis of the sample. Received: {self.flip_axis}.")

    def with_appearance(self, appearance: Appearance) -> Augmentation:
        """The spatial part of this augmentation, with synthetic appearances."""
        return replace(self, appearance=appearance, intensity=0.0, noise=0.0, blur=0.0)

    def __call__(
        self,
        x: Any,
        y: Any,
        w: Any | None,
        seed: Any,
        fill: Any = -1.0,
        tissues: Any | None = None,
        normalisation: Any = None,
        *,
        memory: Any | None = None,
        numbers: Any | None = None,
    ) -> tuple[Any, ...]:
        """The changed x, y, w and, where there are numbers, these.

        x: normalised intensities (*shape, channels); y, w: target and weights (*shape, ...), moved by nearest
        neighbours. seed: two whole numbers. fill: the normalised padding value, for voxels from outside the sample.
        tissues (like x), normalisation (offset, scale): the source of a synthetic appearance; required with one.
        memory (*shape) or (*shape, n): moved like the target, 0 outside the sample; it becomes the last channel of x,
        or its last n. numbers (k,).
        """
        if (self.appearance is None) != (tissues is None):
            raise ValueError(
                "An appearance needs tissues, and tissues need an appearance. "
                f"Received: {'none' if tissues is None else 'some'} for "
                f"{'none' if self.appearance is None else 'one'}."
            )
        x = tf.convert_to_tensor(x, tf.float32)
        beside = [tf.convert_to_tensor(part) for part in (y, w, memory, tissues) if part is not None]
        shape = tuple(x.shape[: len(self.spacing_mm)])
        for part in beside:
            if x.shape.rank != len(shape) + 1 or tuple(part.shape[: len(shape)]) != shape:
                raise ValueError(
                    f"Image (*shape, channels) and target (*shape) share {len(self.spacing_mm)} axes. "
                    f"Received: {tuple(x.shape)} and {tuple(part.shape)}."
                )
        seeds = tf.unstack(tf.random.split(seed, 7))
        chance = tf.unstack(tf.random.stateless_uniform([6], seeds[0]))
        outside = ((w, WEIGHTS.padding), (memory, MEMORY.padding), (tissues, TISSUES.padding))
        padding_values = [fill, self.ignore, *(value for part, value in outside if part is not None)]
        has_numbers, numbers = (
            numbers is not None,
            tf.convert_to_tensor(np.zeros(0, np.float32) if numbers is None else numbers),
        )
        appearance_seed = tf.random.fold_in(seed, 1)
        parts, numbers = self._flipped((x, *beside), numbers, chance[0], 1 if tissues is None else 2)
        if self.turn > 0 or self.elastic > 0 or self.shift > 0:
            shifts = tf.random.stateless_uniform([len(shape) + 1], tf.random.fold_in(seed, 3))
            turned, deformed, shifted = chance[1] < self.turn, chance[2] < self.elastic, shifts[0] < self.shift
            shift = (
                (2 * shifts[1:] - 1)
                * tf.cast(shifted, tf.float32)
                * (self.shift_mm / np.array(self.spacing_mm, np.float32))
            )
            kept = tf.constant(True) if self.appearance is None else self.appearance.keeps_image(appearance_seed)
            parts, numbers = tf.cond(
                turned | deformed | shifted,
                lambda: self._warped(parts, numbers, (turned, deformed, shift), seeds, padding_values, kept),
                lambda: (parts, numbers),
            )
        if self.crop > 0:
            drawn = tf.random.stateless_uniform([3], tf.random.fold_in(seed, 2))
            # cropped voxels keep their weight
            padding = padding_values if w is None else [*padding_values[:2], None, *padding_values[3:]]
            parts, numbers = tf.cond(
                drawn[0] < self.crop,
                lambda: self._cropped(parts, numbers, drawn[1:], padding),
                lambda: (parts, numbers),
            )
        x, y, *others = parts
        w = None if w is None else others.pop(0)
        memory = None if memory is None else others.pop(0)
        if self.appearance is not None:
            x = self.appearance(x, others[-1], appearance_seed, normalisation)
        if self.blur > 0:
            deviation = self.blur_mm * tf.random.stateless_uniform([], seeds[3])
            x = tf.cond(chance[3] < self.blur, lambda: warping.blurred(x, self.spacing_mm, deviation), lambda: x)
        if self.intensity > 0:
            change = tf.random.stateless_uniform([2], seeds[4], -1, 1) * (self.contrast, self.brightness)
            change *= tf.cast(chance[4] < self.intensity, tf.float32)
            x = x * (1 + change[0]) + change[1]
        if self.noise > 0:
            amount = self.noise_deviation * tf.random.stateless_uniform([], seeds[5])
            drawn = lambda: x + amount * tf.random.stateless_normal(x.shape, seeds[6])  # noqa: E731
            x = tf.cond(chance[5] < self.noise, drawn, lambda: x)
        if memory is not None:
            x = tf.concat([x, tf.cast(tf.reshape(memory, [*shape, -1]), tf.float32)], axis=-1)
        return (x, y, w, numbers) if has_numbers else (x, y, w)

    def _flipped(
        self, parts: tuple[tf.Tensor, ...], numbers: tf.Tensor, chance: tf.Tensor, stacks: int
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The parts, flipped at random; of a stack of slices, image and (two stacks) tissues have channels."""
        chosen = chance < self.flip
        if self.flip > 0 and self.flip_axis is not None:
            axis, size = self.flip_axis, parts[0].shape[self.flip_axis]
            turned = self._moved(numbers, lambda points: moved_points.flipped(points, axis, size))
            numbers = tf.where(chosen, turned, numbers)
            parts = tf.cond(chosen, lambda: tuple(tf.reverse(part, [axis]) for part in parts), lambda: parts)
        if self.flip > 0 and self.middle_channel is not None:
            last = parts[0].shape[-1] - 1
            order = np.clip(2 * self.middle_channel - np.arange(last + 1), 0, last)
            places = [0] if stacks == 1 else [0, len(parts) - 1]
            mirrored = tf.cond(
                chosen,
                lambda: tuple(tf.gather(parts[place], order, axis=-1) for place in places),
                lambda: tuple(parts[place] for place in places),
            )
            parts = (mirrored[0], *parts[1 : len(parts) - stacks + 1], *mirrored[1:])
        return parts, numbers

    def _warped(
        self,
        parts: tuple[tf.Tensor, ...],
        numbers: tf.Tensor,
        drawn: Any,
        seeds: Any,
        padding_values: Any,
        kept: tf.Tensor,
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The image by linear interpolation (only where ``kept``), the other parts by nearest neighbours.

        padding_values: one for each part. drawn: whether the sample is rotated, whether it is deformed, and its shift
        in voxels. The numbers follow: points move, and the fraction of the target in the patch is reduced (the elastic
        deformation, by a few mm, does not count).
        """
        x, *beside = parts
        turned, deformed, shift = drawn
        rank = len(self.spacing_mm)
        shape = x.shape[:rank]
        amounts = tf.random.stateless_uniform([rank + 1], seeds[1], -1, 1) * tf.cast(turned, tf.float32)
        matrix = warping.rotation(amounts[1:] * np.deg2rad(self.turn_degrees), rank) * (1 + self.zoom * amounts[0])
        displacement = tf.zeros([*shape, rank]) + shift
        if self.fraction_number is not None:
            stays = warping.is_inside(moved_points.goes_to(shape, self.spacing_mm, matrix, shift), shape)
            numbers = self._shrunk(numbers, self._fraction(beside[0], stays))
        if self.elastic > 0:
            field = warping.smooth_field(shape, self.spacing_mm, self.control_mm, seeds[2])
            amount = tf.cast(deformed, tf.float32) * (self.elastic_mm / np.array(self.spacing_mm, np.float32))
            displacement += tf.transpose(field, [*range(1, rank + 1), 0]) * amount
        places = warping.sources(shape, self.spacing_mm, matrix)
        places = [place + part for place, part in zip(places, tf.unstack(displacement, axis=-1), strict=True)]
        numbers = self._moved(
            numbers, lambda points: moved_points.warped(points, shape, self.spacing_mm, matrix, displacement)
        )
        inside = warping.is_inside(places, shape)
        x = tf.cond(kept, lambda: warping.linear(x, places, inside, padding_values[0]), lambda: x)
        moved = (
            warping.nearest(part, places, inside, out) for part, out in zip(beside, padding_values[1:], strict=True)
        )
        return (x, *moved), numbers

    def _cropped(
        self, parts: tuple[tf.Tensor, ...], numbers: tf.Tensor, drawn: tf.Tensor, padding_values: Sequence[Any]
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The parts with padding values (None: unchanged) above or below some height, and the matching numbers."""
        rank = len(self.spacing_mm)
        size = parts[0].shape[rank - 1]
        cropped = drawn[0] * self.crop_fraction * (size // 2 * 2)
        line = tf.range(size, dtype=tf.float32)
        shown = tf.where(drawn[1] < 0.5, line >= cropped, line < size - cropped)
        with_padding = (
            part if out is None else tf.where(warping.along_last(shown, part, rank), part, tf.cast(out, part.dtype))
            for part, out in zip(parts, padding_values, strict=True)
        )
        rows = tf.boolean_mask(line, shown)
        numbers = self._moved(numbers, lambda points: moved_points.ended(points, rows[0], rows[-1], size))
        fraction = self._fraction(parts[1], warping.along_last(shown, parts[0][..., 0], rank))
        return tuple(with_padding), self._shrunk(numbers, fraction)

    def _moved(self, numbers: tf.Tensor, move: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """The numbers, with ``move`` applied to all points (n, axes)."""
        if self.points_from is None:
            return numbers
        points = move(tf.reshape(numbers[self.points_from :], [-1, len(self.spacing_mm)]))
        return tf.concat([numbers[: self.points_from], tf.reshape(points, [-1])], axis=0)

    def _shrunk(self, numbers: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """The numbers, with the fraction of the target in the sample multiplied by ``kept``."""
        if self.fraction_number is None:
            return numbers
        return tf.where(np.arange(numbers.shape[0]) == self.fraction_number, numbers * kept, numbers)

    def _fraction(self, target: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """The fraction of a target's voxels that are kept (like *shape); 1 for an empty target, or if no number needs
        it."""
        if self.fraction_number is None:
            return tf.constant(1.0)
        labelled = target != self.ignore
        kept = tf.reshape(kept, [*kept.shape, *[1] * (labelled.shape.rank - len(self.spacing_mm))])
        before = tf.math.count_nonzero(labelled, dtype=tf.float32)
        return tf.where(before > 0, tf.math.count_nonzero(labelled & kept, dtype=tf.float32) / before, 1.0)
