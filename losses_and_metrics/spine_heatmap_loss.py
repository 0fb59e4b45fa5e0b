"""Losses and training metrics of the spine heatmap, in keras.ops.

All compare a prediction (batch, ..., 1) with (batch, ..., 2): the heatmap, 0 to 1, and whether a voxel counts (1 or 0).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import SMALLEST_PROBABILITY, Ratio
from losses_and_metrics.divergences import SquaredDifference
from losses_and_metrics.replicas import BatchMean


@keras.saving.register_keras_serializable("spine")
class HeatError(BatchMean):
    """The mean squared error of the counted voxels of each sample, the mean over the batch (Payer et al. 2020)."""

    divergence = SquaredDifference

    def __init__(self, name: str = "heat_error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        response, judged, found = _parts(y_true, y_pred)
        return _mean(ops.square(found - response), judged)

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """So that the mean over all voxels is that over the judged ones of each sample (batch, ...)."""
        return _judged_alone(y_true)


@keras.saving.register_keras_serializable("spine")
class HeatDivergence(BatchMean):
    """KL divergence + 1 - soft Dice of (h, 1 - h) of each sample, h being the heatmap (Serrador et al. 2024).

    The divergence is the mean over counted voxels; Dice is the mean of both classes, over counted voxels, too.
    Predictions are probabilities.
    """

    def __init__(self, name: str = "heat_divergence", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        response, judged, found = _parts(y_true, y_pred)
        divergence, overlap = 0.0, 0.0
        for t, p in ((response, found), (1 - response, 1 - found)):
            true, predicted = (ops.clip(part, SMALLEST_PROBABILITY, 1.0) for part in (t, p))
            divergence += _mean(t * (ops.log(true) - ops.log(predicted)), judged)
            both, either = ops.sum(judged * t * p, axis=1), ops.sum(judged * (t + p), axis=1)
            overlap += (2 * both + 1) / (either + 1) / 2
        return divergence + 1 - overlap

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """So that the mean over all voxels is that over the judged ones of each sample (batch, ...)."""
        return _judged_alone(y_true)


@keras.saving.register_keras_serializable("spine")
class AboveThresholdDice(Ratio):
    """Dice over an epoch of the counted voxels above the threshold ``least``, predicted and true."""

    def __init__(self, least: float = 0.5, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.least = least

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        response, judged, found = _parts(y_true, y_pred)
        true = judged * ops.cast(response > self.least, "float32")
        predicted = judged * ops.cast(found > self.least, "float32")
        self._add(2 * true * predicted, true + predicted, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "least": self.least}


@keras.saving.register_keras_serializable("spine")
class HeatDistance(Ratio):
    """The mean of |true - predicted| over the counted voxels of an epoch."""

    def __init__(self, name: str = "error", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        response, judged, found = _parts(y_true, y_pred)
        self._add(judged * ops.abs(response - found), judged, sample_weight)


def _parts(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """The true heatmap, whether voxels count, and the prediction, each (batch, voxels)."""
    batch = ops.shape(y_pred)[0]
    response, judged, found = (
        ops.reshape(ops.cast(part, "float32"), (batch, -1)) for part in (y_true[..., 0], y_true[..., 1], y_pred[..., 0])
    )
    return response, judged, found


def _judged_alone(y_true: Any) -> Any:
    judged = ops.cast(y_true[..., 1], "float32")
    fraction = ops.mean(judged, axis=tuple(range(1, len(judged.shape))), keepdims=True)
    return ops.divide_no_nan(judged, fraction)


def _mean(values: Any, judged: Any) -> Any:
    """The mean over the counted voxels of each sample; 0 where there are none."""
    return ops.sum(values * judged, axis=1) / ops.maximum(ops.sum(judged, axis=1), 1.0)
