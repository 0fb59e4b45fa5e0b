"""Layers that Keras lacks, registered with it, so that files which hold them load where this module was imported."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

STEP_M, OFFSET_M = 0.03, 0.02
"""Usual lengths of a step between bodies and of the way to a pedicle: features are counted in them."""


@keras.saving.register_keras_serializable("spine")
class LinearUpSampling3D(keras.layers.Layer):
    """Makes the three spatial axes ``size`` times as long, by linear interpolation between voxel centres.

    (batch, x, y, z, channels) -> (batch, size x, size y, size z, channels); beyond the outermost centres their own
    values stand. Constant maps stay as they are, and linear ones too, away from the border.
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if int(size) < 1:
            raise ValueError(f"Maps grow by a whole factor of at least 1. Received: {size}.")
        self.size = int(size)

    def call(self, inputs: Any) -> Any:
        x = inputs
        for axis in (1, 2, 3):
            x = self._along(x, axis)
        return x

    def _along(self, x: Any, axis: int) -> Any:
        def cut(start: int | None, stop: int | None) -> Any:
            return x[(slice(None),) * axis + (slice(start, stop),)]

        before = ops.concatenate([cut(None, 1), cut(None, -1)], axis=axis)
        after = ops.concatenate([cut(1, None), cut(-1, None)], axis=axis)
        parts = []
        for step in range(self.size):
            away = (step + 0.5) / self.size - 0.5  # from the centre of the voxel that is parted, in its own lengths
            parts.append((1 - abs(away)) * x + abs(away) * (before if away < 0 else after))
        shape = list(ops.shape(x))  # whole numbers, or tensors where a size is open
        shape[axis] = shape[axis] * self.size
        return ops.reshape(ops.stack(parts, axis=axis + 1), shape)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, *space, channels = input_shape
        return (batch, *(None if length is None else length * self.size for length in space), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable("spine")
class LandmarkSigmas(keras.layers.Layer):
    """Hands heatmaps on as they are and keeps how wide each landmark's target is: ``sigmas`` (landmarks,), in voxels.

    A weight of the network, so that the optimiser trains it, and every file that keeps the network keeps it.
    """

    def __init__(self, start: float = 4.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not start > 0:
            raise ValueError(f"A sigma is above 0. Received: {start}.")
        self.start = float(start)

    def build(self, input_shape: Any) -> None:
        self.sigmas = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.start), name="sigmas"
        )

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable("spine")
class ChainFeatures(keras.layers.Layer):
    """What is known of each node, by where its neighbours and pedicles lie, whatever the place of the whole spine.

    Input (batch, 1, nodes, 15): present, place (m), probabilities of three regions, and per pedicle found and place
    from the body (m); absent nodes, all 0, stand last. Output: features (batch, nodes, FEATURES), and 1 where there is
    a node (batch, nodes, 1).
    """

    FEATURES = 38

    def call(self, inputs: Any) -> Any:
        x = inputs[:, 0]
        there = x[..., :1]
        place = x[..., 1:4] / STEP_M
        parts = []
        for away in (1, 2):
            for way in (away, -away):
                both = there * _shifted(there, way)
                step = (_shifted(place, way) - place) * both * (1 / away)
                parts += [step, _length(step) * both, both]  # 3 + 1 + 1
        told = x[..., 4:7]
        known = ops.cast(ops.sum(told, axis=-1, keepdims=True) > 0, x.dtype)
        sure = ops.clip(told, 0.004, 0.996)
        parts += [told, (ops.log(sure) - ops.log(1 - sure)) * known / 4, known]  # 3 + 3 + 1
        left, right = (x[..., first : first + 4] / [1.0, OFFSET_M, OFFSET_M, OFFSET_M] for first in (7, 11))
        paired = left[..., :1] * right[..., :1]
        between = (right[..., 1:] - left[..., 1:]) * paired
        middle = (right[..., 1:] + left[..., 1:]) * paired / 2
        parts += [left, right, paired, _length(between) - paired, _length(middle) - paired]  # 4 + 4 + 3
        return ops.concatenate(parts, axis=-1) * there, there

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, _, nodes, _ = input_shape
        return (batch, nodes, self.FEATURES), (batch, nodes, 1)


def _shifted(x: Any, way: int) -> Any:
    """Each node's neighbour so many places further down (negative: up), 0 where there is none."""
    if way > 0:
        return ops.pad(x, [[0, 0], [0, way], [0, 0]])[:, way:]
    return ops.pad(x, [[0, 0], [-way, 0], [0, 0]])[:, :way]


def _length(vector: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(vector), axis=-1, keepdims=True) + 1e-8)
