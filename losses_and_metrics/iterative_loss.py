"""Losses and training metrics of iterative instance segmentation, in keras.ops (Lessmann et al. 2019)."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import SMALLEST_PROBABILITY, Ratio
from losses_and_metrics.divergences import BinaryDivergence
from losses_and_metrics.replicas import BatchMean

STEEPNESS = 12.0
"""The steepness of the sigmoid between the first and the last value of a weight."""


def scheduled(first: float, last: float, epoch: int, epochs: int) -> float:
    """The value in one of ``epochs`` epochs: ``first`` in the first (0), ``last`` in the last, a sigmoid between."""
    if not 0 <= epoch < epochs:
        raise ValueError(f"Epochs count from 0 to one below their number. Received: {epoch} of {epochs}.")
    if first == last or epochs == 1:
        return first

    def sigmoid(fraction: float) -> float:
        return 1 / (1 + math.exp(-STEEPNESS * (fraction - 0.5)))

    low, high = sigmoid(0.0), sigmoid(1.0)
    return first + (last - first) * (sigmoid(epoch / (epochs - 1)) - low) / (high - low)


@keras.saving.register_keras_serializable("spine")
class InstanceLoss(BatchMean):
    """lambda * sum(w (1-t) p) + sum(w t (1-p)) of each sample, the mean over the batch.

    True: (batch, ..., 2), the target t in 0..1 and the weight w of each voxel; predicted: p (batch, ..., 1).
    lambda goes from ``first`` to ``last`` over the epochs (Serrador et al. 2024); alike, it is constant (Lessmann).
    form: "sums" as published; "dice" divides them by the sum of w and adds 1 - soft Dice, so that its size depends
    neither on the patch nor on how large a vertebra is.
    """

    divergence = BinaryDivergence
    """Independent of the mask's last layer: that of a two-branch model adds the masks of both branches."""

    def __init__(
        self, first: float = 0.1, last: float = 0.1, form: str = "sums", name: str = "instance_loss", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not (0 <= first < math.inf and 0 <= last < math.inf):
            raise ValueError(f"The weight of false positives is not below 0. Received: {first} and {last}.")
        if form not in ("sums", "dice"):
            raise ValueError(f'The form of the loss is "sums" or "dice". Received: {form!r}.')
        self.first, self.last, self.form = float(first), float(last), form
        self.false_positive_weight = keras.Variable(self.first, trainable=False, dtype="float32", name="lambda")

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Set lambda for an epoch (the first is 0)."""
        self.false_positive_weight.assign(scheduled(self.first, self.last, epoch, epochs))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        p, t, w = (_flat(part) for part in (y_pred[..., 0], y_true[..., 0], y_true[..., 1]))
        weight = ops.cast(ops.convert_to_tensor(self.false_positive_weight), p.dtype)
        errors = weight * ops.sum(w * (1 - t) * p, axis=1) + ops.sum(w * t * (1 - p), axis=1)
        if self.form == "sums":
            return errors
        dice = (2 * ops.sum(t * p, axis=1) + 1) / (ops.sum(t, axis=1) + ops.sum(p, axis=1) + 1)
        return errors / ops.sum(w, axis=1) + 1 - dice

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """w (batch, ...), so that the mean over all voxels is their sum ("sums") or their weighted mean ("dice")."""
        flat = _flat(y_true[..., 1])
        counted = flat / ops.mean(flat, axis=1, keepdims=True) if self.form == "dice" else flat * flat.shape[1]
        return ops.reshape(counted, ops.shape(y_true)[:-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "first": self.first, "last": self.last, "form": self.form}


@keras.saving.register_keras_serializable("spine")
class CompletenessCrossentropy(BatchMean):
    """Binary cross-entropy of the completeness of a vertebra, the mean over the batch; 0 where it is unknown.

    True: (batch, 1), 1 complete, 0 not, below 0 unknown; predicted: probabilities (batch, 1).
    """

    def __init__(self, name: str = "completeness_crossentropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        p = ops.clip(y_pred, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        value = -(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))
        return ops.sum(ops.where(y_true >= 0, value, 0.0), axis=-1)

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """1 where the completeness of the vertebra is known, 0 elsewhere (batch,)."""
        return ops.cast(y_true[..., 0] >= 0, y_pred.dtype)


@keras.saving.register_keras_serializable("spine")
class LevelError(BatchMean):
    """``weight`` times |level - predicted|, the mean over the batch; 0 where the level is unknown (0 or below).

    True and predicted: (batch, 1).
    """

    def __init__(self, weight: float = 1.0, name: str = "level_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 <= weight < math.inf:
            raise ValueError(f"The weight of the level is not below 0. Received: {weight}.")
        self.weight = float(weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.weight * ops.sum(ops.where(y_true > 0, ops.abs(y_true - y_pred), 0.0), axis=-1)

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """``weight`` where the level is known, 0 elsewhere (batch,)."""
        return self.weight * ops.cast(y_true[..., 0] > 0, y_pred.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable("spine")
class MaskDice(Ratio):
    """Dice of masks at 0.5 over an epoch; true (batch, ..., 2), with weights, predicted (batch, ..., 1)."""

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true = ops.cast(y_true[..., 0] > 0.5, "float32")
        predicted = ops.cast(y_pred[..., 0] > 0.5, "float32")
        self._add(2 * true * predicted, true + predicted, sample_weight)


@keras.saving.register_keras_serializable("spine")
class LossWeight(keras.metrics.Metric):
    """The weight of a loss, which changes between epochs only: it is logged, and every backend passes it to the step.

    variable: the loss's own. JAX compiles the values of other variables than those of network, optimiser and metrics
    into the step, so that later ones would never reach the loss. Loaded from a file, it has a variable of its own.
    """

    def __init__(self, variable: Any = None, name: str = "loss_weight", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.variable = keras.Variable(0.0, trainable=False) if variable is None else variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Do nothing: the weight belongs to the epoch."""

    def reset_state(self) -> None:
        """Do nothing: the loss keeps its weight."""

    def result(self) -> Any:
        return ops.convert_to_tensor(self.variable)


@keras.saving.register_keras_serializable("spine")
class CompletenessAccuracy(Ratio):
    """The fraction of vertebrae with a correctly predicted completeness, where it is known (true not below 0)."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        known = y_true >= 0
        right = ops.logical_and(known, ops.equal(y_true > 0.5, y_pred > 0.5))
        self._add(right, known, sample_weight)


@keras.saving.register_keras_serializable("spine")
class LevelDistance(Ratio):
    """Mean of |level - predicted| over vertebrae of known level (true above 0), in levels."""

    def __init__(self, name: str = "error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        known = ops.cast(y_true > 0, "float32")
        apart = ops.abs(ops.cast(y_true, "float32") - ops.cast(y_pred, "float32"))
        self._add(known * apart, known, sample_weight)


def _flat(values: Any) -> Any:
    return ops.reshape(values, (ops.shape(values)[0], -1))
