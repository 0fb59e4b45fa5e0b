"""The model file: one HDF5 file that Keras itself loads, with a card in JSON that says what the network is for."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from learning_functions.io_signature import IOSignature
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.model_files.weight_count import require_no_larger, stored_weights
from learning_functions.samples.sample_parts import SIGNATURE as SAMPLES_SIGNATURE
from learning_functions.spec import Spec
from learning_functions.stored_settings import settings_from_card
from learning_functions.task import Settings, load_task, task_names
from utility_functions.command_line import one_line
from utility_functions.files.atomic_write import require_room, written_whole
from utility_functions.files.broken_file import BrokenFile, why_hdf5_failed
from utility_functions.files.hdf5_contents import require_plain_contents
from utility_functions.json_records import json_text, parsed_json
from utility_functions.reporting.versions import PACKAGE, versions

if TYPE_CHECKING:
    import keras

CARD = "spine_card"
"""Root attribute that holds the card: a string of variable length, which HDF5 does not limit to 64 KiB."""
CARD_FORMAT = 1
ROOM_FOR_CONFIGURATION = 2_000_000
"""Bytes beside the weights: the network's layers and the names of its weights take less."""
SUFFIXES = (".h5", ".hdf5")
_LOADING_ERRORS = (ValueError, TypeError, LookupError, AttributeError, OSError, RuntimeError, ArithmeticError)


def save_model(model: keras.Model, path: Path, card: dict[str, Any]) -> None:
    """Write network, weights and card to ``path``. The write is atomic: on failure ``path`` stays as it was.

    card: "task" and "spec" (of Spec.to_json) are required and must fit the network; "format", "settings", "training",
    "versions" and "created_by" have defaults. Raises: ValueError for a network that ``load_model`` would refuse: an
    .h5 file keeps layers, but no Lambda layers and no operations of keras.ops.
    """
    from learning_functions.model_files.safe_loading import refuse_code

    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"A model file ends in .h5. Received: {path.name}.")
    card = {
        "format": CARD_FORMAT,
        "settings": {},
        "training": {},
        "versions": versions(),
        "created_by": f"{PACKAGE} {versions().get(PACKAGE, '(not installed)')}",
        **card,
    }
    text = json_text(card)
    check_fit(model, checked_card(parsed_json(text), path.name), path.name)
    with written_whole(path) as beside:
        require_room(path, 4 * model.count_params() + len(text) + ROOM_FOR_CONFIGURATION)
        with _without_format_advice():
            model.save(beside, include_optimizer=False)
        with h5py.File(beside, "r+") as file:
            refuse_code(_json(file.attrs["model_config"], "The network"), path.name)
            file.attrs[CARD] = text


def read_card(path: Path) -> dict[str, Any] | None:
    """The card of a model file, or None where it has none; needs no Keras. Raises: BrokenFile for any other file."""
    path = Path(path)
    with _opened(path) as file:
        return _card(file, path.name)


def change_card(path: Path, card: dict[str, Any]) -> None:
    """Replace the card of a model file; its network does not change.

    Raises: BrokenFile for a card whose task or settings do not fit the network.
    """
    path = Path(path)
    text = json_text(card)
    settings_and_signature(checked_card(parsed_json(text), path.name), path.name)
    with written_whole(path) as beside:
        shutil.copyfile(path, beside)
        require_room(path, len(text) + ROOM_FOR_CONFIGURATION)
        with h5py.File(beside, "r+") as file:
            file.attrs[CARD] = text


def load_model(path: Path) -> tuple[keras.Model, dict[str, Any]]:
    """The network, not compiled, and its card. A file of Keras 1 or 2 without a card gets an assumed one.

    The network consists of Keras's layers alone; custom layers of older files are replaced.
    Raises: BrokenFile, before anything is built, for a file that would run code.
    """
    from learning_functions.model_files.keras_1 import in_todays_terms
    from learning_functions.model_files.legacy import assumed_card, with_single_input
    from learning_functions.model_files.safe_loading import refuse_code

    path = Path(path)
    with _opened(path) as file:
        card = _card(file, path.name)
        config = _json(file.attrs["model_config"], f"The network of {path.name}")
        keras_version = _text(file.attrs.get("keras_version", "1"))
        stored = stored_weights(file)
    if path.suffix not in SUFFIXES:
        raise BrokenFile(f"A model file ends in .h5. Received: {path.name}.")
    import keras

    from learning_functions.model_files.replaced_layers import REPLACED, of_keras_layers

    first_keras = keras_version.startswith("1")
    if first_keras:
        config = in_todays_terms(config)
    with keras.saving.custom_object_scope(REPLACED):
        refuse_code(config, path.name)

    def built() -> keras.Model:
        if first_keras:
            return keras.Model.from_config(deepcopy(config["config"]))  # Keras empties what it is given
        with keras.saving.custom_object_scope(REPLACED):
            return keras.models.load_model(path, compile=False, safe_mode=True)

    try:
        if path.resolve().parent != SHIPPED:  # those of the package are trusted as its code is
            require_no_larger(built, stored, path.name)
        model = built()
        if first_keras:
            model.load_weights(path)
        else:
            model = of_keras_layers(model)
    except BrokenFile:
        raise
    except _LOADING_ERRORS as error:
        reason = _text((str(error).strip() or type(error).__name__).splitlines()[0][:200])
        raise BrokenFile(f"{path.name} (saved by Keras {keras_version}) cannot be built again: {reason}") from error
    if card is None:
        return with_single_input(model), assumed_card(model, path.name, keras_version)
    check_fit(model, card, path.name)
    return model, card


