"""The U-Net of the coarse-to-fine system (Payer et al. 2020): one width, average pooling, linear upsampling."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.encoder_decoder import convolutions, encoder_decoder
from keras_models.linear_upsampling import linear_upsampling

SLOPE = 0.1
"""The slope of LeakyReLU below zero."""


def averaging_unet(
    x: keras.KerasTensor,
    filters: int,
    levels: int,
    steps: int,
    name: str,
    dropout: float = 0.0,
    norm: str = "none",
    momentum: float = 0.99,
) -> keras.KerasTensor:
    """The body of the network: (batch, *patch, any) -> (batch, *patch, filters), for a head to follow.

    Every level has ``filters`` filters and, on the way down and up, ``steps`` convolutions with LeakyReLU; dropout
    follows the first convolution of each level on the way down.
    norm: "none" as published; before each LeakyReLU "batch" (``momentum`` is Keras's) or "group". The outputs of
    "group" depend on the size of the patch.
    """
    if norm not in ("none", "batch", "group"):
        raise ValueError(f'norm is "none", "batch" or "group". Received: {norm!r}.')

    def block(x: keras.KerasTensor, name: str, dropout: float) -> keras.KerasTensor:
        names = [f"{{name}}_{{part}}{step}" for step in range(steps)]
        return convolutions(x, filters, name, 3, norm, momentum, SLOPE, False, "he_normal", dropout, names)

    x, _ = encoder_decoder(
        x,
        levels,
        encode=lambda x, _, name: block(x, name, dropout),
        decode=lambda x, _, name: block(x, name, 0.0),
        downsample=lambda x, _, name: layers.AveragePooling3D(2, name=name)(x),
        upsample=lambda x, _, name: linear_upsampling(x, 2, name),
        prefix=f"{name}_",
        floor=f"down{levels - 1}",
    )
    return x


def mask_unet(
    patch: Sequence[int | None] = (128, 128, 96),
    filters: int = 64,
    levels: int = 5,
    dropout: float = 0.25,
    norm: str = "none",
    momentum: float = 0.99,
) -> keras.Model:
    """3D U-Net that segments the vertebra at a landmark.

    Input (batch, *patch, 2): the image and the landmark prompt, whose maximum is 255; output (batch, *patch, 1),
    from 0 to 1.
    """
    inputs = keras.Input((*patch, 2), name="image_and_landmark")
    x = layers.Rescaling([1.0, 1 / 255], name="landmark_to_one")(inputs)
    x = averaging_unet(x, filters, levels, 2, "unet", dropout, norm, momentum)
    outputs = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)  # (batch, x, y, z, 1)
    return keras.Model(inputs, outputs, name="mask_unet")
