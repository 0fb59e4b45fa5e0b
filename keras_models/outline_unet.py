"""U-Nets that outline one vertebra, with the body of the detection network so that they can begin from its weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.instance_fcn import image_and_memory, whole_answers
from keras_models.unet import unet_block, unet_body


def outline_unet(
    patch: Sequence[int | None] = (56, 56, 48), filters: int = 8, levels: int = 4, momentum: float = 0.9
) -> keras.Model:
    """The vertebra at a landmark.

    Input (batch, *patch, 2): the image, and what marks the landmark, 255 at its highest; output (batch, *patch, 1),
    from 0 to 1.
    """
    inputs = keras.Input((*patch, 2), name="image_and_landmark")
    x = layers.Rescaling([1.0, 1 / 255], name="landmark_to_one")(inputs)
    x, _ = unet_body(x, 3, filters, levels, momentum, (3, 3, 3))
    outputs = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)  # (batch, x, y, z, 1)
    return keras.Model(inputs, outputs, name="outline_unet")


def next_vertebra_unet(
    patch: Sequence[int] = (56, 56, 48),
    channels: int = 1,
    filters: int = 8,
    levels: int = 4,
    momentum: float = 0.9,
    start_level: float = 0.0,
    level_scale: float = 1.0,
    marked: bool = False,
) -> keras.Model:
    """The next vertebra that memory does not hold, whether all of it is seen, and its level.

    Inputs and outputs are those of ``instance_fcn``.
    """
    inputs, x = image_and_memory(patch, channels, marked)
    x, floor = unet_body(x, 3, filters, levels, momentum, (3, 3, 3))
    mask = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="mask")(x)  # (batch, x, y, z, 1)
    size, width = min(patch) // 2 ** (levels - 1), filters * 2 ** (levels - 1)
    for step in range(max(size.bit_length() - 1, 0)):
        floor = layers.MaxPooling3D(2, name=f"whole{step}_pool")(floor)
        floor = unet_block(floor, 3, width, (3, 3, 3), momentum, f"whole{step}")
    whole = layers.GlobalAveragePooling3D(name="whole")(floor)  # (batch, width)
    return keras.Model(inputs, {"mask": mask, **whole_answers(whole, start_level, level_scale)}, name="next_vertebra")
