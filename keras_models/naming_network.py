"""A small network over the nodes of a spine, from the top down; it predicts levels and false positives."""

from __future__ import annotations

import keras
from keras import layers

from keras_models.node_features import node_features


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
    """Residual dilated convolutions along the sorted nodes, in independent members.

    Input (batch, 1, nodes, channels), see ``node_features``; output (batch, 1, nodes, members, classes), softmax.
    """
    inputs = keras.Input((1, nodes, channels), name="nodes")
    features, there = node_features(inputs)
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
    penalty = keras.regularizers.L2(decay)
    x = layers.Dense(filters, kernel_regularizer=penalty, name=f"{name}_begin")(features)
    for block in range(blocks):
        y = layers.LayerNormalization(name=f"{name}_{block}_norm")(x)
        y = layers.Multiply(name=f"{name}_{block}_mask")([y, there])
        y = layers.Conv1D(
            filters, 3, padding="same", dilation_rate=2**block, kernel_regularizer=penalty, name=f"{name}_{block}_conv"
        )(y)
        y = layers.Activation("gelu", name=f"{name}_{block}_gelu")(y)
        y = layers.Dropout(dropout, name=f"{name}_{block}_drop")(y)
        y = layers.Dense(filters, kernel_regularizer=penalty, name=f"{name}_{block}_mix")(y)
        x = layers.Add(name=f"{name}_{block}")([x, y])
    x = layers.LayerNormalization(name=f"{name}_norm")(x)
    x = layers.Dropout(dropout, name=f"{name}_drop")(x)
    return layers.Dense(classes, kernel_regularizer=penalty, name=f"{name}_scores")(x)
