"""A student that learns from the truth and from a trained teacher at once.

Hinton et al. 2015, "Distilling the knowledge in a neural network"; half and half as in Serrador et al. 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from learning_functions.model_files.model_file import load_model
from learning_functions.task import Objective, Settings, Task
from learning_functions.training.teacher import Teacher
from losses_and_metrics.divergences import apart, divergence_of


class Distillation(keras.Model):
    """The student while it is trained: a shell for fit(), never saved; what is kept is the student, a plain network.

    loss = (1 - alpha) * the task's own + alpha * the divergence of the student's answers from the teacher's, summed
    over the outputs. Each divergence is of the kind that fits its output, counts each place as the task's own loss
    does, and is reduced like it. The teacher sees the batch as the student does, augmented, and in inference mode.
    Validation takes the task's own loss alone, so that students with and without a teacher compare.
    """

    def __init__(self, student: keras.Model, teacher: keras.Model, temperature: float, alpha: float) -> None:
        super().__init__(name=f"{student.name}_taught")
        self.student, self.teacher = student, teacher
        self.temperature, self.alpha = temperature, alpha
        self.output_names = list(student.output_names)  # else metrics would be named otherwise than the student's own
        teacher.trainable = False

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.student(inputs, training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training or self.alpha == 0:
            return own
        told, truth = _by_name(self.teacher(x, training=False)), _by_name(y)
        given, losses = _by_name(y_pred), _by_name(self.loss)
        weights = _by_name(sample_weight)
        theirs = 0.0
        for name, answer in given.items():
            loss = losses[name]
            divergence = divergence_of(self._last_layer(name), loss, self.temperature)
            theirs += apart(divergence, loss, truth[name], told[name], answer, weights.get(name))
        return (1 - self.alpha) * own + self.alpha * theirs

    def _last_layer(self, name: str) -> keras.Layer:
        return self.student.get_layer(name or self.student.output_names[0])


def taught(student: keras.Model, teacher: keras.Model, objective: Objective, how: Teacher) -> Distillation:
    """The compiled student with its teacher; the optimiser, with its state, stays the student's own.

    Raises ValueError where the two do not answer in the same shapes.
    """
    answers = [[tuple(output.shape[1:]) for output in network.outputs] for network in (student, teacher)]
    if answers[0] != answers[1]:
        raise ValueError(f"A teacher answers in its student's shapes. Received: {answers[1]}, not {answers[0]}.")
    found = Distillation(student, teacher, how.temperature, how.alpha)
    metrics = objective.metrics
    found.compile(
        optimizer=student.optimizer,
        loss=objective.loss,
        metrics=dict(metrics) if isinstance(metrics, Mapping) else list(metrics),
        jit_compile=False,
    )
    return found


def teacher_network(how: Teacher, task: Task, settings: Settings) -> keras.Model:
    """The teacher's network; ValueError where it is not of the form that its student will have."""
    network, _ = load_model(how.path)
    if wrong := task.io_signature(settings).misfit(network, settings.spec):
        raise ValueError(f"The teacher {how.path.name} does not fit its student: {wrong}")
    return network


def _by_name(values: Any) -> Mapping[str, Any]:
    """The values by the names of the outputs; of a single output, by an empty one."""
    return values if isinstance(values, Mapping) else {"": values}
