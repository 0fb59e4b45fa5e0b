"""The U-Net of the coarse-to-fine system (Payer et al. 2020): of one width, averaged down, linearly up."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import keras
from keras import layers

from keras_models.custom_layers import LinearUpSampling3D

SLOPE = 0.1
"""Of LeakyReLU below zero."""
MOST_GROUPS = 4


def averaging_unet(
    x: keras.KerasTensor,
    filters: int,
    levels: int,
    convolutions: int,
    name: str,
    dropout: float = 0.0,
    norm: str = "none",
    momentum: float = 0.99,
) -> keras.KerasTensor:
    """The body of the network: (batch, *patch, any) -> (batch, *patch, filters), for a head to follow.

    Every level has ``filters`` filters and, on the way down and up, ``convolutions`` convolutions with LeakyReLU;
    dropout follows the first convolution of each level on the way down.
    norm: "none" as published; before each LeakyReLU "batch" (``momentum`` is Keras's) or "group", with which a short
    training goes much farther. Answers of "group" hang on how large the patch is.
    """
    if norm not in ("none", "batch", "group"):
        raise ValueError(f'norm is "none", "batch" or "group". Received: {norm!r}.')
    normalised = norm, momentum
    skips = []
    for level in range(levels):
        x = _block(x, filters, convolutions, dropout, normalised, f"{name}_down{level}")
        if level < levels - 1:
            skips.append(x)
            x = layers.AveragePooling3D(2, name=f"{name}_pool{level}")(x)
    for level in reversed(range(levels - 1)):
        x = LinearUpSampling3D(2, name=f"{name}_upsample{level}")(x)
        x = layers.Concatenate(name=f"{name}_join{level}")([skips[level], x])
        x = _block(x, filters, convolutions, 0.0, normalised, f"{name}_up{level}")
    return x


def mask_unet(
    patch: Sequence[int | None] = (128, 128, 96),
    filters: int = 64,
    levels: int = 5,
    dropout: float = 0.25,
    norm: str = "none",
    momentum: float = 0.99,
) -> keras.Model:
    """3D U-Net that outlines the vertebra at a landmark.

    Input (batch, *patch, 2): the image, and what marks the landmark, 255 at its highest; output (batch, *patch, 1),
    from 0 to 1.
    """
    inputs = keras.Input((*patch, 2), name="image_and_landmark")
    x = layers.Rescaling([1.0, 1 / 255], name="landmark_to_one")(inputs)
    x = averaging_unet(x, filters, levels, 2, "unet", dropout, norm, momentum)
    outputs = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)  # (batch, x, y, z, 1)
    return keras.Model(inputs, outputs, name="mask_unet")


def _block(
    x: keras.KerasTensor, filters: int, convolutions: int, dropout: float, normalised: tuple[str, float], name: str
) -> keras.KerasTensor:
    norm, momentum = normalised
    for step in range(convolutions):
        x = layers.Conv3D(filters, 3, padding="same", kernel_initializer="he_normal", name=f"{name}_conv{step}")(x)
        if norm == "batch":
            x = layers.BatchNormalization(momentum=momentum, name=f"{name}_norm{step}")(x)
        elif norm == "group":
            x = layers.GroupNormalization(gcd(filters, MOST_GROUPS), name=f"{name}_norm{step}")(x)
        x = layers.LeakyReLU(SLOPE, name=f"{name}_relu{step}")(x)
        if step == 0 and dropout > 0:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x
