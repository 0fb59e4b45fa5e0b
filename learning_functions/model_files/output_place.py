"""The path of a model to save, and the folder beside it for the files of its training."""

from __future__ import annotations

from pathlib import Path

from learning_functions.model_files.model_file import read_card
from utility_functions.files.atomic_write import require_writable
from utility_functions.files.broken_file import BrokenFile


def require_place(model_path: Path) -> None:
    """Raise a ValueError or OSError unless a model and its training files can be written without harm to others."""
    if model_path.suffix != ".h5":
        raise ValueError(f"A model is saved as .h5. Received: {model_path}.")
    if model_path.exists():
        try:
            read_card(model_path)
        except BrokenFile as error:
            raise ValueError(f"The existing file is no model and is not written over: {error}") from error
    require_writable(model_path.parent)
    require_writable(training_folder(model_path))


def training_folder(model_path: Path) -> Path:
    """The folder beside a model that holds the files of its training."""
    return model_path.with_suffix(".training")
