"""The U-Net that finds a spine as a heatmap (Payer et al. 2020; Serrador et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

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
    x, skips = inputs, []
    for level in range(levels - 1):
        x = _block(x, widths[level], norm, momentum, f"down{level}")
        skips.append(x)
        x = layers.AveragePooling3D(2, name=f"pool{level}")(x)
    x = _block(x, widths[-1], norm, momentum, "floor")
    for level in reversed(range(levels - 1)):
        x = layers.UpSampling3D(2, name=f"upsample{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([skips[level], x])
        x = _block(x, widths[level], norm, momentum, f"up{level}")
    start = keras.initializers.RandomNormal(stddev=1e-3) if answer == "linear" else "glorot_uniform"
    heat = layers.Conv3D(1, 1, activation=answer, kernel_initializer=start, dtype="float32", name="heat")(x)
    return keras.Model(inputs, heat, name="heatmap_unet")  # (batch, x, y, z, 1)


def _block(x: keras.KerasTensor, filters: int, norm: str, momentum: float, name: str) -> keras.KerasTensor:
    for step in ("a", "b"):
        x = layers.Conv3D(filters, 3, padding="same", name=f"{name}_{step}_conv")(x)
        if norm == "batch":
            x = layers.BatchNormalization(momentum=momentum, name=f"{name}_{step}_norm")(x)
        x = layers.LeakyReLU(negative_slope=SLOPE, name=f"{name}_{step}_relu")(x)
    return x
