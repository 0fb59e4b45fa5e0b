"""The options of a training run that are no settings of the network."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from learning_functions.runtime.devices import PRECISIONS
from learning_functions.training.teacher import Teacher
from learning_functions.training.warm_start.initial_model import InitialModel, WarmStart

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Training:
    """The options of a training run beside the settings of the network.

    augment: None for the preset's. precision: one of PRECISIONS. early_stopping: the run ends once this many epochs
    were no better than the best one; None: never. steps_per_execution: the most steps in one call of TensorFlow; it is
    reduced to a divisor of the steps of an epoch. xla: whether XLA compiles the step, for GPUs. callbacks: further
    callbacks of Keras, called after those of the package; several runs (folds) use them one after another. about: text
    for the model's card.
    """

    seed: int = 1
    resume: bool = False
    augment: str | None = None
    precision: str = "float32"
    tensorboard: Path | None = None
    start: WarmStart | None = None
    teacher: Teacher | None = None
    about: str = ""
    early_stopping: int | None = None
    steps_per_execution: int = 1
    xla: bool = False
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"A seed is zero or above, and below 2**32. Received: {self.seed}.")
        if self.precision not in PRECISIONS:
            raise ValueError(f"The precision is one of {', '.join(PRECISIONS)}. Received: {self.precision!r}.")
        if self.early_stopping is not None and self.early_stopping < 1:
            raise ValueError(
                f"A run stops after one epoch without a better one, or more. Received: {self.early_stopping}."
            )
        if self.steps_per_execution < 1:
            raise ValueError(f"An execution has 1 step or more. Received: {self.steps_per_execution}.")
        if self.tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
            raise ValueError(
                "Logs for TensorBoard need the package tensorboard: install the extra 'track'. "
                f"Received: --tensorboard {self.tensorboard}."
            )

    @property
    def given(self) -> dict[str, InitialModel]:
        """The trained models that this training uses, by their keys in the card."""
        models = {"started_from": self.start, "teacher": self.teacher}
        return {name: model for name, model in models.items() if model is not None}
