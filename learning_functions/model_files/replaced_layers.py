"""The custom layers of model files of version 0.1.0, and the Keras layers that replace them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_models.linear_upsampling import linear_upsampling
from keras_models.node_features import node_features
from keras_models.spatial_configuration_net import with_sigmas


class _Replaced(keras.layers.Layer):
    """A placeholder for such a layer in a loaded network, until ``of_keras_layers`` replaces it."""

    def call(self, inputs: Any) -> Any:
        raise NotImplementedError(f"This layer is replaced before it computes. Received: {self.name}.")

    def rebuilt(self, x: keras.KerasTensor) -> Any:
        """The layer's output for ``x``, from Keras layers."""
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
    """The learnt widths of the targets; the heatmaps pass unchanged."""

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
    """The features of nodes, and which nodes are present."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, _, nodes, _ = input_shape
        return (batch, nodes, 38), (batch, nodes, 1)

    def rebuilt(self, x: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        return node_features(x)


REPLACED = {f"spine>{kind.__name__}": kind for kind in (LinearUpSampling3D, LandmarkSigmas, ChainFeatures)}
"""By their names in such files, for ``keras.saving.custom_object_scope(REPLACED)``."""


def of_keras_layers(network: keras.Model) -> keras.Model:
    """The network and its weights with Keras layers in place of the custom ones; itself where it has none."""
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
