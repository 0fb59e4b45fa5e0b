"""Synthetic appearances: images sampled from tissue maps, from CT-like to any contrast (idea of SynthSeg).

Billot et al. 2023, "SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import warping
from learning_functions.samples.augment.ranges import require_not_negative, require_probabilities
from learning_functions.samples.augment.tissue_prior import DARK, KIND_NAMES, Prior, prior_of
from learning_functions.spec import OUTSIDE, Spec

CT_WINDOW = (-1000.0, 900.0)
"""HU of about the darkest and the brightest voxels of a CT scan, without outliers."""
EDGE_VOXELS = 0.45
"""The smallest blur of a synthetic image: it stands for partial volume, which a tissue map lacks."""


@dataclass(frozen=True)
class Appearance:
    """Synthesises the image of a sample from its tissue map by its seed, or keeps the stored image.

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

    def keeps_image(self, seed: Any) -> tf.Tensor:
        """Whether the image for this seed contains the stored image, at least in part."""
        return _chances(seed)[0] < self.kept + self.mixed

    def __call__(self, x: Any, tissues: Any, seed: Any, normalisation: Any) -> tf.Tensor:
        """The image (*shape, channels), stored, mixed or synthetic, in normalised intensities.

        x: the stored image, normalised; tissues: uint8 of its shape, OUTSIDE out of the field of view.
        seed: two whole numbers. normalisation: offset and scale, see Spec.normalise.
        """
        x, tissues = tf.convert_to_tensor(x, tf.float32), tf.convert_to_tensor(tissues)
        seeds = tf.unstack(tf.random.split(seed, 3))
        chances = _chances(seed)
        offset, scale = tf.unstack(tf.cast(normalisation, tf.float32))
        if self.bounds is not None:
            scale = (self.bounds[1] - self.bounds[0]) / (CT_WINDOW[1] - CT_WINDOW[0])
            offset = CT_WINDOW[0] - self.bounds[0] / scale
        low, high = ((edge - offset) * scale for edge in self.window) if self.bounds is None else self.bounds
        share = tf.where(chances[0] < self.kept, 1.0, tf.where(self.keeps_image(seed), chances[1], 0.0))

        def drawn() -> tf.Tensor:
            look = self._painted(tissues, chances[2:9], seeds[0], offset, scale)
            return tf.where(share > 0, look + share * (x - look), look)

        x = tf.cond(share < 1, drawn, lambda: x)
        return tf.where(tissues == OUTSIDE, low, self._scanned(x, chances[9:], share < 1, seeds[1], (low, high)))

    def _painted(self, tissues: tf.Tensor, chances: tf.Tensor, seed: tf.Tensor, offset: Any, scale: Any) -> tf.Tensor:
        """Each tissue with its own mean and texture; tissues of one kind are nearly alike."""
        prior, kinds = self._prior, len(KIND_NAMES)
        seeds = tf.unstack(tf.random.split(seed, 5))
        of_kind = tf.random.stateless_normal([2, kinds], seeds[0])
        own = tf.random.stateless_normal([2, len(self.tissue_names)], seeds[1])
        uniform = tf.random.stateless_uniform([3, kinds], seeds[2])
        shared = tf.gather(of_kind, prior.kind, axis=1)
        flat = tf.gather(uniform, prior.kind, axis=1)
        like_ct, enhanced, contrast, shift, darkens, apart, thickness = tf.unstack(chances)
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
        looks = ((ct_mean, any_mean), (ct_grain, any_grain))
        table = tf.stack([tf.where(like_ct < self.ct, ct, other) for ct, other in looks], axis=1)
        # the intensity of a shell thinner than its voxels is nearer to that of its marrow
        inside = tf.gather(table, prior.inner)
        table = inside + (0.2 + 0.8 * thickness) * (table - inside)
        table = tf.pad(table, [[0, OUTSIDE + 1 - len(self.tissue_names)], [0, 0]])
        looked = tf.gather(table, tf.cast(tissues, tf.int32))
        fine = tf.random.stateless_normal(tissues.shape, seeds[3])
        coarse = self._smooth(tissues.shape, 9.0, seeds[4])
        return looked[..., 0] + looked[..., 1] * (0.7 * fine + 0.7 * coarse)

    def _scanned(self, x: tf.Tensor, chances: tf.Tensor, is_drawn: tf.Tensor, seed: tf.Tensor, edges: Any) -> tf.Tensor:
        """The image with blur, thick slices, a bias field, gamma and noise; clipped as stored images are."""
        low, high = edges
        rank = len(self.spacing_mm)
        seeds = tf.unstack(tf.random.split(seed, 2))
        blurs, thickens, axis, width, distance, first = tf.unstack(chances[:6])
        amounts, chosen, sides = chances[6:9], chances[9:12] < (self.bias, self.gamma, self.noise), chances[12:15]
        blurred, thick = blurs < self.blur, thickens < self.thick

        def resampled() -> tf.Tensor:
            bands = []
            for number, (size, step) in enumerate(zip(x.shape[:rank], self.spacing_mm, strict=True)):
                deviation = tf.where(blurred, self.blur_mm * width * (0.4 + 0.6 * sides[number]), 0.0) / step
                deviation = tf.sqrt(tf.square(deviation) + tf.where(is_drawn, EDGE_VOXELS**2, 0.0))
                apart = tf.maximum(1.0, distance * self.thick_mm / step)
                apart = tf.where(thick & (tf.cast(axis * rank, tf.int32) == number), apart, 1.0)
                bands.append(warping.coarser(size, deviation, apart, first))
            return warping.back_in_order(warping.along_axes(x, bands), rank)

        def uneven() -> tf.Tensor:
            field = self._smooth((*x.shape[:rank], 1), 80.0, seeds[0])
            return low + (x - low) * tf.exp(self.bias_deviation * amounts[0] * field)

        def bent() -> tf.Tensor:
            power = tf.exp(self.gamma_deviation * (2 * amounts[1] - 1))
            return low + (high - low) * tf.pow((tf.clip_by_value(x, low, high) - low) / (high - low), power)

        def noisy() -> tf.Tensor:
            amount = self.noise_deviation * tf.square(amounts[2]) * (high - low) / 2
            return x + amount * tf.random.stateless_normal(x.shape, seeds[1])

        x = tf.clip_by_value(tf.cond(blurred | thick | is_drawn, resampled, lambda: x), low, high)
        x = tf.cond(chosen[0], uneven, lambda: x)
        x = tf.cond(chosen[1], bent, lambda: x)
        x = tf.cond(chosen[2], noisy, lambda: x)
        return tf.clip_by_value(x, low, high)

    def _range(self, offset: Any, scale: Any) -> tuple[Any, Any]:
        """Darkest and brightest of any contrast; the deviation is 1 where scans are normalised by theirs."""
        if self.bounds is not None:
            return max(self.bounds[0], -2.0), min(self.bounds[1], 2.0)
        if self.zscore:
            return -2.0, 2.0
        return (self.window[0] - offset) * scale, (self.window[1] - offset) * scale

    def _smooth(self, shape: Any, control_mm: float, seed: tf.Tensor) -> tf.Tensor:
        """A smooth field of deviation 1, one for each channel of a stack of slices."""
        rank = len(self.spacing_mm)
        bases = [
            warping.spline_basis(n, step, control_mm) for n, step in zip(shape[:rank], self.spacing_mm, strict=True)
        ]
        control = tf.random.stateless_normal([*(basis.shape[1] for basis in bases), shape[-1]], seed)
        return warping.back_in_order(warping.along_axes(control, bases), rank)


def _chances(seed: Any) -> tf.Tensor:
    """Uniform random numbers (24,) from 0 to 1, for everything that needs one number per sample."""
    return tf.random.stateless_uniform([24], tf.random.split(seed, 3)[2])
