"""The encoder-decoder that all U-Nets share (Ronneberger et al. 2015), and the convolutions of one of its levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd

import keras
from keras import layers

MOST_GROUPS = 4
"""The most groups of group normalisation; there are fewer where 4 does not divide the filters."""

AtLevel = Callable[[keras.KerasTensor, int, str], keras.KerasTensor]
"""(features, level counted from the top, the layer's name or the beginning of several layers' names) -> features."""


def encoder_decoder(
    x: keras.KerasTensor,
    levels: int,
    encode: AtLevel,
    downsample: AtLevel,
    upsample: AtLevel,
    decode: AtLevel | None = None,
    prefix: str = "",
    floor: str = "floor",
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The end of the decoder (batch, *patch, filters), for a head to follow, and the end of the encoder.

    decode: where it differs from ``encode``. prefix: of all layers' names, for a second body in one network. floor: the
    name of the encoder's last level.
    """
    skips = []
    for level in range(levels - 1):
        x = encode(x, level, f"{prefix}down{level}")  # (batch, *patch / 2^level, filters of this level)
        skips.append(x)
        x = downsample(x, level, f"{prefix}pool{level}")
    lowest = x = encode(x, levels - 1, f"{prefix}{floor}")  # (batch, *patch / 2^(levels - 1), filters of the last one)
    for level in reversed(range(levels - 1)):
        x = upsample(x, level, f"{prefix}upsample{level}")
        x = layers.Concatenate(name=f"{prefix}join{level}")([skips[level], x])
        x = (decode or encode)(x, level, f"{prefix}up{level}")  # (batch, *patch / 2^level, filters of this level)
    return x, lowest


def convolutions(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    kernel: int | Sequence[int] = 3,
    norm: str = "none",
    momentum: float = 0.99,
    negative_slope: float = 0.0,
    norm_last: bool = False,
    initializer: str = "glorot_uniform",
    dropout: float = 0.0,
    names: Sequence[str] = ("{name}_a_{part}", "{name}_b_{part}"),
) -> keras.KerasTensor:
    """One convolution per name, each with normalisation and (leaky) ReLU: (batch, *patch, filters).

    norm: "none", "batch" (``momentum`` is Keras's) or "group". norm_last: whether it follows the ReLU.
    dropout: the rate after the first convolution. names: patterns of the layers' names; the parts are conv, norm, relu.
    """
    dimensions = len(x.shape) - 2
    convolution: Callable[..., keras.Layer] = getattr(layers, f"Conv{dimensions}D")
    for step, each in enumerate(names):
        called = {part: each.format(name=name, part=part) for part in ("conv", "norm", "relu")}
        x = convolution(filters, kernel, padding="same", kernel_initializer=initializer, name=called["conv"])(x)
        if not norm_last:
            x = _normalised(x, norm, momentum, called["norm"])
        if negative_slope:
            x = layers.LeakyReLU(negative_slope, name=called["relu"])(x)
        else:
            x = layers.ReLU(name=called["relu"])(x)
        if norm_last:
            x = _normalised(x, norm, momentum, called["norm"])
        if step == 0 and dropout > 0:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def _normalised(x: keras.KerasTensor, norm: str, momentum: float, name: str) -> keras.KerasTensor:
    if norm == "batch":
        return layers.BatchNormalization(momentum=momentum, name=name)(x)
    if norm == "group":
        return layers.GroupNormalization(gcd(x.shape[-1], MOST_GROUPS), name=name)(x)
    return x
