"""The files that a training run keeps beside its model, so that it resumes exactly where it stopped."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning_functions.model_files.output_place import training_folder
from learning_functions.runtime.devices import precision
from utility_functions.command_line import one_line
from utility_functions.files.atomic_write import write_json, written_whole
from utility_functions.json_records import from_json, parsed_json

if TYPE_CHECKING:
    import keras

STATE = "state.json"


@dataclass
class Progress:
    """The finished epochs, the log of each, and the best so far; ``run`` identifies the settings of the run.

    planned: the epochs of the whole run. extended: for each change of that number, the epochs finished before it and
    the new number.
    """

    run: dict[str, Any]
    epochs: int = 0
    best_epoch: int = 0
    best: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    planned: int = 0
    extended: list[list[int]] = field(default_factory=list)

    def add(self, row: dict[str, float], watched: str, highest_is_best: bool) -> None:
        """Add a finished epoch. NaN is never the best; the first epoch counts as the best until a better one comes."""
        self.history.append(row)
        self.epochs += 1
        value = row[watched]
        better = self.best is None or (value > self.best if highest_is_best else value < self.best)
        if (better and not math.isnan(value)) or not self.best_epoch:
            self.best_epoch = self.epochs
            self.best = None if math.isnan(value) else value

    def plan(self, epochs: int) -> None:
        """Set the epochs of the whole run. Raises: ValueError for fewer than are finished."""
        if epochs < self.epochs:
            raise ValueError(
                f"{self.epochs} epochs are finished; a run resumes for as many or more. Received: {epochs}."
            )
        if self.planned not in (0, epochs):
            self.extended.append([self.epochs, epochs])
        self.planned = epochs

    def is_stale(self, patience: int | None) -> bool:
        """Whether the last ``patience`` epochs were no better than the best one before them; None: never."""
        return patience is not None and self.epochs - self.best_epoch >= patience


class Checkpoints:
    """The folder MODEL.training: the networks of the last and the best epoch (.keras), and state.json.

    state.json names the networks that belong to it and is written last. A run that is killed at any moment therefore
    finds the last finished epoch complete.
    """

    def __init__(self, model_path: Path) -> None:
        self.folder = training_folder(model_path)

    @property
    def state_path(self) -> Path:
        return self.folder / STATE

    def exists(self) -> bool:
        return self.state_path.is_file()

    def fingerprint(self) -> str | None:
        """A hash of the state, by which a change is seen; None where there is none."""
        return hashlib.sha256(self.state_path.read_bytes()).hexdigest() if self.exists() else None

    def network_path(self, epoch: int) -> Path:
        return self.folder / f"epoch_{epoch:04d}.keras"

    def save(self, network: keras.Model, progress: Progress) -> None:
        """Save the network after ``progress.epochs`` epochs; delete the earlier ones except the best."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with written_whole(self.network_path(progress.epochs)) as path:
            network.save(path)
        write_json(self.state_path, progress, indent=1)
        retained = {self.network_path(progress.epochs), self.network_path(progress.best_epoch)}
        for old in self.folder.glob("epoch_*.keras"):
            if old not in retained:
                old.unlink()

    def progress(self) -> Progress:
        try:
            return from_json(Progress, parsed_json(self.state_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"The training state cannot be read ({error}). Received: {self.state_path}.") from error

    def load(self, epoch: int, computing_in: str = "float32") -> keras.Model:
        """The network, with its optimiser, as it was after ``epoch`` epochs; computing_in: one of PRECISIONS."""
        path = self.network_path(epoch)
        if not path.is_file():
            raise ValueError(f"The network of epoch {epoch} is missing; train without --resume. Received: {path}.")
        try:
            from learning_functions.model_files.checkpoint_file import load_checkpoint  # loads Keras

            with precision(computing_in):
                return load_checkpoint(path)
        except (ValueError, OSError) as error:
            reason = one_line(error)[:200]
            raise ValueError(f"The network of epoch {epoch} cannot be read ({reason}). Received: {path}.") from error
