"""A small network over the nodes of a spine, from the top down, that tells the level of each or that it is false."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

STEP_M, OFFSET_M = 0.03, 0.02
"""Usual lengths of a step between bodies and of the way to a pedicle: features are counted in them."""


@keras.saving.register_keras_serializable("spine")
class ChainFeatures(layers.Layer):
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


def naming_network(
    nodes: int | None = 28,
    channels: int = 15,
    filters: int = 48,
    blocks: int = 4,
    classes: int = 30,
    members: int = 1,
    dropout: float = 0.2,
    decay: float = 1e-4,
) -> keras.Model:
    """Residual dilated convolutions along the sorted nodes, then attention over all of them, in independent members.

    Input (batch, 1, nodes, channels), see ChainFeatures; output (batch, 1, nodes, members, classes), softmax.
    """
    inputs = keras.Input((1, nodes, channels), name="nodes")
    features, there = ChainFeatures(name="features")(inputs)
    answers = []
    for member in range(members):
        scores = _member(features, there, filters, blocks, classes, dropout, decay, f"member{member}")
        answers.append(layers.Reshape((1, -1, 1, classes), name=f"member{member}_shape")(scores))
    scores = layers.Concatenate(axis=3, name="scores")(answers) if members > 1 else answers[0]
    outputs = layers.Softmax(dtype="float32", name="levels")(scores)  # (batch, 1, nodes, members, classes)
    return keras.Model(inputs, outputs, name="naming_network")


def _member(
    features: keras.KerasTensor,
    there: keras.KerasTensor,
    filters: int,
    blocks: int,
    classes: int,
    dropout: float,
    decay: float,
    name: str,
) -> keras.KerasTensor:
    lighter = keras.regularizers.L2(decay)
    x = layers.Dense(filters, kernel_regularizer=lighter, name=f"{name}_begin")(features)
    for block in range(blocks):
        y = layers.LayerNormalization(name=f"{name}_{block}_norm")(x)
        y = layers.Multiply(name=f"{name}_{block}_mask")([y, there])
        y = layers.Conv1D(
            filters, 3, padding="same", dilation_rate=2**block, kernel_regularizer=lighter, name=f"{name}_{block}_conv"
        )(y)
        y = layers.Activation("gelu", name=f"{name}_{block}_gelu")(y)
        y = layers.Dropout(dropout, name=f"{name}_{block}_drop")(y)
        y = layers.Dense(filters, kernel_regularizer=lighter, name=f"{name}_{block}_mix")(y)
        x = layers.Add(name=f"{name}_{block}")([x, y])
    x = layers.LayerNormalization(name=f"{name}_norm")(x)
    x = layers.Dropout(dropout, name=f"{name}_drop")(x)
    return layers.Dense(classes, kernel_regularizer=lighter, name=f"{name}_scores")(x)
