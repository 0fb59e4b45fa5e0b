"""Losses and training metrics of dense classification and of level regression, in keras.ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from losses_and_metrics.replicas import BatchMean, number_of_replicas, of_rank, sum_of_replicas

SMALLEST_PROBABILITY = 1e-7


@keras.saving.register_keras_serializable("spine")
class WeightedCrossentropy(BatchMean):
    """Categorical cross-entropy with a weight per class (McCouat & Glocker: 0.1 background, 0.9 vertebra).

    True: integer classes (batch, ...) or (batch, ..., 1); predicted: probabilities (batch, ..., classes).
    The mean is over all voxels.
    """

    def __init__(
        self, weights: Sequence[float] = (0.1, 0.9), name: str = "weighted_crossentropy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.weights = tuple(float(weight) for weight in weights)
        if not (all(0 <= weight < float("inf") for weight in self.weights) and sum(self.weights) > 0):
            raise ValueError(f"Class weights are numbers not below 0, and not all 0. Received: {self.weights}.")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth = _one_hot(y_true, y_pred)
        logs = ops.log(ops.clip(y_pred, SMALLEST_PROBABILITY, 1.0))
        return -ops.sum(truth * logs * ops.convert_to_tensor(self.weights, y_pred.dtype), axis=-1)

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """The weight of each voxel's class (batch, ...)."""
        return ops.sum(_one_hot(y_true, y_pred) * ops.convert_to_tensor(self.weights, y_pred.dtype), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": self.weights}


@keras.saving.register_keras_serializable("spine")
class DiceCrossentropy(keras.losses.Loss):
    """Cross-entropy + 1 - the mean soft Dice of all classes but the first, each over the whole batch of all replicas.

    True: integer classes (batch, ...) or (batch, ..., 1); predicted: probabilities (batch, ..., classes).
    A class that is neither true nor predicted has a Dice of 1. With ``present_only``, the mean is over the classes that
    are true somewhere in the batch, and the others have cross-entropy alone. Otherwise the smallest false positive of a
    rare class would cost as much as missing all of it. Samples may have weights (batch,): both terms count them so.
    """

    def __init__(self, name: str = "dice_crossentropy", present_only: bool = False, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.present_only = present_only

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return self._of_batch(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._of_batch(y_true, y_pred, None)

    def _of_batch(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """This replica's part of the loss; Dice comes from sums over all replicas, and each has an equal part of it."""
        weights = ops.ones_like(y_pred[..., :1])
        if sample_weight is not None:
            weights *= of_rank(ops.cast(sample_weight, y_pred.dtype), len(y_pred.shape))
        truth = _one_hot(y_true, y_pred) * weights
        logs = ops.log(ops.clip(y_pred, SMALLEST_PROBABILITY, 1.0))
        axes = tuple(range(len(y_pred.shape) - 1))
        sums = [ops.sum(part, axis=axes) for part in (truth * y_pred, truth, y_pred * weights, weights)]
        both, own, predicted, voxels = sum_of_replicas(sums)
        crossentropy = ops.divide_no_nan(-ops.sum(truth * logs), voxels[0])
        missing = (1 - (2 * both + 1) / (own + predicted + 1))[1:]
        if not self.present_only:
            return crossentropy + ops.mean(missing) / number_of_replicas()
        there = ops.cast(own > 0, y_pred.dtype)[1:]
        dice = ops.sum(missing * there) / ops.maximum(ops.sum(there), 1)
        return crossentropy + dice / number_of_replicas()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "present_only": self.present_only}


@keras.saving.register_keras_serializable("spine")
class LabelledError(BatchMean):
    """Sum of |level - predicted| over labelled pixels / their count; 0 when nothing is labelled (0 = ignore).

    True: level numbers (batch, ...) or (batch, ..., 1); predicted: (batch, ..., 1).
    """

    def __init__(self, name: str = "labelled_error", **kwargs: Any) -> None:
        super().__init__(name=name, **{**kwargs, "reduction": "mean_with_sample_weight"})

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        labelled = self.place_weights(y_true, y_pred)
        if sample_weight is not None:
            labelled = labelled * of_rank(ops.cast(sample_weight, y_pred.dtype), len(labelled.shape))
        return super().__call__(y_true, y_pred, sample_weight=labelled)

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """1 at labelled pixels, 0 elsewhere (batch, ...)."""
        return ops.cast(_labels(y_true, y_pred) > 0, y_pred.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth, predicted = _levels(y_true, y_pred)
        return ops.abs(truth - predicted)


@keras.saving.register_keras_serializable("spine")
class LabelledCrossentropy(LabelledError):
    """Mean of -log(probability of the true level) over labelled pixels; 0 when nothing is labelled (0 = ignore).

    True: level numbers from 1, as for LabelledError; predicted: level probabilities (batch, ..., levels).
    """

    def __init__(self, name: str = "labelled_crossentropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        truth = ops.reshape(ops.cast(y_true, "int32"), ops.shape(y_pred)[:-1])
        own = ops.one_hot(truth - 1, y_pred.shape[-1], dtype=y_pred.dtype)  # 0 is no level: nothing is one
        logs = ops.log(ops.clip(y_pred, SMALLEST_PROBABILITY, 1.0))
        return -ops.sum(own * logs, axis=-1)


class Ratio(keras.metrics.Metric):
    """The ratio of two sums over the samples of an epoch, with their weights; NaN while the second is zero."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.part = self.add_weight(name="part", initializer="zeros")
        self.whole = self.add_weight(name="whole", initializer="zeros")

    def _add(self, part: Any, whole: Any, sample_weight: Any = None) -> None:
        """Add the summands of both sums (batch, ...). sample_weight: (batch,) or of places."""
        for total, summands in ((self.part, part), (self.whole, whole)):
            summands = ops.cast(summands, total.dtype)
            if sample_weight is not None:
                summands *= of_rank(ops.cast(sample_weight, total.dtype), len(summands.shape))
            total.assign_add(ops.sum(summands))

    def result(self) -> Any:
        whole = ops.convert_to_tensor(self.whole)
        return ops.where(whole > 0, ops.divide_no_nan(self.part, whole), float("nan"))


@keras.saving.register_keras_serializable("spine")
class ClassDice(Ratio):
    """Dice of one class over all voxels of an epoch: 2 |true and predicted| / (|true| + |predicted|)."""

    def __init__(self, label: int = 1, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.label = label

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = _of_class(y_true, y_pred, self.label)
        self._add(2 * true * predicted, true + predicted, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label": self.label}


@keras.saving.register_keras_serializable("spine")
class ClassRecall(Ratio):
    """The fraction of the voxels of one class that are predicted as it, over an epoch."""

    def __init__(self, label: int = 1, name: str = "recall", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.label = label

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = _of_class(y_true, y_pred, self.label)
        self._add(true * predicted, true, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label": self.label}


@keras.saving.register_keras_serializable("spine")
class VoxelAccuracy(Ratio):
    """The fraction of all voxels of an epoch whose likeliest class is the true one."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        truth = ops.argmax(_one_hot(y_true, y_pred), axis=-1)
        right = ops.cast(ops.equal(truth, ops.argmax(y_pred, axis=-1)), "float32")
        self._add(right, ops.ones_like(right), sample_weight)


@keras.saving.register_keras_serializable("spine")
class LevelAccuracy(Ratio):
    """The fraction of labelled pixels whose rounded output, or likeliest level, is the true one, over an epoch."""

    def __init__(self, name: str = "level_accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        truth, predicted = _levels(y_true, y_pred)
        labelled = truth > 0
        right = ops.logical_and(labelled, ops.equal(ops.round(predicted), truth))
        self._add(right, labelled, sample_weight)


def _one_hot(y_true: Any, y_pred: Any) -> Any:
    classes = ops.shape(y_pred)[-1]
    if len(y_true.shape) == len(y_pred.shape):
        if y_true.shape[-1] == classes and classes > 1:
            return ops.cast(y_true, y_pred.dtype)
        y_true = ops.squeeze(y_true, -1)
    return ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=y_pred.dtype)


def _of_class(y_true: Any, y_pred: Any, label: int) -> Any:
    truth = _one_hot(y_true, y_pred)[..., label]
    predicted = ops.equal(ops.argmax(y_pred, axis=-1), label)
    return ops.cast(truth, "float32"), ops.cast(predicted, "float32")


def _labels(y_true: Any, y_pred: Any) -> Any:
    return ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred)[:-1])


def _levels(y_true: Any, y_pred: Any) -> Any:
    """Level numbers, true and predicted; of level probabilities the likeliest level."""
    if y_pred.shape[-1] == 1:
        return _labels(y_true, y_pred), ops.squeeze(y_pred, -1)
    return _labels(y_true, y_pred), ops.cast(ops.argmax(y_pred, axis=-1) + 1, y_pred.dtype)
