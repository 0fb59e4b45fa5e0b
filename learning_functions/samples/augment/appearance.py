"""Synthetic appearances: images sampled from tissue maps, from CT-like to any contrast (idea of SynthSeg).

Billot et al. 2023, "SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import random_draws, warping
from learning_functions.samples.augment.appearance_draws import AppearanceDraws, appearance_draws
from learning_functions.samples.augment.fusing import arithmetic
from learning_functions.samples.augment.ranges import require_not_negative, require_probabilities
from learning_functions.samples.augment.spatial_changes import chosen_of_any
from learning_functions.samples.augment.tissue_prior import DARK, KIND_NAMES, Prior, prior_of
from learning_functions.spec import OUTSIDE, Spec

CT_WINDOW = (-1000.0, 900.0)
"""HU of about the darkest and the brightest voxels of a CT scan, without outliers."""
EDGE_VOXELS = 0.45
"""The smallest blur of a synthetic image: it stands for partial volume, which a tissue map lacks."""

CODES = OUTSIDE + 1
"""The codes that a tissue map may hold."""
GRAIN_MM, BIAS_MM = 9.0, 80.0
"""The distances of the control points of a tissue's coarse texture, and of the bias field."""


@dataclass(frozen=True)
class Appearance:
    """Synthesises the images of samples from their tissue maps by their seeds, or keeps the stored images.

    tissue_names: the names of the codes in the tissue map. spacing_mm: of the sample's axes, two or three.
    window: lowest and highest HU kept. zscore: whether intensities are normalised so, rather than to -1..1.
    bounds: of normalised intensities, where the scan's own statistics normalise (MR); they then span CT_WINDOW.
    kept, mixed: fractions of samples with the stored image, and with a mixture of it and a synthetic one; the others
        are synthetic.
    ct: fraction of the synthetic images that look like CT; the others have any contrast.
    blur, thick, bias, gamma, noise: the probability of each change, also of stored images.
    blur_mm, thick_mm: the largest standard deviation of the blur, and slice distance along one axis.
    bias_deviation, gamma_deviation, noise_deviation: the largest standard deviations of the logarithms of brightness
        and of gamma, and of the noise relative to half the range of intensities.
    """

    tissue_names: tuple[str, ...]
    spacing_mm: tuple[float, ...]
    window: tuple[float, float]
    zscore: bool = False
    bounds: tuple[float, float] | None = None
    kept: float = 0.35
    mixed: float = 0.15
    ct: float = 0.5
    blur: float = 0.5
    thick: float = 0.35
    bias: float = 0.4
    gamma: float = 0.3
    noise: float = 0.6
    blur_mm: float = 2.0
    thick_mm: float = 8.0
    bias_deviation: float = 0.15
    gamma_deviation: float = 0.3
    noise_deviation: float = 0.12

    def __post_init__(self) -> None:
        if not self.tissue_names or len(self.spacing_mm) not in (2, 3) or not self.window[0] < self.window[1]:
            raise ValueError(
                "An appearance needs names of tissues, two or three spacings and a window. "
                f"Received: {len(self.tissue_names)} names, {self.spacing_mm} mm, {self.window}."
            )
        require_probabilities(self, ("kept", "mixed", "ct", "blur", "thick", "bias", "gamma", "noise"))
        if self.kept + self.mixed > 1:
            raise ValueError(f"kept and mixed are 1 at most together. Received: {self.kept} and {self.mixed}.")
        require_not_negative(self, ("blur_mm", "thick_mm", "bias_deviation", "gamma_deviation", "noise_deviation"))

    @classmethod
    def of(cls, spec: Spec, tissue_names: tuple[str, ...], spacing_mm: tuple[float, ...], **options: Any) -> Appearance:
        """The appearance of samples of a spec."""
        return cls(tissue_names, spacing_mm, spec.window, spec.intensity == "zscore", spec.bounds, **options)

    @cached_property
    def _prior(self) -> Prior:
        return prior_of(self.tissue_names)

    def __call__(self, x: Any, tissues: Any, seed: Any, normalisation: Any) -> tf.Tensor:
        """The image of one sample: of_batch() of a single one."""
        x, tissues, seed, normalisation = (
            tf.convert_to_tensor(part)[None] for part in (x, tissues, seed, normalisation)
        )
        return self.of_batch(tf.cast(x, tf.float32), tissues, self.drawn(seed, x.shape[1:]), normalisation)[0]

    def drawn(self, seeds: tf.Tensor, shape: Sequence[int]) -> AppearanceDraws:
        """The random numbers of samples (*shape, channels), by two whole numbers for each (b, 2)."""
        control = (self._control(shape, GRAIN_MM), self._control((*shape[:-1], 1), BIAS_MM))
        return appearance_draws(seeds, (self.kept, self.mixed), len(self.tissue_names), *control)

    def of_batch(
        self, x: tf.Tensor, tissues: tf.Tensor, draws: AppearanceDraws, normalisation: Any, *, fused: bool = False
    ) -> tf.Tensor:
        """The images (b, *shape, channels), stored, mixed or synthetic, in normalised intensities.

        x: the stored images, normalised; tissues: uint8 of their shape, OUTSIDE out of the field of view. draws: of
        drawn(). normalisation (b, 2): offset and scale, see Spec.normalise. fused: whether XLA compiles the arithmetic.
        """
        normalisation = tf.cast(normalisation, tf.float32)
        stored = x
        x = tf.cond(
            tf.reduce_any(draws.synthetic),
            lambda: arithmetic(self._painted, fused)(stored, tissues, draws, normalisation),
            lambda: stored,
        )
        x = self._resampled(x, draws, fused)
        x = self._where(self._uneven(draws), self._with_bias, x, draws, normalisation, fused)
        x = self._where(self._bent(draws), self._with_gamma, x, draws, normalisation, fused)
        return arithmetic(self._scanned, fused)(x, tissues, draws, normalisation)

    @staticmethod
    def _where(
        changes: tf.Tensor, change: Any, x: tf.Tensor, draws: AppearanceDraws, normalisation: tf.Tensor, fused: bool
    ) -> tf.Tensor:
        """The images after ``change``, which leaves those without their flag (b,), if any has it."""
        changed = arithmetic(change, fused)
        return tf.cond(tf.reduce_any(changes), lambda: changed(x, draws, normalisation), lambda: x)

    def _scales(self, normalisation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Offset and scale of the HU of the prior, and the lowest and highest intensity, each (b,)."""
        offset, scale = tf.unstack(normalisation, axis=1)
        if self.bounds is None:
            return offset, scale, (self.window[0] - offset) * scale, (self.window[1] - offset) * scale
        one = tf.ones_like(scale)
        per_hu = (self.bounds[1] - self.bounds[0]) / (CT_WINDOW[1] - CT_WINDOW[0])
        return (CT_WINDOW[0] - self.bounds[0] / per_hu) * one, per_hu * one, self.bounds[0] * one, self.bounds[1] * one

    def _painted(self, x: tf.Tensor, tissues: tf.Tensor, draws: AppearanceDraws, normalisation: tf.Tensor) -> tf.Tensor:
        """Each tissue with its own mean and texture, mixed with the stored image; a kind of tissue is nearly alike."""
        axes = x.shape.rank - 1
        table = self._table(draws, *self._scales(normalisation)[:2])
        codes = tf.cast(tissues, tf.int32) + warping.over_voxels(tf.range(tf.shape(table)[0]) * CODES, axes)
        mean, grain = (tf.gather(tf.reshape(table[..., place], [-1]), codes) for place in (0, 1))
        coarse = self._smooth(draws.coarse, x.shape[1:-1], GRAIN_MM)
        look = mean + grain * (0.7 * random_draws.normal_at(draws.fine, x.shape[1:]) + 0.7 * coarse)
        share = warping.over_voxels(draws.stored_fraction, axes)
        return tf.where(share >= 1, x, tf.where(share > 0, look + share * (x - look), look))

    def _table(self, draws: AppearanceDraws, offset: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        """Mean and grain (b, CODES, 2) of each tissue, in normalised intensities."""
        prior = self._prior
        offset, scale = offset[:, None], scale[:, None]
        shared, flat = tf.gather(draws.of_kind, prior.kind, axis=2), tf.gather(draws.kinds, prior.kind, axis=2)
        shared, flat, own = (tf.unstack(part, axis=1) for part in (shared, flat, draws.own))
        like_ct, enhanced, contrast, shift, darkens, apart, thickness = tf.unstack(draws.chances[:, 2:9, None], axis=1)
        # like CT: a patient's kinds differ from the mean, and tissues a little from their kind
        added = tf.where(enhanced < 0.5, flat[0], 0.0) * tf.exp(0.4 * own[1])
        hu = prior.mean_hu + prior.spread_hu * (shared[0] + 0.35 * own[0]) + prior.contrast_hu * added
        ct_mean = (hu * tf.exp(0.4 * (contrast - 0.5)) + 60 * (shift - 0.5) - offset) * scale
        ct_grain = prior.grain_hu * tf.exp(0.6 * shared[1]) * scale
        # any contrast: kinds anywhere in the window, air and lung mostly at its dark end
        low, high = self._range(offset, scale)
        dark = np.isin(KIND_NAMES, DARK)[prior.kind] & (darkens < 0.7)
        level = tf.where(dark, 0.05 * flat[1], flat[1]) + 0.12 * apart * own[0]
        any_mean = low + (high - low) * tf.clip_by_value(level, 0.0, 1.0)
        any_grain = (high - low) * 0.08 * flat[2] * tf.where(dark, 0.2, 1.0)
        of_both = ((ct_mean, any_mean), (ct_grain, any_grain))
        table = tf.stack([tf.where(like_ct < self.ct, ct, other) for ct, other in of_both], axis=2)
        # the intensity of a shell thinner than its voxels is nearer to that of its marrow
        inside = tf.gather(table, prior.inner, axis=1)
        table = inside + (0.2 + 0.8 * thickness[..., None]) * (table - inside)
        return tf.pad(table, [[0, 0], [0, CODES - len(self.tissue_names)], [0, 0]])

    def _resampled(self, x: tf.Tensor, draws: AppearanceDraws, fused: bool) -> tf.Tensor:
        """The images with blur and thick slices: products of matrices, which XLA does not speed up."""
        blurred, thick = draws.chances[:, 9] < self.blur, draws.chances[:, 10] < self.thick
        changes = blurred | thick | draws.synthetic
        shape = tuple(x.shape[1:-1])
        bands_of = arithmetic(self._bands, fused, shape=shape)

        def resampled() -> tf.Tensor:
            bands = bands_of(draws.chances[:, 11:15], draws.chances[:, 21:24], blurred, thick, draws.synthetic)
            return chosen_of_any(changes, warping.along_axes(x, bands), x)

        return tf.cond(tf.reduce_any(changes), resampled, lambda: x)

    def _bands(
        self,
        chances: tf.Tensor,
        sides: tf.Tensor,
        blurred: tf.Tensor,
        thick: tf.Tensor,
        synthetic: tf.Tensor,
        shape: tuple[int, ...],
    ) -> list[tf.Tensor]:
        """The matrices (b, size, size) of blur and thick slices along each axis."""
        rank = len(shape)
        axis, width, distance, first = tf.unstack(chances, axis=1)
        bands = []
        for number, (size, step) in enumerate(zip(shape, self.spacing_mm, strict=True)):
            deviation = tf.where(blurred, self.blur_mm * width * (0.4 + 0.6 * sides[:, number]), 0.0) / step
            deviation = tf.sqrt(tf.square(deviation) + tf.where(synthetic, EDGE_VOXELS**2, 0.0))
            apart = tf.maximum(1.0, distance * self.thick_mm / step)
            apart = tf.where(thick & (tf.cast(axis * rank, tf.int32) == number), apart, 1.0)
            bands.append(warping.coarser(size, deviation, apart, first))
        return bands

    def _uneven(self, draws: AppearanceDraws) -> tf.Tensor:
        return draws.chances[:, 18] < self.bias

    def _bent(self, draws: AppearanceDraws) -> tf.Tensor:
        return draws.chances[:, 19] < self.gamma

    def _edges(self, x: tf.Tensor, normalisation: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The lowest and the highest intensity, to stand beside the images."""
        low, high = self._scales(normalisation)[2:]
        return warping.over_voxels(low, x.shape.rank - 1), warping.over_voxels(high, x.shape.rank - 1)

    def _with_bias(self, x: tf.Tensor, draws: AppearanceDraws, normalisation: tf.Tensor) -> tf.Tensor:
        """The images with a bias field."""
        low, high = self._edges(x, normalisation)
        deviation = tf.where(self._uneven(draws), self.bias_deviation * draws.chances[:, 15], 0.0)
        field = self._smooth(draws.bias, x.shape[1:-1], BIAS_MM)
        light = tf.exp(warping.over_voxels(deviation, x.shape.rank - 1) * field)
        return low + (tf.clip_by_value(x, low, high) - low) * light

    def _with_gamma(self, x: tf.Tensor, draws: AppearanceDraws, normalisation: tf.Tensor) -> tf.Tensor:
        """The images to a power."""
        low, high = self._edges(x, normalisation)
        power = tf.exp(self.gamma_deviation * (2 * draws.chances[:, 16] - 1))
        power = warping.over_voxels(tf.where(self._bent(draws), power, 1.0), x.shape.rank - 1)
        relative = (tf.clip_by_value(x, low, high) - low) / (high - low)
        return low + (high - low) * tf.exp(power * tf.math.log(relative))  # three times as fast as pow

    def _scanned(self, x: tf.Tensor, tissues: tf.Tensor, draws: AppearanceDraws, normalisation: tf.Tensor) -> tf.Tensor:
        """The images with noise; clipped as stored images are."""
        low, high = self._edges(x, normalisation)
        noisy = draws.chances[:, 20] < self.noise
        deviation = tf.where(noisy, self.noise_deviation * tf.square(draws.chances[:, 17]), 0.0)
        noise = random_draws.normal_at(draws.noise, x.shape[1:])
        x = tf.clip_by_value(x, low, high)
        x += warping.over_voxels(deviation, x.shape.rank - 1) * (high - low) / 2 * noise
        return tf.where(tissues == OUTSIDE, low, tf.clip_by_value(x, low, high))

    def _range(self, offset: Any, scale: Any) -> tuple[Any, Any]:
        """Darkest and brightest of any contrast; the deviation is 1 where scans are normalised by theirs."""
        if self.bounds is not None:
            return max(self.bounds[0], -2.0), min(self.bounds[1], 2.0)
        if self.zscore:
            return -2.0, 2.0
        return (self.window[0] - offset) * scale, (self.window[1] - offset) * scale

    def _control(self, shape: Sequence[int], control_mm: float) -> list[int]:
        """The shape of the control points of a smooth field of samples (*shape, channels)."""
        return [*warping.control_shape(shape[:-1], self.spacing_mm, control_mm), shape[-1]]

    def _smooth(self, control: tf.Tensor, shape: Sequence[int], control_mm: float) -> tf.Tensor:
        """A smooth field of deviation 1, one for each channel of a stack of slices."""
        return warping.smooth_field(control, shape, self.spacing_mm, control_mm)
