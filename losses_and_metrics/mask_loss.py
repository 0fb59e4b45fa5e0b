"""The loss and training metric of single masks, in keras.ops (Payer et al. 2020, last stage)."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import SMALLEST_PROBABILITY, Ratio
from losses_and_metrics.replicas import BatchMean


@keras.saving.register_keras_serializable("spine")
class MaskLoss(BatchMean):
    """dice (1 - soft Dice) + crossentropy (mean binary cross-entropy) of each sample, the mean over the batch.

    True: masks (batch, ...) or (batch, ..., 1), 0 or 1; predicted: probabilities of the same number of voxels.
    focal: the focal exponent, which lowers the cross-entropy of voxels with a high true probability; 0 as published.
    Numerator and denominator of the soft Dice have 1 added, so that an empty prediction of an empty mask costs nothing.
    """

    def __init__(
        self,
        dice: float = 0.5,
        crossentropy: float = 0.5,
        focal: float = 0.0,
        name: str = "mask_loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        weights = (dice, crossentropy, focal)
        if not all(0 <= weight < math.inf for weight in weights) or dice + crossentropy == 0:
            raise ValueError(f"Weights of the mask loss are not below 0, and not both 0. Received: {weights}.")
        self.dice, self.crossentropy, self.focal = float(dice), float(crossentropy), float(focal)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        t, p = _flat(y_true), ops.clip(_flat(y_pred), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        right = t * p + (1 - t) * (1 - p)
        entropy = -ops.log(right)
        if self.focal:
            entropy = entropy * (1 - right) ** self.focal
        overlap = (2 * ops.sum(t * p, axis=1) + 1) / (ops.sum(t, axis=1) + ops.sum(p, axis=1) + 1)
        return self.dice * (1 - overlap) + self.crossentropy * ops.mean(entropy, axis=1)

    def get_config(self) -> dict[str, Any]:
        own = {"dice": self.dice, "crossentropy": self.crossentropy, "focal": self.focal}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("spine")
class BinaryDice(Ratio):
    """Dice of masks at 0.5 over all voxels of an epoch; true and predicted as for MaskLoss."""

    def __init__(self, name: str = "dice", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, predicted = (ops.cast(_flat(mask) > 0.5, "float32") for mask in (y_true, y_pred))
        self._add(2 * true * predicted, true + predicted, sample_weight)


def _flat(values: Any) -> Any:
    values = ops.cast(values, "float32")
    return ops.reshape(values, (ops.shape(values)[0], -1))
