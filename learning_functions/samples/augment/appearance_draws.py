"""The random numbers of synthetic appearances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from learning_functions.samples.augment import random_draws
from learning_functions.samples.augment.tissue_prior import KIND_NAMES

CHANCES = 24
"""Uniform random numbers of a sample, for everything that needs one number."""
UNIFORM, NORMAL, KEYS = range(16, 19)
"""The streams of random numbers of a sample; augmentation.py has others."""


class AppearanceDraws(NamedTuple):
    """The random numbers of a batch.

    keeps, synthetic (b,): whether the image contains the stored image, and whether it is synthetic, at least in part.
    stored_fraction (b,): the fraction of the stored image. chances (b, CHANCES) and kinds (b, 3, kinds): uniform.
    of_kind (b, 2, kinds) and own (b, 2, tissues): standard normal. coarse and bias: control points of the coarse
    texture and of the bias field. fine and noise (b, 2): keys of the numbers for each voxel.
    """

    keeps: tf.Tensor
    synthetic: tf.Tensor
    stored_fraction: tf.Tensor
    chances: tf.Tensor
    kinds: tf.Tensor
    of_kind: tf.Tensor
    own: tf.Tensor
    coarse: tf.Tensor
    bias: tf.Tensor
    fine: tf.Tensor
    noise: tf.Tensor


def appearance_draws(
    seeds: tf.Tensor, probabilities: tuple[float, float], tissues: int, coarse: Sequence[int], bias: Sequence[int]
) -> AppearanceDraws:
    """The random numbers of samples by two whole numbers for each (b, 2).

    probabilities: of a stored image, and of a mixed one. tissues: their number. coarse, bias: the shapes of the control
    points.
    """
    kinds, (kept, mixed) = len(KIND_NAMES), probabilities
    uniform = random_draws.uniforms(seeds, [CHANCES + 3 * kinds], UNIFORM)
    sizes = [2 * kinds, 2 * tissues, int(np.prod(coarse)), int(np.prod(bias))]
    normal = tf.split(random_draws.normals(seeds, [sum(sizes)], NORMAL), sizes, axis=1)
    shapes = ([2, kinds], [2, tissues], coarse, bias)
    of_kind, own, coarse_points, bias_points = (
        tf.reshape(part, [-1, *shape]) for part, shape in zip(normal, shapes, strict=True)
    )
    fine, noise = tf.unstack(random_draws.keys(seeds, 2, KEYS), axis=1)
    chances = uniform[:, :CHANCES]
    keeps, synthetic = chances[:, 0] < kept + mixed, chances[:, 0] >= kept
    return AppearanceDraws(
        keeps,
        synthetic,
        tf.where(synthetic, tf.where(keeps, chances[:, 1], 0.0), 1.0),
        chances,
        tf.reshape(uniform[:, CHANCES:], [-1, 3, kinds]),
        of_kind,
        own,
        coarse_points,
        bias_points,
        fine,
        noise,
    )
