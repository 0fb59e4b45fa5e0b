"""The U-Net that finds a spine as a heatmap (Payer et al. 2020; Serrador et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.encoder_decoder import convolutions, encoder_decoder

SLOPE = 0.1
"""Of the leaky ReLU below zero."""


def heatmap_unet(
    patch: Sequence[int | None] = (64, 64, 128),
    filters: int = 64,
    levels: int = 5,
    widening: bool = False,
    norm: str = "none",
    momentum: float = 0.99,
    answer: str = "linear",
) -> keras.Model:
    """3D U-Net of two convolutions per level, averaged down and repeated up.

    Input (batch, *patch, 1), output (batch, *patch, 1). All levels are of one width; with ``widening`` filters double
    from level to level. norm: "none" (leaky ReLU alone) or "batch" (``momentum`` is Keras's). answer: "linear", heat as
    a regression, its last kernel near zero at first; or "sigmoid", heat as a probability.
    """
    if norm not in ("none", "batch") or answer not in ("linear", "sigmoid"):
        raise ValueError(f'norm is "none" or "batch", answer "linear" or "sigmoid". Received: {norm!r}, {answer!r}.')
    widths = [filters * 2**level if widening else filters for level in range(levels)]
    inputs = keras.Input((*patch, 1), name="image")
    x, _ = encoder_decoder(
        inputs,
        levels,
        lambda x, level, name: convolutions(x, widths[level], name, 3, norm, momentum, SLOPE),
        lambda x, _, name: layers.AveragePooling3D(2, name=name)(x),
        lambda x, _, name: layers.UpSampling3D(2, name=name)(x),
    )  # (batch, x, y, z, filters)
    start = keras.initializers.RandomNormal(stddev=1e-3) if answer == "linear" else "glorot_uniform"
    heat = layers.Conv3D(1, 1, activation=answer, kernel_initializer=start, dtype="float32", name="heat")(x)
    return keras.Model(inputs, heat, name="heatmap_unet")  # (batch, x, y, z, 1)
