"""The network of iterative segmentation (Lessmann et al. 2019): the next vertebra, its completeness, its level."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
from keras import layers

from keras_models.encoder_decoder import convolutions, encoder_decoder


def instance_fcn(
    patch: Sequence[int] = (128, 128, 128),
    channels: int = 1,
    filters: int = 64,
    levels: int = 4,
    widening: bool = False,
    norm: str = "batch",
    momentum: float = 0.99,
    start_level: float = 0.0,
    level_scale: float = 1.0,
    prompted: bool = False,
) -> keras.Model:
    """3D U-Net with a branch that pools its floor to one cell, for the completeness and the level of the vertebra.

    Input (batch, *patch, channels + 1): the image and the memory of vertebrae found so far. With ``prompted`` there is
    one more channel, the landmark prompt, whose maximum is 255; it is 0 everywhere without a landmark.
    Outputs by name: "mask" (batch, *patch, 1) and "complete" (batch, 1), both from 0 to 1, and "level" (batch, 1),
    C1 = 1, never below 0.
    As published all levels have one width; with ``widening`` filters double from level to level (Serrador et al.).
    norm: "batch" (as published, ``momentum`` is Keras's) or "group". With one sample per batch the moving statistics of
    batch normalisation are far from those of training; outputs of "group" do not depend on the batch.
    start_level, level_scale: as in ``identification_unet``.
    """
    if norm not in ("batch", "group"):
        raise ValueError(f'norm is "batch" or "group". Received: {norm!r}.')
    widths = [filters * 2**level if widening else filters for level in range(levels)]
    inputs, scaled = image_and_memory(patch, channels, prompted)

    def block(x: keras.KerasTensor, level: int, name: str) -> keras.KerasTensor:
        return convolutions(x, widths[level], name, 3, norm, momentum, norm_last=True)

    x, floor = encoder_decoder(
        scaled,
        levels,
        encode=block,
        downsample=lambda x, _, name: layers.MaxPooling3D(2, name=name)(x),
        upsample=lambda x, _, name: layers.UpSampling3D(2, name=name)(x),
    )  # (batch, x, y, z, filters)
    mask = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)  # (batch, x, y, z, 1)
    size = min(patch) // 2 ** (levels - 1)
    whole = summary(floor, size, lambda x, name: block(x, levels - 1, name))  # (batch, filters of the floor)
    outputs = {"mask": mask, **whole_outputs(whole, start_level, level_scale)}
    return keras.Model(inputs, outputs, name="instance_fcn")


def image_and_memory(
    patch: Sequence[int], channels: int, prompted: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input of image, memory and, where ``prompted``, a landmark prompt; and the same with prompts from 0 to 1."""
    if not prompted:
        inputs = keras.Input((*patch, channels + 1), name="image_and_memory")
        return inputs, inputs
    inputs = keras.Input((*patch, channels + 2), name="image_memory_and_mark")
    return inputs, layers.Rescaling([1.0] * (channels + 1) + [1 / 255], name="mark_to_one")(inputs)


def whole_outputs(
    whole: keras.KerasTensor, start_level: float = 0.0, level_scale: float = 1.0
) -> dict[str, keras.KerasTensor]:
    """The outputs "complete" and "level" (batch, 1) from the features of the whole vertebra (batch, width)."""
    complete = layers.Dense(1, activation="sigmoid", dtype="float32", name="complete")(whole)  # (batch, 1)
    level = layers.Dense(1, dtype="float32", name="level_score")(whole)
    if (start_level, level_scale) != (0.0, 1.0):
        level = layers.Rescaling(level_scale, start_level, dtype="float32", name="scaled_level")(level)
    return {"complete": complete, "level": layers.ReLU(dtype="float32", name="level")(level)}


def summary(
    x: keras.KerasTensor, size: int, block: Callable[[keras.KerasTensor, str], keras.KerasTensor]
) -> keras.KerasTensor:
    """Pooling with convolutions between, until ``size`` is 1; a global average covers the rest of larger patches."""
    for step in range(max(size.bit_length() - 1, 0)):
        x = layers.MaxPooling3D(2, name=f"whole{step}_pool")(x)
        x = block(x, f"whole{step}")
    return layers.GlobalAveragePooling3D(name="whole")(x)  # (batch, width)
