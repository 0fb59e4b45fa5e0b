"""The precision that a trained network computes in; weights and outputs are float32 in all."""

from __future__ import annotations

import keras


def compute_in(network: keras.Model, precision: str) -> None:
    """Let the network compute in "float32", "bfloat16" or "float16", before it first predicts.

    Layers that give an output compute in float32: probabilities in 8 or 11 bits would lose what they are needed for.
    """
    if precision == "float32":
        return
    outputs = {id(output) for output in network.outputs}
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            raise ValueError(f"A network within a network computes in float32 alone. Received: {layer.name}.")
        if id(layer.output) not in outputs:
            layer.dtype_policy = keras.DTypePolicy(f"mixed_{precision}")
