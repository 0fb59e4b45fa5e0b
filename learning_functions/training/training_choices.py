"""The options of a training run that are no settings of the network."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from learning_functions.training.teacher import Teacher
from learning_functions.training.warm_start.initial_model import InitialModel, WarmStart


@dataclass(frozen=True)
class Training:
    """The options of a training run beside the settings of the network."""

    seed: int = 1
    resume: bool = False
    augment: str | None = None  # None: the preset's
    mixed_precision: bool = False
    tensorboard: Path | None = None
    start: WarmStart | None = None
    teacher: Teacher | None = None
    about: str = ""  # text for the model's card

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"A seed is zero or above, and below 2**32. Received: {self.seed}.")
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
