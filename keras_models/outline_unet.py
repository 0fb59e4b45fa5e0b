"""U-Nets that segment one vertebra; they have the body of the detection network and can start from its weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.instance_fcn import image_and_memory, summary, whole_outputs
from keras_models.unet import unet_block, unet_body


def outline_unet(
    patch: Sequence[int | None] = (56, 56, 48), filters: int = 8, levels: int = 4, momentum: float = 0.9
) -> keras.Model:
    """3D U-Net that segments the vertebra at a landmark.

    Input (batch, *patch, 2): the image and the landmark prompt, whose maximum is 255; output (batch, *patch, 1),
    from 0 to 1.
    """
    inputs = keras.Input((*patch, 2), name="image_and_landmark")
    x = layers.Rescaling([1.0, 1 / 255], name="landmark_to_one")(inputs)
    x, _ = unet_body(x, filters, levels, momentum, (3, 3, 3))
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
    prompted: bool = False,
    two_branch: bool = False,
) -> keras.Model:
    """The mask of the next vertebra that is not in memory, its completeness and its level.

    Inputs and outputs are those of ``instance_fcn``. two_branch: two U-Nets in one network with a landmark prompt.
    Without a prompt the first branch, by memory, gives the mask; with a prompt the second one does. Completeness and
    level always come from the first branch.
    """
    inputs, scaled = image_and_memory(patch, channels, prompted or two_branch)
    x, floor = unet_body(scaled, filters, levels, momentum, (3, 3, 3))
    name = "found" if two_branch else "mask"
    mask = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name=name)(x)  # (batch, x, y, z, 1)
    if two_branch:
        x, _ = unet_body(scaled, filters, levels, momentum, (3, 3, 3), prefix="drawn_")
        second = layers.Conv3D(1, 1, activation="sigmoid", dtype="float32", name="drawn")(x)
        mask = _chosen(scaled, mask, second, channels)
    size, width = min(patch) // 2 ** (levels - 1), filters * 2 ** (levels - 1)
    whole = summary(floor, size, lambda x, name: unet_block(x, width, (3, 3, 3), momentum, name))  # (batch, width)
    return keras.Model(inputs, {"mask": mask, **whole_outputs(whole, start_level, level_scale)}, name="next_vertebra")


def _chosen(
    inputs: keras.KerasTensor, unprompted: keras.KerasTensor, prompted: keras.KerasTensor, channels: int
) -> keras.KerasTensor:
    """The prompted mask for each sample with a landmark prompt (from a tenth of its maximum on), else the other."""
    gate = layers.Rescaling([0.0] * (channels + 1) + [10.0], dtype="float32", name="mark_alone")(inputs)
    gate = layers.GlobalMaxPooling3D(dtype="float32", name="highest_by_channel")(gate)  # (batch, channels + 2)
    gate = layers.Reshape((channels + 2, 1), dtype="float32", name="channels_in_line")(gate)
    gate = layers.GlobalMaxPooling1D(dtype="float32", name="highest_mark")(gate)  # (batch, 1)
    gate = layers.ReLU(max_value=1.0, dtype="float32", name="is_prompted")(gate)
    gate = layers.Reshape((1, 1, 1, 1), dtype="float32", name="is_marked_everywhere")(gate)
    inverse = layers.Rescaling(-1.0, 1.0, dtype="float32", name="is_unmarked")(gate)
    unprompted = layers.Multiply(dtype="float32", name="found_unmarked")([unprompted, inverse])
    prompted = layers.Multiply(dtype="float32", name="drawn_marked")([prompted, gate])
    return layers.Add(dtype="float32", name="mask")([unprompted, prompted])