def checked_card(card: Any, file_name: str) -> dict[str, Any]:
    """The card if it is valid. Raises: BrokenFile otherwise."""
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        found = card.get("format") if isinstance(card, dict) else card
        raise BrokenFile(f"The card of {file_name} is not of format {CARD_FORMAT}. Received: {str(found)[:80]}.")
    if not isinstance(card.get("task"), str) or not card["task"]:
        raise BrokenFile(f"The card of {file_name} names no task. Received: {card.get('task')!r}.")
    for part in ("settings", "training", "versions"):
        if not isinstance(card.get(part), dict):
            raise BrokenFile(f"The card of {file_name} has no {part}. Received: {str(card.get(part))[:80]}.")
    try:
        Spec.from_json(card["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFile(f"The card of {file_name} has no usable spec: {error}") from error
    return card


def check_fit(model: keras.Model, card: dict[str, Any], file_name: str) -> None:
    """Raise BrokenFile unless the network has the I/O signature of its task with the card's settings.

    A network of an unknown task is not checked.
    """
    if card["task"] not in task_names():
        return
    settings, io_signature = settings_and_signature(card, file_name)
    if wrong := io_signature.misfit(model, settings.spec):
        raise BrokenFile(f"The card of {file_name} does not fit its network: {wrong}")


def settings_and_signature(card: dict[str, Any], file_name: str) -> tuple[Settings, IOSignature]:
    """The settings of a card of a known task, with the card's spec, and their I/O signature; BrokenFile otherwise.

    Where the model is to run, another check compares the spec of the settings with the card's.
    """
    task, stored = load_task(card["task"]), card["settings"]
    try:
        if "spec" in stored:
            stored = {**stored, "spec": card["spec"]}
        settings = settings_from_card(task, {**card, "settings": stored})
        return settings, task.io_signature(settings)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise BrokenFile(f"The card of {file_name} cannot be used: {one_line(error)}") from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file if it is a complete Keras model; otherwise BrokenFile says what it is instead."""
    if not path.exists():
        raise BrokenFile(f"There is no model file {path}.")
    if path.is_dir():
        raise BrokenFile(f"A model is one .h5 file, not a folder. Received: {path}.")
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
    except OSError as error:
        raise BrokenFile(f"{path} cannot be read: {error.strerror or error}.") from error
    if start == b"PK\x03\x04":
        raise BrokenFile(f"{path.name} is a .keras archive (a checkpoint), not an .h5 model file.")
    if not h5py.is_hdf5(path):
        raise BrokenFile(f"{path.name} is not an HDF5 file, so not a model.")
    try:
        with h5py.File(path, "r") as file:
            found = set(file.attrs)
            if SAMPLES_SIGNATURE in found:
                raise BrokenFile(f"{path.name} is a samples file, not a model.")
            if "model_config" not in found:
                weights = "layer_names" in found or "layers" in file
                what = "holds weights without their network" if weights else "is an HDF5 file, but not a model"
                raise BrokenFile(f"{path.name} {what}; save the whole model, with model.save.")
            require_plain_contents(file, path)
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise BrokenFile(f"{path.name} {why_hdf5_failed(error)}.") from error


def _card(file: h5py.File, file_name: str) -> dict[str, Any] | None:
    if CARD not in file.attrs:
        return None
    return checked_card(_json(file.attrs[CARD], f"The card of {file_name}"), file_name)


def _json(value: Any, what: str) -> Any:
    try:
        return parsed_json(_text(value))
    except (ValueError, TypeError) as error:
        raise BrokenFile(f"{what} cannot be read: {error}.") from error


def _text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode(
        "utf-8"
    )  # h5py decodes invalid bytes to surrogates, which cannot be printed


@contextmanager
def _without_format_advice() -> Iterator[None]:
    """Suppress the advice of Keras to use the .keras format."""
    logger = logging.getLogger("absl")

    def other(record: logging.LogRecord) -> bool:
        return "as an HDF5 file" not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)
