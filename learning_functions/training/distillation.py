"""Knowledge distillation: a student learns from the ground truth and from a trained teacher at the same time.

Hinton et al. 2015, "Distilling the knowledge in a neural network"; equal weights as in Serrador et al. 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from learning_functions.model_files.model_file import load_model
from learning_functions.task import Objective, Settings, Task
from learning_functions.training.teacher import Teacher
from losses_and_metrics.divergences import distillation_divergence, divergence_of


class Distillation(keras.Model):
    """A wrapper for fit() around the student. It is never saved; only the student is.

    loss = (1 - alpha) * the task's loss + alpha * the divergence of the student's outputs from the teacher's, summed
    over the outputs. The kind of each divergence fits its output. It weights voxels as the task's loss does, and has
    the same reduction. The teacher runs in inference mode on the same augmented batch as the student.
    Validation uses the task's loss alone, so that students with and without a teacher can be compared.
    """

    def __init__(self, student: keras.Model, teacher: keras.Model, temperature: float, alpha: float) -> None:
        super().__init__(name=f"{student.name}_taught")
        self.student, self.teacher = student, teacher
        self.temperature, self.alpha = temperature, alpha
        self.output_names = list(student.output_names)  # keeps the metrics' names as they are without a teacher
        teacher.trainable = False

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.student(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        return self.with_divergence(own, x, y, y_pred, sample_weight) if training else own

    def with_divergence(self, own: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """The loss of a batch, with ``own`` as the task's."""
        if self.alpha == 0:
            return own
        taught, truth = _by_name(self.teacher(x, training=False)), _by_name(y)
        predicted, losses = _by_name(y_pred), _by_name(self.loss)
        weights = sample_weight if isinstance(sample_weight, Mapping) else dict.fromkeys(predicted, sample_weight)
        theirs = 0.0
        for name, output in predicted.items():
            loss = losses[name]
            divergence = divergence_of(self._last_layer(name), loss, self.temperature)
            theirs += distillation_divergence(divergence, loss, truth[name], taught[name], output, weights.get(name))
        return (1 - self.alpha) * own + self.alpha * theirs

    def _last_layer(self, name: str) -> keras.Layer:
        return self.student.get_layer(name or self.student.output_names[0])


def with_teacher(student: keras.Model, teacher: keras.Model, objective: Objective, how: Teacher) -> Distillation:
    """The compiled student with its teacher; the student keeps its optimiser and the optimiser's state.

    Raises: ValueError where the outputs of the two have different shapes.
    """
    shapes = [[tuple(output.shape[1:]) for output in network.outputs] for network in (student, teacher)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"A teacher needs the output shapes of its student. Received: {shapes[1]}, not {shapes[0]}.")
    found = Distillation(student, teacher, how.temperature, how.alpha)
    metrics = objective.metrics
    found.compile(
        optimizer=student.optimizer,
        loss=objective.loss,
        metrics=dict(metrics) if isinstance(metrics, Mapping) else list(metrics),
        jit_compile=student.jit_compile,
        steps_per_execution=student.steps_per_execution,
    )
    return found


def teacher_network(how: Teacher, task: Task, settings: Settings) -> keras.Model:
    """The teacher's network. Raises: ValueError where its I/O signature is not that of its student."""
    network, _ = load_model(how.path)
    if wrong := task.io_signature(settings).misfit(network, settings.spec):
        raise ValueError(f"The teacher {how.path.name} does not fit its student: {wrong}")
    return network


def _by_name(values: Any) -> Mapping[str, Any]:
    """The values by the names of the outputs; a single output has an empty name."""
    return values if isinstance(values, Mapping) else {"": values}
