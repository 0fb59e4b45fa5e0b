"""The U-Nets of the two-stage system (McCouat & Glocker 2019), 3D for detection and 2D for identification, and a 3D
U-Net for volumes of thick slices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

from keras_models.encoder_decoder import convolutions, encoder_decoder


def detection_unet(
    patch: Sequence[int | None] = (64, 64, 80),
    filters: int = 16,
    levels: int = 5,
    classes: int = 2,
    momentum: float = 0.1,
) -> keras.Model:
    """3D U-Net that separates vertebrae from background.

    Input (batch, *patch, 1); output (batch, *patch, classes), softmax. Filters double from level to level.
    ``momentum`` is Keras's: 0.1, as published, keeps 90 % of the last batch's statistics.
    """
    inputs = keras.Input((*patch, 1), name="image")
    x, _ = unet_body(inputs, filters, levels, momentum, floor_kernel=(3, 3, 3))
    x = layers.Conv3D(classes, 3, padding="same", name="class_scores")(x)
    outputs = layers.Softmax(dtype="float32", name="classes")(x)  # (batch, x, y, z, classes)
    return keras.Model(inputs, outputs, name="detection_unet")


def identification_unet(
    patch: Sequence[int | None] = (80, 320),
    channels: int = 8,
    filters: int = 32,
    levels: int = 5,
    momentum: float = 0.1,
    floor_kernel: Sequence[int] = (5, 20),
    start_level: float = 0.0,
    level_scale: float = 1.0,
    classes: int = 0,
) -> keras.Model:
    """2D U-Net over neighbouring sagittal slices that predicts each pixel's level: a number, or class probabilities.

    Input (batch, *patch, channels): anterior-posterior by superior-inferior, slices as channels.
    Output (batch, *patch, 1): C1 = 1 ... L5 = 24, S1, S2. The convolutions on the floor have the kernel
    ``floor_kernel``, so that each covers the whole patch. start_level: about the output of an untrained network.
    level_scale: the levels per unit of its last convolution. The published network has neither.
    With ``classes`` the output is (batch, *patch, classes), softmax: the levels from C1 down.
    """
    inputs = keras.Input((*patch, channels), name="slices")
    x, _ = unet_body(inputs, filters, levels, momentum, floor_kernel)
    if classes:
        x = layers.Conv2D(classes, 1, name="level_scores")(x)
        outputs = layers.Softmax(dtype="float32", name="levels")(x)  # (batch, y, z, classes)
    elif start_level == 0.0 and level_scale == 1.0:
        outputs = layers.Conv2D(1, 1, activation="relu", dtype="float32", name="level")(x)  # (batch, y, z, 1)
    else:
        x = layers.Conv2D(1, 1, dtype="float32", name="relative_level")(x)
        x = layers.Rescaling(level_scale, start_level, dtype="float32", name="scaled_level")(x)
        outputs = layers.ReLU(dtype="float32", name="level")(x)
    return keras.Model(inputs, outputs, name="identification_unet")


def sliced_unet(
    patch: Sequence[int | None] = (32, 128, 256),
    channels: int = 1,
    filters: int = 32,
    levels: int = 5,
    classes: int = 4,
    momentum: float = 0.9,
    flat_levels: int = 0,
) -> keras.Model:
    """3D U-Net whose first axis may run across slices much thicker than their pixels.

    Input (batch, *patch, channels); output (batch, *patch, classes), softmax. The first ``flat_levels`` levels have
    kernels of 1x3x3 and pooling by 1x2x2 within each slice; below them voxels are about isotropic.
    """
    flat = min(flat_levels, levels - 1)
    inputs = keras.Input((*patch, channels), name="image")
    x, _ = unet_body(inputs, filters, levels, momentum, floor_kernel=(3, 3, 3), flat_levels=flat)
    x = layers.Conv3D(classes, 1, padding="same", name="class_scores")(x)
    outputs = layers.Softmax(dtype="float32", name="classes")(x)  # (batch, x, y, z, classes)
    return keras.Model(inputs, outputs, name="sliced_unet")


def unet_body(
    x: keras.KerasTensor,
    filters: int,
    levels: int,
    momentum: float,
    floor_kernel: Sequence[int],
    flat_levels: int = 0,
    prefix: str = "",
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The end of the decoder (batch, *patch, filters), for a head to follow, and the floor.

    Each level has two convolutions with batch normalisation and ReLU. The first ``flat_levels`` levels do not convolve
    or pool along the first axis. prefix: of all layers' names, for a second body in one network.
    """
    dimensions = len(x.shape) - 2
    pool: Callable[..., keras.Layer] = getattr(layers, f"MaxPooling{dimensions}D")
    repeat: Callable[..., keras.Layer] = getattr(layers, f"UpSampling{dimensions}D")
    kernels = [(1 if level < flat_levels else 3, *(3,) * (dimensions - 1)) for level in range(levels - 1)]
    halves = [(1 if level < flat_levels else 2, *(2,) * (dimensions - 1)) for level in range(levels - 1)]
    kernels.append(tuple(floor_kernel))
    return encoder_decoder(
        x,
        levels,
        encode=lambda x, level, name: unet_block(x, filters * 2**level, kernels[level], momentum, name),
        downsample=lambda x, level, name: pool(halves[level], name=name)(x),
        upsample=lambda x, level, name: repeat(halves[level], name=name)(x),
        prefix=prefix,
    )


def unet_block(
    x: keras.KerasTensor, filters: int, kernel: Sequence[int], momentum: float, name: str
) -> keras.KerasTensor:
    """Two convolutions, each with batch normalisation and ReLU."""
    return convolutions(x, filters, name, kernel, "batch", momentum)
