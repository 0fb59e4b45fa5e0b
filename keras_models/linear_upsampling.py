"""Trilinear upsampling from Keras layers, so that model files with it load with Keras alone."""

from __future__ import annotations

import keras
from keras import layers

AXES = "xyz"


def linear_upsampling(x: keras.KerasTensor, size: int, name: str) -> keras.KerasTensor:
    """The three spatial axes ``size`` times as long, by linear interpolation between voxel centres.

    (batch, x, y, z, channels) -> (batch, size x, size y, size z, channels); beyond the outermost centres their values
    continue. Along each axis every voxel is repeated 2 size times; then an average pooling of the same width, one old
    voxel, has a stride of two. "same" padding centres the windows, and Keras excludes the padding from the mean.
    The last layer is called ``name``.
    """
    if size < 1:
        raise ValueError(f"The upsampling has a whole factor of at least 1. Received: {size}.")
    for axis, letter in enumerate(AXES):
        repeated, stride = ([n if each == axis else 1 for each in range(3)] for n in (2 * size, 2))
        last = name if letter == AXES[-1] else f"{name}_mean_{letter}"
        x = layers.UpSampling3D(repeated, name=f"{name}_repeat_{letter}")(x)
        x = layers.AveragePooling3D(repeated, stride, padding="same", name=last)(x)
    return x
