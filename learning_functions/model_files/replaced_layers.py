"""Layers of the package's own that model files of version 0.1.0 may hold, and Keras's own that took their place."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_models.linear_upsampling import linear_upsampling
from keras_models.node_features import node_features
from keras_models.spatial_configuration_net import with_sigmas


class _Replaced(keras.layers.Layer):
    """Stands in a loaded network where such a layer was, until ``of_keras_layers`` takes its place."""

    def call(self, inputs: Any) -> Any:
        raise NotImplementedError(f"This layer is replaced before it computes. Received: {self.name}.")

    def rebuilt(self, x: keras.KerasTensor) -> Any:
        """What the layer answers to ``x``, by Keras's own layers."""
        raise NotImplementedError


class LinearUpSampling3D(_Replaced):
    """Trilinear upsampling."""

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = int(size)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        batch, *space, channels = input_shape
        return (batch, *(None if length is None else length * self.size for length in space), channels)

    def rebuilt(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return linear_upsampling(x, self.size, self.name)


class LandmarkSigmas(_Replaced):
    """The widths of the network's targets, beside heatmaps handed on as they are."""

    def __init__(self, start: float = 4.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = float(start)

    def build(self, input_shape: Any) -> None:
        self.sigmas = self.add_weight(shape=(input_shape[-1],), name="sigmas")

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def rebuilt(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return with_sigmas(x, self.start)


class ChainFeatures(_Replaced):
    """Features of nodes, and which nodes there are."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, _, nodes, _ = input_shape
        return (batch, nodes, 38), (batch, nodes, 1)

    def rebuilt(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return node_features(x)


REPLACED = {f"spine>{kind.__name__}": kind for kind in (LinearUpSampling3D, LandmarkSigmas, ChainFeatures)}
"""By the name under which such files hold them: Keras finds them in ``keras.saving.custom_object_scope(REPLACED)``."""


def of_keras_layers(network: keras.Model) -> keras.Model:
    """The network, weights included, with Keras's own layers for those replaced; itself where it holds none."""
    if not any(isinstance(layer, _Replaced) for layer in network.layers):
        return network

    def copied(layer: keras.Layer) -> keras.Layer:
        return layer if isinstance(layer, _Replaced) else type(layer).from_config(layer.get_config())

    def called(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return layer.rebuilt(*args) if isinstance(layer, _Replaced) else layer(*args, **kwargs)

    twin = keras.models.clone_model(network, clone_function=copied, call_function=called)
    for layer in network.layers:
        if weights := [np.asarray(each) for each in layer.get_weights()]:
            twin.get_layer(layer.name).set_weights(weights)
    return twin
