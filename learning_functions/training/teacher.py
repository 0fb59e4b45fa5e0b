"""The teacher of a training: a model file, how much it counts, and whether it can teach these samples at all."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from learning_functions.running.model_file import read_card, settings_and_form
from learning_functions.samples.store import SampleStore
from learning_functions.task import Settings, load_task

TEMPERATURE, ALPHA = 2.0, 0.5
"""Used where none is asked for; half of the loss is the teacher's in Serrador et al. 2024."""


@dataclass(frozen=True)
class Teacher:
    """A trained model (.h5) to learn from.

    temperature: by how much both answers are softened (losses_and_metrics/divergences.py).
    alpha: the teacher's share of the loss; the rest is the task's own.
    """

    path: Path
    temperature: float = TEMPERATURE
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"The temperature is a number above 0. Received: {self.temperature}.")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"The teacher's share of the loss, alpha, is from 0 to 1. Received: {self.alpha}.")

    @cached_property
    def sha256(self) -> str:
        """The hash of the file, as it was when first asked for."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be gone on with: the file's contents, wherever it lies."""
        return {"sha256": self.sha256, "temperature": self.temperature, "alpha": self.alpha}

    def to_card(self) -> dict[str, Any]:
        """What the student's card says of its teacher."""
        return {"file": self.path.name, **self.identity()}

    def require_fit(self, store: SampleStore, model_path: Path) -> None:
        """Raise ValueError, naming all differences, unless the teacher sees and answers what its student will.

        Task, spec, the choices that samples were cut by, and the form of the network must be the same; filters, levels
        and weights need not be.
        """
        if self.path.resolve() == model_path.resolve():
            raise ValueError(f"The student would be written over its teacher. Received: {self.path}.")
        card = read_card(self.path)
        if card is None:
            raise ValueError(f"A teacher is a model that train.py saved, with a card. Received: {self.path}.")
        if card["task"] != store.task:
            raise ValueError(
                f"The teacher's task is {card['task']}, that of the samples {store.task}. Received: {self.path}."
            )
        task = load_task(store.task)
        own = Settings.from_json(store.settings)
        its, form = settings_and_form(card, self.path.name)
        differences = its.spec.differences(store.spec)
        differences += [
            f"{name} {its.options.get(name)} and {own.options.get(name)}"
            for name in getattr(task, "CHOICES", {})
            if its.options.get(name) != own.options.get(name)
        ]
        mine, theirs = asdict(form), asdict(task.form(own))
        differences += [f"{name} {mine[name]} and {theirs[name]}" for name in mine if mine[name] != theirs[name]]
        if differences:
            raise ValueError(
                f"A teacher sees and answers what its student does; it and the samples differ in "
                f"{'; '.join(differences)}. Received: {self.path}."
            )


def teacher_of(path: Path | None, temperature: float | None, alpha: float | None) -> Teacher | None:
    """The teacher asked for, None where there is none; ValueError where only its numbers are given."""
    if path is None:
        if temperature is None and alpha is None:
            return None
        raise ValueError(f"A temperature and alpha are those of a --teacher. Received: {temperature} and {alpha}.")
    return Teacher(path, TEMPERATURE if temperature is None else temperature, ALPHA if alpha is None else alpha)
