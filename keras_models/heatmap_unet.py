"""The U-Net that predicts the spine as a heatmap (Payer et al. 2020; Serrador et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.encoder_decoder import convolutions, encoder_decoder

SLOPE = 0.1
"""The slope of the leaky ReLU below zero."""


def heatmap_unet(
    patch: Sequence[int | None] = (64, 64, 128),
    filters: int = 64,
    levels: int = 5,
    widening: bool = False,
    norm: str = "none",
    momentum: float = 0.99,
    answer: str = "linear",
) -> keras.Model:
    """3D U-Net with two convolutions per level, average pooling and nearest-neighbour upsampling.

    Input (batch, *patch, 1), output (batch, *patch, 1). All levels have one width; with ``widening`` filters double
    from level to level. norm: "none" (leaky ReLU alone) or "batch" (``momentum`` is Keras's). answer: "linear" for a
    regression, whose last kernel starts near zero, or "sigmoid" for a probability.
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
    initial = keras.initializers.RandomNormal(stddev=1e-3) if answer == "linear" else "glorot_uniform"
    heatmap = layers.Conv3D(1, 1, activation=answer, kernel_initializer=initial, dtype="float32", name="heat")(x)
    return keras.Model(inputs, heatmap, name="heatmap_unet")  # (batch, x, y, z, 1)
