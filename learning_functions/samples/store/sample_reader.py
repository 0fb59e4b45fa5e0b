"""Reading samples from a store into existing arrays."""

from __future__ import annotations

import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.samples.sample_parts import PART_OF
from learning_functions.samples.store.mapped_chunks import mapped_chunks
from learning_functions.samples.store.sample_store import SampleStore


class SampleReader:
    """Copies samples of a store into arrays; every process that uses it opens the file for itself.

    Chunks without compression or with gzip are read from a memory map, others by HDF5's read_direct, one thread at a
    time. Both are faster than fancy indexing.
    """

    def __init__(self, store: SampleStore) -> None:
        self.store = store
        self._opened_by: int | None = None

    def read(
        self,
        indices: ArrayLike,
        inputs: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any] | None = None,
        **others: NDArray[Any],
    ) -> None:
        """Copy samples number ``indices`` (k,) to the first k places of each array, named by its part.

        The arrays are C-contiguous and of the stored dtypes; those of `SampleStore.parts` fit.
        """
        self._open()
        chosen = np.asarray(indices, np.int64).reshape(-1)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < self.store.count):
            raise ValueError(f"Samples are numbered 0 to {self.store.count - 1}. Received: {chosen.tolist()}.")
        chosen = self._places[chosen]
        arrays = {"inputs": inputs, "targets": targets, **({} if weights is None else {"weights": weights}), **others}
        for name, out in arrays.items():
            if name not in self._stored:
                raise ValueError(f"The sample file has no {name}. Received: {self.store.path}.")
            stored, chunks = self._stored[name], self._chunks.get(name)
            if out.dtype != stored.dtype or out.shape[1:] != stored.shape[1:] or len(out) < chosen.size:
                raise ValueError(
                    f"{chosen.size} {name} of {stored.shape[1:]} {stored.dtype} fit a like array. "
                    f"Received: {out.shape} {out.dtype}."
                )
            if isinstance(stored, np.ndarray):
                out[: chosen.size] = stored[chosen]
                continue
            for place, index in enumerate(chosen):
                if chunks is None:
                    stored.read_direct(out, np.s_[index], np.s_[place])
                else:
                    chunks.copy(int(index), out[place : place + 1])

    def _open(self) -> None:
        if self._opened_by == os.getpid():
            return
        # A forked child must not share its parent's handle; chunks are read whole, so a chunk cache is useless.
        file = h5py.File(self.store.path, "r", rdcc_nbytes=0)
        datasets = {name: file[name] for name in self.store.layout}
        self._stored = {name: each[()] if PART_OF[name].whole else each for name, each in datasets.items()}
        self._chunks = {
            name: mapped_chunks(self.store.path, each) for name, each in datasets.items() if not PART_OF[name].whole
        }
        self._places = self.store.places
        self._opened_by = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"store": self.store, "_opened_by": None}
