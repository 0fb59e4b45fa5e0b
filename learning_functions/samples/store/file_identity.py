"""A fingerprint of a sample file, which differs after the file is made again with other contents."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np

from learning_functions.samples.store.sample_store import SampleStore

HASHED_SAMPLES = 8
"""The number of samples, spread over the file, that are hashed: all would take as long as reading an epoch."""


def fingerprint(store: SampleStore) -> str:
    """A hash of a few whole samples and of the normalisation of all; compression does not change it."""
    found, places = hashlib.sha256(), store.places
    with h5py.File(store.path, "r") as file:
        names = sorted(name for name, part in file.items() if isinstance(part, h5py.Dataset))
        for name in names:
            part = file[name]
            found.update(f"{name} {(store.count, *part.shape[1:])} {part.dtype}".encode())
            for place in places[np.unique(np.linspace(0, len(places) - 1, HASHED_SAMPLES).astype(int))]:
                found.update(np.ascontiguousarray(part[place]).tobytes())
        found.update(file["normalisation"][()][places].tobytes())
    return found.hexdigest()[:16]
