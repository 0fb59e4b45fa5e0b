"""The .keras archive of a checkpoint: checked like a model file before Keras reads anything of it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from learning_functions.model_files.safe_loading import refuse_code
from learning_functions.model_files.weight_count import require_no_larger, stored_weights
from utility_functions.command_line import one_line
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.hdf5_contents import require_plain_contents
from utility_functions.json_records import parsed_json

if TYPE_CHECKING:
    import keras

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
"""What Keras writes into the archive; no other member is read."""
MOST_BYTES_OF_TEXT = 2**24
MOST_UNPACKED = 100
"""A member is at most so many times as large as it is packed, where it is larger than MOST_BYTES_OF_TEXT."""
_FAILURES = (ValueError, TypeError, LookupError, AttributeError, OSError, RuntimeError, ArithmeticError)


def load_checkpoint(path: Path) -> keras.Model:
    """The network with its optimiser. Raises: BrokenFile, before anything is built, for a file that would run code."""
    import keras

    try:
        with zipfile.ZipFile(path) as archive:
            stored = _checked(archive, path)
        require_no_larger(lambda: keras.saving.load_model(path, compile=False), stored, path.name)
        return keras.saving.load_model(path)
    except BrokenFile:
        raise
    except (*_FAILURES, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BrokenFile(f"{path.name} cannot be read ({one_line(error)[:200]}).") from error


def _checked(archive: zipfile.ZipFile, path: Path) -> int:
    """The number of stored weights. Raises: BrokenFile for what Keras did not write."""
    members = archive.infolist()
    if sorted(member.filename for member in members) != sorted(MEMBERS):
        names = ", ".join(member.filename for member in members[:5])
        raise BrokenFile(f"{path.name} is no checkpoint; it holds {names or 'nothing'}.")
    for member in members:
        most = max(MOST_BYTES_OF_TEXT, MOST_UNPACKED * member.compress_size)
        if member.file_size > (MOST_BYTES_OF_TEXT if member.filename.endswith(".json") else most):
            raise BrokenFile(f"{path.name} is refused: {member.filename} would take {member.file_size / 1e9:.3g} GB.")
    parsed_json(archive.read("metadata.json"))
    config: Any = parsed_json(archive.read("config.json"))
    refuse_code(config, path.name)
    with archive.open("model.weights.h5") as weights, h5py.File(weights, "r") as file:
        require_plain_contents(file, path)
        return stored_weights(file)
