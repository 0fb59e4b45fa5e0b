"""The teacher of a distillation: a model file, its temperature and its weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learning_functions.training.warm_start.initial_model import InitialModel

TEMPERATURE, ALPHA = 2.0, 0.5
"""The defaults; the teacher has half of the loss in Serrador et al. 2024."""


@dataclass(frozen=True)
class Teacher(InitialModel):
    """A trained model (.h5) to learn from.

    temperature: of the softened outputs of both networks (losses_and_metrics/divergences.py).
    alpha: the teacher's fraction of the loss; the rest is the task's loss.
    """

    ROLE: ClassVar[str] = "teacher"

    temperature: float = TEMPERATURE
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"The temperature is a number above 0. Received: {self.temperature}.")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"The teacher's fraction of the loss, alpha, is from 0 to 1. Received: {self.alpha}.")

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to resume: the file's contents, temperature and alpha."""
        return {**super().identity(), "temperature": self.temperature, "alpha": self.alpha}


def teacher_of(path: Path | None, temperature: float | None, alpha: float | None) -> Teacher | None:
    """The requested teacher, or None. Raises: ValueError for a temperature or an alpha without a path."""
    if path is None:
        if temperature is None and alpha is None:
            return None
        raise ValueError(f"--temperature and --alpha need a --teacher. Received: {temperature} and {alpha}.")
    return Teacher(path, TEMPERATURE if temperature is None else temperature, ALPHA if alpha is None else alpha)
