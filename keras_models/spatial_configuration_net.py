"""SpatialConfiguration-Net (Payer et al. 2019, 2020): where each landmark may be by its looks, and by the others."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.averaging_unet import averaging_unet
from keras_models.linear_upsampling import linear_upsampling

SIGMAS = "landmark_sigmas"
"""The layer whose one weight is how wide each landmark's target is, where that is learnt."""


def spatial_configuration_net(
    patch: Sequence[int | None] = (96, 96, 128),
    landmarks: int = 26,
    filters: int = 96,
    levels: int = 4,
    dropout: float = 0.25,
    norm: str = "none",
    momentum: float = 0.99,
    coarser: int = 4,
    head_deviation: float = 1e-4,
    spatial_start: float = 0.0,
    sigma: float | None = None,
) -> keras.Model:
    """Heatmaps of landmarks, each the product of a local and a spatial one.

    Input (batch, *patch, 1); output (batch, *patch, landmarks), -1 to 1. The local maps see the image in full detail
    and may answer at every similar vertebra; the spatial ones see nothing but the local maps, ``coarser`` times
    smaller, and tell which of them it is. Sizes are multiples of ``coarser`` 2^(levels - 1).
    norm, momentum: as in ``averaging_unet``.
    Weights of both heads start from N(0, head_deviation); ``spatial_start`` is the bias of the spatial one (above 0, it
    lets the local maps through from the first step on; the published one has none).
    sigma: where the widths of the targets are learnt, those they start from, in voxels (see ``with_sigmas``).
    """
    small = keras.initializers.RandomNormal(stddev=head_deviation)
    image = keras.Input((*patch, 1), name="image")
    x = averaging_unet(image, filters, levels, 2, "local", dropout, norm, momentum)  # (batch, x, y, z, filters)
    local = layers.Conv3D(landmarks, 1, kernel_initializer=small, name="local_scores")(x)
    local = layers.Activation("tanh", dtype="float32", name="local")(local)  # (batch, x, y, z, landmarks)
    x = layers.AveragePooling3D(coarser, name="spatial_pool")(local)
    x = averaging_unet(x, filters, levels, 1, "spatial", dropout, norm, momentum)  # (batch, x/4, y/4, z/4, filters)
    x = layers.Conv3D(
        landmarks,
        1,
        kernel_initializer=small,
        bias_initializer=keras.initializers.Constant(spatial_start),
        name="spatial_scores",
    )(x)
    x = linear_upsampling(x, coarser, "spatial_upsample")
    spatial = layers.Activation("tanh", dtype="float32", name="spatial")(x)
    heatmaps = layers.Multiply(dtype="float32", name="heatmaps")([local, spatial])
    if sigma is not None:
        heatmaps = with_sigmas(heatmaps, sigma)
    return keras.Model(image, heatmaps, name="spatial_configuration_net")


def with_sigmas(heatmaps: keras.KerasTensor, sigma: float) -> keras.KerasTensor:
    """The heatmaps as they are, in a network that keeps how wide each landmark's target is, in voxels.

    These widths are the weight ``alpha`` (landmarks,) of the layer ``SIGMAS``, so that the optimiser trains them, and
    every file that keeps the network keeps them. That layer multiplies by them what is below zero, and is shown
    nothing but zeros, which are added to the heatmaps: it is in the network and changes nothing; the loss reads it.
    """
    if not sigma > 0:
        raise ValueError(f"A sigma is above 0. Received: {sigma}.")
    x = layers.GlobalAveragePooling3D(dtype="float32", name="mean_heat")(heatmaps)  # (batch, landmarks)
    x = layers.Rescaling(0.0, dtype="float32", name="no_heat")(x)
    x = layers.PReLU(keras.initializers.Constant(sigma), dtype="float32", name=SIGMAS)(x)
    x = layers.Reshape((1, 1, 1, -1), dtype="float32", name="no_heat_everywhere")(x)  # (batch, 1, 1, 1, landmarks)
    return layers.Add(dtype="float32", name="heatmaps_and_sigmas")([heatmaps, x])
