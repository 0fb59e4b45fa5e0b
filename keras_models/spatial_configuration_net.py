"""SpatialConfiguration-Net (Payer et al. 2019, 2020): landmark heatmaps from local appearance and configuration."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.averaging_unet import averaging_unet
from keras_models.linear_upsampling import linear_upsampling

SIGMAS = "landmark_sigmas"
"""The layer whose weight is the learnt width of each landmark's target."""


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

    Input (batch, *patch, 1); output (batch, *patch, landmarks), -1 to 1. The local maps come from the image in full
    resolution and may respond at every similar vertebra. The spatial maps come from the local maps alone, ``coarser``
    times smaller, and select one response. Sizes are multiples of ``coarser`` 2^(levels - 1).
    norm, momentum: as in ``averaging_unet``.
    Weights of both heads start from N(0, head_deviation); ``spatial_start`` is the initial bias of the spatial one
    (above 0, local responses pass from the first step on; the published network has none).
    sigma: the initial widths of learnt targets, in voxels; None where they are not learnt (see ``with_sigmas``).
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
    """The unchanged heatmaps, in a network that also holds the learnt width of each landmark's target, in voxels.

    The widths are the weight ``alpha`` (landmarks,) of the layer ``SIGMAS``, a PReLU. The optimiser trains them, and
    model files keep them. The layer's input is zero, and its output, zero too, is added to the heatmaps; only the loss
    reads its weight.
    """
    if not sigma > 0:
        raise ValueError(f"A sigma is above 0. Received: {sigma}.")
    x = layers.GlobalAveragePooling3D(dtype="float32", name="mean_heat")(heatmaps)  # (batch, landmarks)
    x = layers.Rescaling(0.0, dtype="float32", name="no_heat")(x)
    x = layers.PReLU(keras.initializers.Constant(sigma), dtype="float32", name=SIGMAS)(x)
    x = layers.Reshape((1, 1, 1, -1), dtype="float32", name="no_heat_everywhere")(x)  # (batch, 1, 1, 1, landmarks)
    return layers.Add(dtype="float32", name="heatmaps_and_sigmas")([heatmaps, x])
