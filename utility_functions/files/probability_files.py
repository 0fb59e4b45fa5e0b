"""Class probabilities of a network on disk, on the network's own grid: a stamped and compressed numpy archive."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utility_functions.files.atomic_write import written_whole
from utility_functions.files.broken_file import BrokenFile
from utility_functions.geometry.grid import Grid
from utility_functions.records.map_kinds import KINDS, ClassProbabilities

_ERRORS = (OSError, ValueError, KeyError, EOFError, SyntaxError, zipfile.BadZipFile, zlib.error, tokenize.TokenError)
"""What numpy raises for an archive that is damaged, or whose header of an array is none."""


def write_probabilities(found: ClassProbabilities, path: Path, generator: str) -> None:
    """Write probabilities (x, y, z, classes) with their grid; ``generator`` is the provenance stamp."""
    held = io.BytesIO()
    np.savez_compressed(
        held,
        generator=generator,
        kind=found.kind.__name__,
        affine=found.grid.affine,
        probabilities=found.voxels.astype(np.float16),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as beside:
        beside.write_bytes(held.getvalue())


def read_probabilities(path: Path) -> ClassProbabilities:
    """What ``write_probabilities`` wrote. Raises: BrokenFile for any other file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            voxels, affine, kind = _array(held, "probabilities"), _array(held, "affine"), str(_array(held, "kind"))
        if voxels.ndim != 4 or not np.isfinite(voxels).all():
            raise ValueError("its probabilities are no finite numbers (x, y, z, classes)")
        return ClassProbabilities(voxels, Grid(voxels.shape[:3], affine.astype(float)), KINDS[kind])
    except _ERRORS as error:
        raise BrokenFile(f"{path}: holds no class probabilities that can be used ({error}).") from error


def generator_of(path: Path) -> str | None:
    """The provenance stamp of a file of probabilities; None where it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return str(_array(held, "generator"))
    except _ERRORS:
        return None


def _array(held: Mapping[str, Any], name: str) -> np.ndarray[Any, Any]:
    """An array of an archive; numpy gives the bytes of a member that is none."""
    found = held[name]
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{name} is no array")
    return found
