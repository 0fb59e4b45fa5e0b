"""The number of a network's weights before any takes memory; networks larger than their file are refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import TYPE_CHECKING

import h5py

from utility_functions.files.broken_file import BrokenFile

if TYPE_CHECKING:
    import keras

FREE_WEIGHTS = 100_000
"""A network of no more is built whatever its file holds."""


def require_no_larger(build: Callable[[], keras.Model], stored: int, file_name: str) -> None:
    """Raise a BrokenFile where the network that ``build`` makes has more weights than the ``stored`` ones.

    It is built once for this, in a thread of its own, with variables that only have shapes: what a huge layer would
    take is never taken.
    """
    with ThreadPoolExecutor(1) as thread:  # Keras keeps variables to initialise by thread
        count = thread.submit(_counted, build).result()
    if count > max(stored, FREE_WEIGHTS):
        raise BrokenFile(
            f"{file_name} is refused: its network would have {count:.3g} weights, and the file holds {stored:.3g}."
        )


def stored_weights(file: h5py.File) -> int:
    """The numbers in all data sets of an HDF5 file."""
    found = [0]

    def add(name: str, thing: h5py.Group | h5py.Dataset) -> None:
        if isinstance(thing, h5py.Dataset):
            found[0] += prod(thing.shape or (1,))

    file.visititems(add)
    return found[0]


def _counted(build: Callable[[], keras.Model]) -> int:
    import keras

    with keras.StatelessScope(initialize_variables=False):
        return sum(prod(weight.shape) for weight in build().weights)  # a file holds no states of random seeds
