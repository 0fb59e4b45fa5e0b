"""Files that are either written whole or not at all: written beside their place, then moved there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from utility_functions.files.unfinished_folders import unfinished_folder
from utility_functions.json_records import json_text

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""The errors of a disk that takes no more: full, over the quota, with a limit to a file's size, or read-only now."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path of the same name, in a hidden folder beside ``path``, to write to; moved into place at the end.

    Missing parent folders are made. When the block raises or the process dies, what stood at ``path`` is still
    there, and the hidden folder goes (`unfinished_folders`). Files written next to the yielded path (the .raw of an
    .mhd) move along, before it.

    Raises: OSError that names ``path`` when its folder cannot be written to, and when the disk is full.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} cannot be written: a folder of that name is there.")
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            room = held.enter_context(unfinished_folder(path))
        except OSError as error:
            raise OSError(f"{path} cannot be written: {error.strerror or error}.") from error
        with _naming(path, room):
            yield room / path.name
        for written in sorted(room.iterdir(), key=lambda item: item.name == path.name):
            written.replace(path.with_name(written.name))


@contextmanager
def _naming(path: Path, room: Path) -> Iterator[None]:
    """Errors of a disk that takes no more name ``path``, where they name nothing else."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL and error.filename in (None, str(room / path.name), room / path.name):
            raise OSError(f"{path} cannot be written: {error.strerror}.") from error
        raise


def require_room(path: Path, size: int) -> None:
    """Raise an OSError that names ``path`` unless a file of ``size`` bytes fits beside it; nothing is left behind.

    For libraries that crash, or say nothing, when a write fails.
    """
    try:
        with tempfile.TemporaryFile(prefix=".room.", dir=path.parent) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}.") from error


def write_text(path: Path, text: str) -> None:
    """``text`` as UTF-8 at ``path``, written whole."""
    with written_whole(path) as place:
        place.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """``value`` as JSON at ``path``, written whole; what is not finite becomes null (`json_records.to_json`)."""
    write_text(path, json_text(value, indent) + "\n")


def require_writable(folder: Path) -> None:
    """Raise an OSError that names ``folder`` unless files can be written there; nothing is made or left behind.

    For a folder that is not there yet, the nearest one above it is tried.
    """
    nearest = Path(folder).absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise NotADirectoryError(f"{folder} cannot be written to: {nearest} is a file.")
    try:
        with unfinished_folder(nearest / "tried"):
            pass
    except OSError as error:
        raise OSError(f"{folder} cannot be written to: {error.strerror or error}.") from error
