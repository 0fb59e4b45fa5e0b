"""Divergences between the outputs of a student and of its teacher (distillation), in keras.ops.

Hinton et al. 2015, "Distilling the knowledge in a neural network": a temperature T softens both outputs, and the
divergence is multiplied by T^2, so that the size of its gradients does not depend on T. The logits to soften are
computed from the networks' probabilities. Numbers (levels, heatmaps) have no temperature: there the teacher's output
replaces the truth, as usual in the distillation of regressions.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from losses_and_metrics.dense_losses import SMALLEST_PROBABILITY
from losses_and_metrics.replicas import of_rank, weighted_part


class Divergence(keras.losses.Loss):
    """The base class: the teacher's outputs are the true values, the student's the predicted ones, (batch, ..., k).

    It gives one value per voxel (batch, ...) or per number (batch, ..., k), 0 where both agree; weights and reduction
    are those of any Keras loss.
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
    """T^2 KL(teacher || student) of the softened probabilities of k classes (softmax), in nats."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        teacher, student = (ops.log_softmax(_log(p) / self.temperature, axis=-1) for p in (y_true, y_pred))
        return self.temperature**2 * ops.sum(ops.exp(teacher) * (teacher - student), axis=-1)


@keras.saving.register_keras_serializable("spine")
class BinaryDivergence(Divergence):
    """T^2 KL(teacher || student) of softened independent probabilities (sigmoid)."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        teacher, student = ((_log(p) - _log(1 - p)) / self.temperature for p in (y_true, y_pred))
        yes = ops.sigmoid(teacher) * (ops.log_sigmoid(teacher) - ops.log_sigmoid(student))
        no = ops.sigmoid(-teacher) * (ops.log_sigmoid(-teacher) - ops.log_sigmoid(-student))
        return self.temperature**2 * (yes + no)


@keras.saving.register_keras_serializable("spine")
class NumberDifference(Divergence):
    """|teacher - student| of numbers, independent of the temperature, as in an L1 loss."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.abs(y_true - y_pred)


@keras.saving.register_keras_serializable("spine")
class SquaredDifference(Divergence):
    """(teacher - student)^2 of numbers, independent of the temperature, as in an L2 loss."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.square(y_true - y_pred)


def divergence_of(layer: keras.Layer, loss: Any, temperature: float) -> Divergence:
    """The divergence of an output: its loss's ``divergence`` (a class of this file), else by its last layer.

    Softmax: ClassDivergence; sigmoid: BinaryDivergence; otherwise NumberDifference. The reduction is that of the loss.
    """
    kind = getattr(loss, "divergence", None)
    if kind is None:
        activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__).lower()
        kind = {"softmax": ClassDivergence, "sigmoid": BinaryDivergence}.get(activation, NumberDifference)
    found: Divergence = kind(temperature, reduction=getattr(loss, "reduction", "sum_over_batch_size"))
    return found


def distillation_divergence(
    divergence: Divergence, loss: Any, truth: Any, teacher: Any, student: Any, weights: Any = None
) -> Any:
    """The divergence of one output between student and teacher, with the weights of the task's loss.

    truth, weights: the other arguments of ``loss``. Its ``place_weights(y_true, y_pred)``, if it has them, are the
    weights of voxels (batch, ...) or numbers (batch, ..., k, or 1 for any). Where the loss ignores voxels (no label,
    no vertebra), the teacher has learnt nothing, and its output is ignored, too. Each replica gives
    its part of the whole batch's.
    """
    own, teacher = getattr(loss, "place_weights", None), ops.stop_gradient(teacher)
    counted = None if own is None else ops.stop_gradient(_of_rank(own(truth, student), student, divergence))
    if weights is not None:
        weights = _of_rank(weights, student, divergence)
        counted = weights if counted is None else counted * weights
    if counted is not None and divergence.reduction == "mean_with_sample_weight":
        return weighted_part(divergence.call(teacher, student), counted)
    return divergence(teacher, student, counted)


def _of_rank(weights: Any, answer: Any, divergence: Divergence) -> Any:
    """Weights of samples, voxels or numbers with as many axes as the values of the divergence."""
    weights = of_rank(ops.cast(weights, answer.dtype), len(answer.shape))
    return weights[..., 0] if isinstance(divergence, ClassDivergence) else weights


def _log(probability: Any) -> Any:
    return ops.log(ops.clip(probability, SMALLEST_PROBABILITY, 1.0))
