"""Random but anatomically true changes of one sample, drawn once and applied to image, target and weights alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import moved_points, warping
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.sample_parts import MEMORY, TISSUES, WEIGHTS
from learning_functions.task_options.common_options import Changes


@dataclass(frozen=True)
class Augmentation:
    """Changes a sample in the way its seed says: the same seed, the same change, on every machine.

    spacing_mm: voxel spacing of the sample's axes, three of a patch or two of a stack of slices.
    flip_axis: the axis that runs from left to right, along which a patch may be flipped; None for none. Bodies are
        never flipped top to bottom or front to back.
    middle_channel: for sagittal slices as channels, the channel that the target belongs to: the stack is mirrored
        about it. Where it is not the exact middle (4 of 8), the slice that the mirrored stack would need beyond the
        last one is replaced by the last; None for no mirroring.
    flip, turn, elastic, intensity, noise, blur: the probabilities of each change.
    turn_degrees, zoom: rotation about each axis and relative change of size, at most.
    elastic_mm: standard deviation of the displacement along each axis; control_mm: distance of its control points.
    contrast, brightness: relative and absolute change of the normalised intensities, at most.
    noise_deviation, blur_mm: standard deviations, at most; the noise in normalised intensities.
    ignore: the target of what comes in from beyond the border; it weighs 0.
    crop: the probability that the scan ends within a patch, above or below; what is cut away, ``crop_share`` of the
        last axis at most, is air, and its target is ``ignore``. The middle is never cut away.
    share_number: the number, by its place, that tells which share of the target is seen; it shrinks with what a turn
        or a crop takes away.
    shift: the probability that the sample is shifted, along each axis by ``shift_mm`` at most.
    points_from: the place from which on numbers are points, one coordinate in voxels for each axis; they move with the
        image, and are NaN where there is none or it is no longer seen.
    appearance: draws the image from the sample's tissues, moved like all else; the changes of intensity, noise and
        blur are then its own.
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
    crop_share: float = 0.5
    share_number: int | None = None
    shift: float = Changes.shift
    shift_mm: float = 20.0
    points_from: int | None = None
    appearance: Appearance | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "spacing_mm", tuple(float(step) for step in self.spacing_mm))
        if len(self.spacing_mm) not in (2, 3) or min(self.spacing_mm) <= 0:
            raise ValueError(f"Augmentation needs two or three spacings above zero. Received: {self.spacing_mm} mm.")
        for name in ("flip", "turn", "elastic", "intensity", "noise", "blur", "crop", "shift"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"The probability of {name} is from 0 to 1. Received: {getattr(self, name)}.")
        for name in (item.name for item in fields(self) if item.name.endswith(("_mm", "_degrees", "_deviation"))):
            if name != "spacing_mm" and not getattr(self, name) >= 0:
                raise ValueError(f"{name} cannot be below 0. Received: {getattr(self, name)}.")
        if not 0 <= self.zoom < 1 or not self.control_mm > 0:
            raise ValueError(f"zoom is from 0 to 1, control_mm above 0. Received: {self.zoom} and {self.control_mm}.")
        if not 0 <= self.crop_share <= 0.5:
            raise ValueError(f"Half of a patch is cropped away at most. Received: {self.crop_share}.")
        if self.flip_axis is not None and not 0 <= self.flip_axis < len(self.spacing_mm):
            raise ValueError(f"flip_axis is an axis of the sample. Received: {self.flip_axis}.")

    def drawing(self, appearance: Appearance) -> Augmentation:
        """This augmentation of space with drawn appearances."""
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

        x: normalised intensities (*shape, channels); y, w: target and weights (*shape, ...), taken from the nearest
        voxel. seed: two whole numbers. fill: the normalised intensity of air, for what lies beyond the border.
        tissues (like x), normalisation (offset, scale): what an appearance is drawn from; needed with one.
        memory (*shape) or (*shape, n): moved like the target, 0 beyond the border, and then the last channel of x, or
        its last n. numbers (k,).
        """
        if (self.appearance is None) != (tissues is None):
            raise ValueError(
                f"Tissues belong to an appearance. Received: {'none' if tissues is None else 'some'} for "
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
        beyond = [fill, self.ignore, *(value for part, value in outside if part is not None)]
        has_numbers, numbers = (
            numbers is not None,
            tf.convert_to_tensor(np.zeros(0, np.float32) if numbers is None else numbers),
        )
        look_seed = tf.random.fold_in(seed, 1)
        parts, numbers = self._flipped((x, *beside), numbers, chance[0], 1 if tissues is None else 2)
        if self.turn > 0 or self.elastic > 0 or self.shift > 0:
            pushes = tf.random.stateless_uniform([len(shape) + 1], tf.random.fold_in(seed, 3))
            turned, bent, pushed = chance[1] < self.turn, chance[2] < self.elastic, pushes[0] < self.shift
            push = (
                (2 * pushes[1:] - 1)
                * tf.cast(pushed, tf.float32)
                * (self.shift_mm / np.array(self.spacing_mm, np.float32))
            )
            seen = tf.constant(True) if self.appearance is None else self.appearance.keeps_image(look_seed)
            parts, numbers = tf.cond(
                turned | bent | pushed,
                lambda: self._warped(parts, numbers, (turned, bent, push), seeds, beyond, seen),
                lambda: (parts, numbers),
            )
        if self.crop > 0:
            drawn = tf.random.stateless_uniform([3], tf.random.fold_in(seed, 2))
            padding = beyond if w is None else [*beyond[:2], None, *beyond[3:]]  # it weighs what the image did
            parts, numbers = tf.cond(
                drawn[0] < self.crop,
                lambda: self._cropped(parts, numbers, drawn[1:], padding),
                lambda: (parts, numbers),
            )
        x, y, *others = parts
        w = None if w is None else others.pop(0)
        memory = None if memory is None else others.pop(0)
        if self.appearance is not None:
            x = self.appearance(x, others[-1], look_seed, normalisation)
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
        """The parts mirrored where chosen; of a stack of slices, image and (two stacks) tissues have channels."""
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
        self, parts: tuple[tf.Tensor, ...], numbers: tf.Tensor, drawn: Any, seeds: Any, beyond: Any, seen: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """Image, then what is taken from the nearest voxel, each with what lies beyond; the image only where seen.

        drawn: whether it is turned, whether it is bent, and by how many voxels it is shifted. Numbers follow: points,
        and the share of the target that stays in the patch (bending, by a few mm, is not counted).
        """
        x, *beside = parts
        turned, bent, push = drawn
        rank = len(self.spacing_mm)
        shape = x.shape[:rank]
        amounts = tf.random.stateless_uniform([rank + 1], seeds[1], -1, 1) * tf.cast(turned, tf.float32)
        matrix = warping.rotation(amounts[1:] * np.deg2rad(self.turn_degrees), rank) * (1 + self.zoom * amounts[0])
        displacement = tf.zeros([*shape, rank]) + push
        if self.share_number is not None:
            stays = warping.is_inside(moved_points.goes_to(shape, self.spacing_mm, matrix, push), shape)
            numbers = self._shrunk(numbers, self._share(beside[0], stays))
        if self.elastic > 0:
            field = warping.smooth_field(shape, self.spacing_mm, self.control_mm, seeds[2])
            bend = tf.cast(bent, tf.float32) * (self.elastic_mm / np.array(self.spacing_mm, np.float32))
            displacement += tf.transpose(field, [*range(1, rank + 1), 0]) * bend
        places = warping.sources(shape, self.spacing_mm, matrix)
        places = [place + part for place, part in zip(places, tf.unstack(displacement, axis=-1), strict=True)]
        numbers = self._moved(
            numbers, lambda points: moved_points.warped(points, shape, self.spacing_mm, matrix, displacement)
        )
        inside = warping.is_inside(places, shape)
        x = tf.cond(seen, lambda: warping.linear(x, places, inside, beyond[0]), lambda: x)
        moved = (warping.nearest(part, places, inside, out) for part, out in zip(beside, beyond[1:], strict=True))
        return (x, *moved), numbers

    def _cropped(
        self, parts: tuple[tf.Tensor, ...], numbers: tf.Tensor, drawn: tf.Tensor, beyond: Sequence[Any]
    ) -> tuple[tuple[tf.Tensor, ...], tf.Tensor]:
        """The parts with what lies beyond (None: as it is) above or below some height, and the numbers then true."""
        rank = len(self.spacing_mm)
        size = parts[0].shape[rank - 1]
        cut = drawn[0] * self.crop_share * (size // 2 * 2)
        line = tf.range(size, dtype=tf.float32)
        seen = tf.where(drawn[1] < 0.5, line >= cut, line < size - cut)
        ended = (
            part if out is None else tf.where(warping.along_last(seen, part, rank), part, tf.cast(out, part.dtype))
            for part, out in zip(parts, beyond, strict=True)
        )
        shown = tf.boolean_mask(line, seen)
        numbers = self._moved(numbers, lambda points: moved_points.ended(points, shown[0], shown[-1], size))
        share = self._share(parts[1], warping.along_last(seen, parts[0][..., 0], rank))
        return tuple(ended), self._shrunk(numbers, share)

    def _moved(self, numbers: tf.Tensor, move: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """The numbers with those that are points moved, all at once (n, axes)."""
        if self.points_from is None:
            return numbers
        points = move(tf.reshape(numbers[self.points_from :], [-1, len(self.spacing_mm)]))
        return tf.concat([numbers[: self.points_from], tf.reshape(points, [-1])], axis=0)

    def _shrunk(self, numbers: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """The numbers with the share of the target that is seen shrunk to what is kept of it."""
        if self.share_number is None:
            return numbers
        return tf.where(np.arange(numbers.shape[0]) == self.share_number, numbers * kept, numbers)

    def _share(self, target: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """The share of a target's voxels that are kept (like *shape); 1 where it has none, or nothing follows it."""
        if self.share_number is None:
            return tf.constant(1.0)
        labelled = target != self.ignore
        kept = tf.reshape(kept, [*kept.shape, *[1] * (labelled.shape.rank - len(self.spacing_mm))])
        before = tf.math.count_nonzero(labelled, dtype=tf.float32)
        return tf.where(before > 0, tf.math.count_nonzero(labelled & kept, dtype=tf.float32) / before, 1.0)
