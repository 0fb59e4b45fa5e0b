"""What an HDF5 file of others may hold: data of its own, no links, and no more of it than was stored."""

from __future__ import annotations

from math import prod
from pathlib import Path

import h5py

from utility_functions.files.broken_file import BrokenFile

MOST_OBJECTS = 100_000
MOST_UNPACKED = 100
"""A data set is at most so many times as large as what is stored of it, where it is larger than FREE_BYTES."""
FREE_BYTES = 2**24


def require_plain_contents(file: h5py.File, path: Path) -> None:
    """Raise a BrokenFile unless all groups and data sets lie in the file itself and are as large as what is stored.

    Links that name a path or a file, data that lies in other files, and data sets that unpack to far more than the file
    holds are refused before anything of them is read. Neither Keras nor this package writes such.
    """
    seen, waiting = {_address(file)}, [file]
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise BrokenFile(f"{path}: {_named(group, name)} is a link to another place, which is not followed.")
            thing = group[name]
            address = _address(thing)
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MOST_OBJECTS:
                raise BrokenFile(f"{path}: holds more than {MOST_OBJECTS} groups and data sets.")
            if isinstance(thing, h5py.Group):
                waiting.append(thing)
            elif isinstance(thing, h5py.Dataset):
                _require_own_data(thing, path)


def size_of(dataset: h5py.Dataset) -> int:
    """The bytes that the whole data set takes in memory."""
    return prod(dataset.shape or (1,)) * dataset.dtype.itemsize


def _require_own_data(dataset: h5py.Dataset, path: Path) -> None:
    where = f"{path}: the data of {dataset.name}"
    if dataset.is_virtual or dataset.external:
        raise BrokenFile(f"{where} lies in other files, which are not read.")
    size, stored = size_of(dataset), dataset.id.get_storage_size()
    if size > max(FREE_BYTES, MOST_UNPACKED * stored):
        raise BrokenFile(f"{where} would take {size / 1e9:.3g} GB, but the file holds {stored} bytes of it.")


def _address(thing: h5py.Group | h5py.Dataset | h5py.Datatype) -> tuple[int, int]:
    information = h5py.h5o.get_info(thing.id)
    return information.fileno, information.addr


def _named(group: h5py.Group, name: str) -> str:
    return f"{group.name.rstrip('/')}/{name}"
