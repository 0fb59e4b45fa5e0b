"""Augmentation: random changes of samples that preserve anatomy, applied to image, target and weights alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import random_draws, warping
from learning_functions.samples.augment.appearance import Appearance
from learning_functions.samples.augment.fusing import arithmetic
from learning_functions.samples.augment.ranges import require_not_negative, require_probabilities
from learning_functions.samples.augment.spatial_changes import (
    MovingParts,
    SpatialDraws,
    SpatialSettings,
    chosen,
    chosen_of_any,
    placed,
)
from learning_functions.samples.sample_parts import MEMORY, TISSUES, WEIGHTS
from learning_functions.task_options.common_options import Changes

CHANGES = ("flip", "turn", "elastic", "shift", "crop", "blur", "intensity", "noise")
"""The changes that have a probability, in the order of their random numbers."""
UNIFORM, CONTROL, NOISE = range(3)
"""The streams of random numbers of a sample; appearance.py has others."""


@dataclass(frozen=True)
class Augmentation:
    """Changes each sample of a batch by its own seed: the same seed gives the same change in every batch.

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
        require_probabilities(self, CHANGES)
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
        normalisation: Any = (0.0, 1.0),
        *,
        memory: Any | None = None,
        numbers: Any | None = None,
    ) -> tuple[Any, ...]:
        """The changed x, y, w and, where there are numbers, these, of one sample: of_batch() of a single one.

        In a graph XLA compiles it.
        """
        given = (x, y, w, tissues, memory, numbers)
        x, y, w, tissues, memory, numbers = (
            None if part is None else tf.convert_to_tensor(part)[None] for part in given
        )
        seed, fill, normalisation = (tf.convert_to_tensor(part)[None] for part in (seed, fill, normalisation))
        fused = tf.inside_function()
        changed = self.of_batch(
            x, y, w, seed, fill, tissues, normalisation, memory=memory, numbers=numbers, fused=fused
        )
        return tuple(None if part is None else part[0] for part in changed)

    def of_batch(
        self,
        x: Any,
        y: Any,
        w: Any | None,
        seeds: Any,
        fill: Any,
        tissues: Any | None = None,
        normalisation: Any | None = None,
        *,
        memory: Any | None = None,
        numbers: Any | None = None,
        fused: bool = False,
    ) -> tuple[Any, ...]:
        """The changed x, y, w and, where there are numbers, these.

        x: normalised intensities (b, *shape, channels); y, w: target and weights (b, *shape, ...), moved by nearest
        neighbours. seeds: two whole numbers each (b, 2). fill (b,): the normalised padding value, for voxels from
        outside the sample. tissues (like x), normalisation (b, 2) (offset, scale): the source of a synthetic
        appearance; required with one. memory (b, *shape) or (b, *shape, n): moved like the target, 0 outside the
        sample; it becomes the last channel of x, or its last n. numbers (b, k).
        fused: whether XLA compiles the arithmetic, which is several times as fast.
        """
        if (self.appearance is None) != (tissues is None):
            raise ValueError(
                "An appearance needs tissues, and tissues need an appearance. "
                f"Received: {'none' if tissues is None else 'some'} for "
                f"{'none' if self.appearance is None else 'one'}."
            )
        rank = len(self.spacing_mm)
        shape = tuple(x.shape[1 : rank + 1])
        beside = tuple(part for part in (y, w, memory, tissues) if part is not None)
        for part in beside:
            if x.shape.rank != rank + 2 or tuple(part.shape[1 : rank + 1]) != shape:
                raise ValueError(
                    f"Image (*shape, channels) and target (*shape) share {rank} axes. "
                    f"Received: {tuple(x.shape[1:])} and {tuple(part.shape[1:])}."
                )
        space = self.spatial_settings(shape, w is not None, memory is not None, tissues is not None)
        happens, tones, moves = self.changes_of(seeds)
        appearance_draws = None if self.appearance is None else self.appearance.drawn(seeds, x.shape[1:])
        keeps = tf.ones_like(happens["flip"]) if appearance_draws is None else appearance_draws.keeps
        draws = self.spatial_draws(space, happens, moves, seeds, keeps)
        figures = tf.zeros([tf.shape(x)[0], 0]) if numbers is None else numbers
        given = MovingParts(tf.cast(x, tf.float32), beside, figures)
        x, others, figures = placed(given, tf.cast(fill, tf.float32), draws, space, fused)
        y, *rest = others
        w = None if w is None else rest.pop(0)
        memory = None if memory is None else rest.pop(0)
        if self.flip > 0 and self.middle_channel is not None:
            x, *rest = (_mirrored(each, happens["flip"], self.middle_channel) for each in (x, *rest))
        if self.appearance is not None and appearance_draws is not None:
            x = self.appearance.of_batch(x, rest[0], appearance_draws, normalisation, fused=fused)
        x = self._toned(x, happens, tones, seeds, fused)
        if memory is not None:
            layers = tf.reshape(memory, [-1, *shape, memory.shape[rank + 1 :].num_elements()])
            x = tf.concat([x, tf.cast(layers, tf.float32)], axis=-1)
        return (x, y, w) if numbers is None else (x, y, w, figures)

    def changes_of(self, seeds: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Which of CHANGES happen to each sample (b,), and uniform amounts of its tones and of its spatial changes."""
        rank = len(self.spacing_mm)
        drawn = random_draws.uniforms(seeds, [len(CHANGES) + 7 + 2 * rank], UNIFORM)
        happens = {name: drawn[:, place] < getattr(self, name) for place, name in enumerate(CHANGES)}
        return happens, drawn[:, len(CHANGES) : -3 - 2 * rank], drawn[:, -3 - 2 * rank :]

    def spatial_settings(
        self, shape: tuple[int, ...], weights: bool = False, memory: bool = False, tissues: bool = False
    ) -> SpatialSettings:
        """The settings for samples that have these parts beside the target."""
        values = ((WEIGHTS.padding, weights), (MEMORY.padding, memory), (TISSUES.padding, tissues))
        return SpatialSettings(
            shape,
            self.spacing_mm,
            self.control_mm,
            self.turn > 0 or self.elastic > 0 or self.shift > 0,
            self.crop > 0,
            self.flip_axis if self.flip > 0 else None,
            self.points_from,
            self.fraction_number,
            self.ignore,
            (self.ignore, *(value for value, there in values if there and value is not None)),
            1 if weights else None,
        )

    def spatial_draws(
        self,
        space: SpatialSettings,
        happens: dict[str, tf.Tensor],
        amounts: tf.Tensor,
        seeds: tf.Tensor,
        keeps: tf.Tensor,
    ) -> SpatialDraws:
        """The spatial changes of each sample.

        amounts (b, 3 + 2 * rank), uniform from 0 to 1: the size and the end of the crop, zoom, angles and shift.
        """
        rank, size = len(self.spacing_mm), space.shape[-1]
        spacing_mm = np.array(self.spacing_mm, np.float32)
        cut, end, amounts = amounts[:, 0], amounts[:, 1], 2 * amounts[:, 2:] - 1
        turns = tf.cast(happens["turn"], tf.float32)[:, None]
        angles = amounts[:, 1 : rank + 1] * turns * np.float32(np.deg2rad(self.turn_degrees))
        zoom = 1 + self.zoom * amounts[:, :1] * turns
        control = [rank, *warping.control_shape(space.shape, self.spacing_mm, self.control_mm)]
        flat = tf.zeros([tf.shape(seeds)[0], *control])
        points = random_draws.normals(seeds, control, CONTROL) if self.elastic > 0 else flat
        return SpatialDraws(
            happens["flip"],
            happens["turn"] | happens["elastic"] | happens["shift"],
            warping.rotation(angles, rank) * zoom[..., None],
            amounts[:, rank + 1 :] * tf.cast(happens["shift"], tf.float32)[:, None] * (self.shift_mm / spacing_mm),
            tf.cast(happens["elastic"], tf.float32)[:, None] * (self.elastic_mm / spacing_mm),
            points,
            keeps,
            happens["crop"],
            cut * self.crop_fraction * (size // 2 * 2),
            end >= 0.5,
        )

    def _toned(
        self, x: tf.Tensor, happens: dict[str, tf.Tensor], amounts: tf.Tensor, seeds: tf.Tensor, fused: bool
    ) -> tf.Tensor:
        """The images with blur, changes of intensity and noise. amounts (b, 4): blur, contrast, brightness, noise."""
        if self.blur > 0:
            blurs, deviation = happens["blur"], self.blur_mm * amounts[:, 0]
            x = tf.cond(
                tf.reduce_any(blurs),
                lambda: chosen_of_any(blurs, warping.blurred(x, self.spacing_mm, deviation), x),
                lambda: x,
            )
        if self.intensity == 0 and self.noise == 0:
            return x
        changes, noises = (tf.cast(happens[name], tf.float32) for name in ("intensity", "noise"))
        slope = 1 + changes * self.contrast * (2 * amounts[:, 1] - 1)
        shift = changes * self.brightness * (2 * amounts[:, 2] - 1)
        deviation = noises * self.noise_deviation * amounts[:, 3]
        key = random_draws.keys(seeds, 1, NOISE)[:, 0]
        return tf.cond(
            tf.reduce_any(happens["noise"]),
            lambda: arithmetic(_noisy, fused)(x, slope, shift, deviation, key),
            lambda: arithmetic(_contrasted, fused)(x, slope, shift),
        )


def _mirrored(values: tf.Tensor, flips: tf.Tensor, middle: int) -> tf.Tensor:
    """Stacks of slices (b, *shape, channels), mirrored about the channel ``middle`` where ``flips`` (b,)."""
    last = values.shape[-1] - 1
    order = np.clip(2 * middle - np.arange(last + 1), 0, last)
    return chosen(flips, tf.gather(values, order, axis=-1), values)


def _contrasted(x: tf.Tensor, slope: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """The images times slope, plus shift, both (b,)."""
    over = partial(warping.over_voxels, rank=x.shape.rank - 1)
    return x * over(slope) + over(shift)


def _noisy(x: tf.Tensor, slope: tf.Tensor, shift: tf.Tensor, deviation: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """The same with noise of a standard deviation (b,)."""
    noise = random_draws.normal_at(key, x.shape[1:])
    return _contrasted(x, slope, shift) + warping.over_voxels(deviation, x.shape.rank - 1) * noise
