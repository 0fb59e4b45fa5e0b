"""Layers that compute on a replica's share of a batch what Keras's layers compute on the whole batch.

Keras's batch normalisation takes the statistics of what it sees, and its dropout draws for it: a share of the batch,
with the samples that fill it. The layers here stand for them while several replicas train. They hold no weights of
their own, so the network is saved as it is.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from losses_and_metrics.replicas import number_of_replicas, of_rank, sum_of_replicas


class CountedSamples(threading.local):
    """Which samples of the replica's share count, 1 or 0 (share,), while the replica computes; replicas are threads."""

    now: Any = None

    @contextmanager
    def are(self, counted: Any) -> Iterator[None]:
        self.now = counted
        try:
            yield
        finally:
            self.now = None


class WholeBatchNormalisation(keras.layers.Layer):
    """Batch normalisation in place of ``layer``, by the mean and variance of the counted samples of all replicas."""

    def __init__(self, layer: keras.layers.BatchNormalization, samples: CountedSamples) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer, self.samples = layer, samples

    def call(self, inputs: Any, training: bool = False, mask: None = None) -> Any:
        layer, counted = self.layer, self.samples.now
        if not training or not layer.trainable or counted is None:
            return layer(inputs, training=training)
        x = ops.cast(inputs, "float32")
        weights = of_rank(ops.cast(counted, "float32"), len(x.shape))
        axes = tuple(range(len(x.shape) - 1))
        places = math.prod(x.shape[1:-1])
        total, count = sum_of_replicas([ops.sum(x * weights, axis=axes), ops.sum(weights) * places])
        mean = total / count
        variance = sum_of_replicas(ops.sum(ops.square(x - mean) * weights, axis=axes)) / count
        for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            average.assign(average * layer.momentum + value * (1.0 - layer.momentum))
        outputs = ops.batch_normalization(x, mean, variance, -1, layer.beta, layer.gamma, layer.epsilon)
        return ops.cast(outputs, self.compute_dtype)


class WholeBatchDropout(keras.layers.Layer):
    """Dropout in place of ``layer``, drawn for the whole batch, of which the replica takes its share."""

    def __init__(self, layer: keras.layers.Dropout) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, inputs: Any, training: bool = False) -> Any:
        context = tf.distribute.get_replica_context()
        if not training or self.layer.rate == 0 or context is None:
            return self.layer(inputs, training=training)
        share = ops.shape(inputs)[0]
        ones = ops.ones((share * number_of_replicas(), *inputs.shape[1:]), inputs.dtype)
        kept = keras.random.dropout(ones, self.layer.rate, seed=self.layer.seed_generator)
        first = context.replica_id_in_sync_group * share
        return inputs * kept[first : first + share]


def on_replicas(network: keras.Model, samples: CountedSamples) -> keras.Model:
    """The network with these layers in place of Keras's; it shares all weights with the network."""

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        if isinstance(layer, keras.layers.BatchNormalization):
            return WholeBatchNormalisation(layer, samples)
        return WholeBatchDropout(layer) if isinstance(layer, keras.layers.Dropout) else layer

    return keras.models.clone_model(network, clone_function=replaced, recursive=True)
