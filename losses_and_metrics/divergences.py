"""How far a student's answers lie from its teacher's (distillation), in keras.ops.

Hinton et al. 2015, "Distilling the knowledge in a neural network": both answers are softened by a temperature T, and
their divergence is multiplied by T^2, so that its gradients keep their size whatever T. Networks tell probabilities;
what is softened are the logits, got back from them. Numbers (levels, heatmaps) have nothing to soften: there the
teacher's answer stands in for the truth, as usual in the distillation of regressions.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense import SMALLEST_PROBABILITY


class Divergence(keras.losses.Loss):
    """The base of all: called with the teacher's answers as true and the student's as predicted, both (batch, ..., k).

    One figure for each place, (batch, ...), 0 where both say the same; then weighted and reduced as any Keras loss.
    """

    def __init__(self, temperature: float = 1.0, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.temperature = float(temperature)
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"A temperature is a number above 0. Received: {temperature}.")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable("spine")
class ClassDivergence(Divergence):
    """T^2 KL(teacher || student) of the shares of k classes (softmax), softened; in nats."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        teacher, student = (ops.log_softmax(_log(p) / self.temperature, axis=-1) for p in (y_true, y_pred))
        return self.temperature**2 * ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)


@keras.saving.register_keras_serializable("spine")
class BinaryDivergence(Divergence):
    """T^2 KL(teacher || student) of probabilities each for itself (sigmoid), softened; the mean over the last axis."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        teacher, student = ((_log(p) - _log(1 - p)) / self.temperature for p in (y_true, y_pred))
        yes = ops.sigmoid(teacher) * (ops.log_sigmoid(teacher) - ops.log_sigmoid(student))
        no = ops.sigmoid(-teacher) * (ops.log_sigmoid(-teacher) - ops.log_sigmoid(-student))
        return self.temperature**2 * ops.mean(yes + no, axis=-1)


@keras.saving.register_keras_serializable("spine")
class NumberDifference(Divergence):
    """|teacher - student| of numbers, the mean over the last axis, whatever the temperature: as an L1 loss counts."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@keras.saving.register_keras_serializable("spine")
class SquaredDifference(Divergence):
    """(teacher - student)^2 of numbers, the mean over the last axis, whatever the temperature: as an L2 loss counts."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


def divergence_of(layer: keras.Layer, loss: Any, temperature: float) -> Divergence:
    """What fits an output: by its loss's ``divergence`` (a class of this file), if it has one, else by its last layer.

    Softmax: ClassDivergence; sigmoid: BinaryDivergence; anything else is a number. Reduced as the loss is.
    """
    kind = getattr(loss, "divergence", None)
    if kind is None:
        activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__).lower()
        kind = {"softmax": ClassDivergence, "sigmoid": BinaryDivergence}.get(activation, NumberDifference)
    found: Divergence = kind(temperature, reduction=getattr(loss, "reduction", "sum_over_batch_size"))
    return found


def places_judged(loss: Any, y_true: Any, y_pred: Any) -> Any:
    """The weights (batch, ...) by which a loss counts each place of an output, from its ``place_weights``; None: alike.

    Where a task judges nothing (pixels of no label, a vertebra that is not there) its teacher has learnt nothing
    either: what it says there is left out, and elsewhere counts as much as the task's own error.
    """
    weights = getattr(loss, "place_weights", None)
    return None if weights is None else ops.stop_gradient(weights(y_true, y_pred))


def _log(probability: Any) -> Any:
    return ops.log(ops.clip(probability, SMALLEST_PROBABILITY, 1.0))
