"""Sums over the replicas that compute one batch together, and the mean of a loss over all their samples.

Several devices train by TensorFlow's MirroredStrategy: each replica has a share of the batch, and the gradients of all
are added. A loss therefore gives each replica its part, and the parts add up to the loss of the whole batch. On one
device, and with any other backend than TensorFlow, a sum over replicas is the value itself.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def number_of_replicas() -> int:
    """The replicas of TensorFlow's current strategy; 1 with another backend."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def sum_of_replicas(value: Any) -> Any:
    """The sum of a tensor, or of each of a list of tensors, over all replicas; gradients pass through it."""
    if number_of_replicas() == 1:
        return value
    import tensorflow as tf

    context = tf.distribute.get_replica_context()  # None while a network is built
    return value if context is None else context.all_reduce("SUM", value)


def of_rank(weights: Any, rank: int) -> Any:
    """Weights of samples (batch,) or of places, with axes of one added behind up to ``rank``."""
    while len(weights.shape) < rank:
        weights = ops.expand_dims(weights, -1)
    return weights


class BatchMean(keras.losses.Loss):
    """The base class of losses that are means over a batch.

    ``call`` gives one value per sample (batch,) or per place (batch, ...). Without sample weights the loss is their
    mean. With weights of samples or of places it is their weighted mean, over all replicas: each replica gives its
    part of it.
    """

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if sample_weight is None or self.reduction in (None, "none", "sum"):
            return super().__call__(y_true, y_pred, sample_weight)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return weighted_part(self.call(y_true, y_pred), sample_weight)


def weighted_part(values: Any, weights: Any) -> Any:
    """This replica's part of the weighted mean of values (batch, ...); 0 where all weights are 0."""
    weights = of_rank(ops.cast(weights, values.dtype), len(values.shape)) * ops.ones_like(values)
    return ops.divide_no_nan(ops.sum(values * weights), sum_of_replicas(ops.sum(weights)))
