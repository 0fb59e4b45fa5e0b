"""The loss and the metrics of centre offsets, in keras.ops.

Offsets (batch, ..., 3) run from each voxel to the centre of its own vertebra, in cm. The true ones have a fourth
channel: 1 where a voxel has such an offset, 0 where it has none and nothing is learnt.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import Ratio
from losses_and_metrics.replicas import of_rank, sum_of_replicas

AXES = 3
MM_PER_CM = 10.0


@keras.saving.register_keras_serializable("spine")
class OffsetLoss(keras.losses.Loss):
    """The Huber loss (delta 1 cm) of each offset's components, as a mean over the voxels that have one; 0 without any.

    weight: its factor beside the losses of other outputs.
    """

    def __init__(self, weight: float = 1.0, name: str = "offset_loss", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.weight = float(weight)
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"The weight of the offsets is a number above 0. Received: {weight}.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return self._of_batch(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._of_batch(y_true, y_pred, None)

    def _of_batch(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Any:
        """This replica's part of the mean over the voxels of all replicas."""
        truth, known = _offsets(y_true, y_pred)
        if sample_weight is not None:
            known = known * of_rank(ops.cast(sample_weight, known.dtype), len(known.shape))
        error = ops.abs(truth - y_pred)
        huber = ops.where(error < 1.0, 0.5 * ops.square(error), error - 0.5)
        total = ops.sum(ops.sum(huber, axis=-1) * known)
        return self.weight * ops.divide_no_nan(total, sum_of_replicas(ops.sum(known)))

    def place_weights(self, y_true: Any, y_pred: Any) -> Any:
        """1 where a voxel has an offset, 0 elsewhere (batch, ...)."""
        return _offsets(y_true, y_pred)[1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable("spine")
class OffsetDistance(Ratio):
    """The mean distance of the predicted centre from the true one over the voxels of an epoch that have one, in mm."""

    def __init__(self, name: str = "distance_mm", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        distance, known = _distances_mm(y_true, y_pred)
        self._add(distance * known, known, sample_weight)


@keras.saving.register_keras_serializable("spine")
class OffsetsWithin(Ratio):
    """The fraction of the voxels of an epoch whose predicted centre lies within ``limit_mm`` of the true one."""

    def __init__(self, limit_mm: float = 8.0, name: str = "near", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.limit_mm = float(limit_mm)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        distance, known = _distances_mm(y_true, y_pred)
        self._add(ops.cast(distance < self.limit_mm, "float32") * known, known, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "limit_mm": self.limit_mm}


def _offsets(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """The true offsets (batch, ..., 3), and where there are any (batch, ...)."""
    truth = ops.cast(y_true, y_pred.dtype)
    return truth[..., :AXES], truth[..., AXES]


def _distances_mm(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    truth, known = _offsets(y_true, y_pred)
    return MM_PER_CM * ops.sqrt(ops.sum(ops.square(truth - y_pred), axis=-1)), known
