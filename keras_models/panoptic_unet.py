"""A 3D U-Net that segments parts of vertebrae and points every voxel to the centre of its own vertebra, in one pass.

The centre offsets are those of Panoptic-DeepLab (Cheng et al. 2020) and EmbedSeg (Lalit et al. 2022). The body works at
half the input's resolution: a strided convolution enters it (space to depth) and a transposed one leaves it (depth to
space), so that detail costs little (Shi et al. 2016). Both add to what ``detection_unet`` does at that resolution; a
trained detection can initialise the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from keras_models.unet import unet_body

PARTS_OUTPUT, OFFSETS_OUTPUT = "parts", "offsets"
"""The names of the outputs."""
REDUCTION = 2
"""The voxels of the input along each axis to one of the body and of the offsets."""


def panoptic_unet(
    patch: Sequence[int | None] = (80, 112, 112),
    filters: int = 16,
    levels: int = 4,
    classes: int = 5,
    momentum: float = 0.9,
) -> keras.Model:
    """Parts of vertebrae, and offsets to the centres of vertebral bodies.

    Input (batch, *patch, 1). Outputs: ``parts`` (batch, *patch, classes), softmax; ``offsets`` (batch, *patch / 2, 3),
    from each voxel to the centre of its vertebra along the axes of the patch, in cm. Filters double from level to level
    of the body. Sizes of the patch are multiples of 2^levels.
    """
    inputs = keras.Input((*patch, 1), name="image")
    half = layers.AveragePooling3D(REDUCTION, name="half_image")(inputs)  # (batch, *patch / 2, 1)
    fine = layers.Conv3D(filters, REDUCTION, strides=REDUCTION, name="space_to_depth")(inputs)
    x = layers.Concatenate(name="entrance")([half, fine])
    x, _ = unet_body(x, filters, levels, momentum, floor_kernel=(3, 3, 3))  # (batch, *patch / 2, filters)
    offsets = layers.Conv3D(3, 1, dtype="float32", name=OFFSETS_OUTPUT)(x)
    coarse = layers.Conv3D(classes, 3, padding="same", name="class_scores")(x)
    coarse = layers.UpSampling3D(REDUCTION, name="coarse_scores")(coarse)
    small = keras.initializers.RandomNormal(stddev=0.01)
    fine = layers.Conv3DTranspose(
        classes, REDUCTION, strides=REDUCTION, kernel_initializer=small, name="depth_to_space"
    )(x)
    scores = layers.Add(name="scores")([coarse, fine])
    parts = layers.Softmax(dtype="float32", name=PARTS_OUTPUT)(scores)  # (batch, *patch, classes)
    return keras.Model(inputs, {PARTS_OUTPUT: parts, OFFSETS_OUTPUT: offsets}, name="panoptic_unet")
