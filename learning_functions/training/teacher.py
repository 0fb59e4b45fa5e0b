"""The teacher of a training: a model file, and how much it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from learning_functions.training.warm_start.initial_model import InitialModel

TEMPERATURE, ALPHA = 2.0, 0.5
"""Used where none is asked for; half of the loss is the teacher's in Serrador et al. 2024."""


@dataclass(frozen=True)
class Teacher(InitialModel):
    """A trained model (.h5) to learn from.

    temperature: by how much both answers are softened (losses_and_metrics/divergences.py).
    alpha: the teacher's share of the loss; the rest is the task's own.
    """

    ROLE: ClassVar[str] = "teacher"

    temperature: float = TEMPERATURE
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"The temperature is a number above 0. Received: {self.temperature}.")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"The teacher's share of the loss, alpha, is from 0 to 1. Received: {self.alpha}.")

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be gone on with: the file's contents, and how it is listened to."""
        return {**super().identity(), "temperature": self.temperature, "alpha": self.alpha}


def teacher_of(path: Path | None, temperature: float | None, alpha: float | None) -> Teacher | None:
    """The teacher asked for, None where there is none; ValueError where only its numbers are given."""
    if path is None:
        if temperature is None and alpha is None:
            return None
        raise ValueError(f"A temperature and alpha are those of a --teacher. Received: {temperature} and {alpha}.")
    return Teacher(path, TEMPERATURE if temperature is None else temperature, ALPHA if alpha is None else alpha)
