"""The training of one network on several replicas, so that they learn what one device would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from learning_functions.task import Objective
from learning_functions.training.distillation import Distillation
from learning_functions.training.replica_layers import CountedSamples, on_replicas
from losses_and_metrics.replicas import number_of_replicas, of_rank, sum_of_replicas


class ReplicaLearner(keras.Model):
    """What fit() trains on several replicas, with batches of `in_whole_shares`; it is never saved, only ``network`` is.

    Batch normalisation, dropout, losses, metrics, the norm of gradients and loss scaling are those of the whole batch.
    Figures and their names are those that fit() gives for the network itself. taught: the network with its teacher.
    """

    def __init__(self, network: keras.Model, objective: Objective, taught: Distillation | None = None) -> None:
        super().__init__(name=f"{network.name}_on_replicas")
        self.network, self.taught = network, taught
        self.samples = CountedSamples()
        self.form = on_replicas(network, self.samples)
        self.losses_of: dict[str, Any] = dict(_by_output(objective.loss))
        several = len(self.losses_of) > 1
        self.mean_loss = keras.metrics.Mean("loss")
        self.mean_losses = {name: keras.metrics.Mean(f"{name}_loss") for name in self.losses_of if several}
        self.figures = {
            f"{name}_{metric.name}" if several else metric.name: (name, metric)
            for name, metrics in _by_output(objective.metrics).items()
            for metric in metrics
        }
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        image, counted = inputs
        with self.samples.are(counted):
            return self.form(image, training=training)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.mean_loss, *self.mean_losses.values(), *(metric for _, metric in self.figures.values())]

    def get_metrics_result(self) -> dict[str, Any]:
        means = {mean.name: mean.result() for mean in (self.mean_loss, *self.mean_losses.values())}
        return {**means, **{name: metric.result() for name, (_, metric) in self.figures.items()}}

    def train_step(self, data: Any) -> dict[str, Any]:
        (image, counted), y, w = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.network.trainable_variables
        with tf.GradientTape() as tape:
            predicted = self((image, counted), training=True)
            losses = self._loss_parts(y, predicted, counted, w)
            loss = self._whole(losses)
            if self.taught is not None:
                share = tf.cast(tf.size(counted) * number_of_replicas(), tf.float32)
                relative = counted * share / sum_of_replicas(tf.reduce_sum(counted))  # 1 on average
                loss = self.taught.with_divergence(loss, image, y, predicted, _weights(relative, w))
            scaled = self.optimizer.scale_loss(loss)
        self.optimizer.apply_gradients(zip(self._added(tape.gradient(scaled, variables)), variables, strict=True))
        return self._noted(loss, losses, y, predicted, counted)

    def test_step(self, data: Any) -> dict[str, Any]:
        (image, counted), y, w = keras.utils.unpack_x_y_sample_weight(data)
        predicted = self((image, counted), training=False)
        losses = self._loss_parts(y, predicted, counted, w)
        return self._noted(self._whole(losses), losses, y, predicted, counted)

    def _loss_parts(self, y: Any, predicted: Any, counted: Any, w: Any) -> dict[str, Any]:
        """This replica's part of the loss of each output."""
        truth, answers, weights = _by_output(y), _by_output(predicted), _weights(counted, w)
        return {name: loss(truth[name], answers[name], weights) for name, loss in self.losses_of.items()}

    def _whole(self, losses: dict[str, Any]) -> Any:
        """This replica's part of the loss, with its part of the network's regularisation."""
        return sum(losses.values()) + sum(self.network.losses) / number_of_replicas()

    def _added(self, gradients: list[Any]) -> list[Any]:
        """The gradients for the optimiser, which adds those of all replicas only after it has clipped them by norm and
        looked for overflow: where it does either, each replica gives an equal part of the sum."""
        scaling = isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)
        norm = (self.optimizer.inner_optimizer if scaling else self.optimizer).global_clipnorm
        if norm is None and not scaling:
            return gradients
        whole = sum_of_replicas(gradients)
        if norm is not None:
            whole, _ = tf.clip_by_global_norm(whole, norm * (self.optimizer.dynamic_scale if scaling else 1.0))
        return [gradient / number_of_replicas() for gradient in whole]

    def _noted(self, loss: Any, losses: dict[str, Any], y: Any, predicted: Any, counted: Any) -> dict[str, Any]:
        replicas, samples = number_of_replicas(), sum_of_replicas(tf.reduce_sum(counted))
        for mean, part in (
            (self.mean_loss, loss),
            *((self.mean_losses[name], losses[name]) for name in self.mean_losses),
        ):
            mean.update_state(part * replicas, sample_weight=samples / replicas)
        truth, answers = _by_output(y), _by_output(predicted)
        for name, metric in self.figures.values():
            metric.update_state(truth[name], answers[name], sample_weight=counted)
        return self.get_metrics_result()


def _weights(counted: Any, w: Any) -> Any:
    return counted if w is None else w * of_rank(counted, len(w.shape))


def _by_output(values: Any) -> Mapping[str, Any]:
    """The values by the names of the outputs; a single output has an empty name."""
    return values if isinstance(values, Mapping) else {"": values}
