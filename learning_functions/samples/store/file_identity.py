"""What tells one sample file from another that was made anew under the same name."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np

from learning_functions.samples.store.sample_store import SampleStore

LOOKED_AT = 8
"""Samples, spread over the file, that are compared: all would take as long as an epoch's reading."""


def fingerprint(store: SampleStore) -> str:
    """A hash of a few whole samples and of the numbers that normalise all of them; the same for the same contents,
    however the file is compressed.
    """
    found, places = hashlib.sha256(), store.places
    with h5py.File(store.path, "r") as file:
        names = sorted(name for name, part in file.items() if isinstance(part, h5py.Dataset))
        for name in names:
            part = file[name]
            found.update(f"{name} {(store.count, *part.shape[1:])} {part.dtype}".encode())
            for place in places[np.unique(np.linspace(0, len(places) - 1, LOOKED_AT).astype(int))]:
                found.update(np.ascontiguousarray(part[place]).tobytes())
        found.update(file["normalisation"][()][places].tobytes())
    return found.hexdigest()[:16]
