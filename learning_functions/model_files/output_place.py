"""Where a model is saved, and the folder beside it for what its training leaves."""

from __future__ import annotations

from pathlib import Path

from learning_functions.model_files.model_file import read_card
from utility_functions.files.atomic_write import require_writable
from utility_functions.files.broken_file import BrokenFile


def require_place(model_path: Path) -> None:
    """Raise unless a model and what its training leaves can be written there without harm to another file."""
    if model_path.suffix != ".h5":
        raise ValueError(f"A model is saved as .h5. Received: {model_path}.")
    if model_path.exists():
        try:
            read_card(model_path)
        except BrokenFile as error:
            raise ValueError(f"What is there is no model and is not written over: {error}") from error
    require_writable(model_path.parent)
    require_writable(training_folder(model_path))


def training_folder(model_path: Path) -> Path:
    """The folder beside a model that holds what its training leaves."""
    return model_path.with_suffix(".training")
