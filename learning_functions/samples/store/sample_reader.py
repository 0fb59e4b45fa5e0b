"""Reading samples from a store into arrays that are there already."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from learning_functions.samples.store.sample_writer import OPTIONAL

if TYPE_CHECKING:
    from learning_functions.samples.store.sample_store import SampleStore


class SampleReader:
    """Fills arrays with samples of a store; every process that uses it opens the file for itself.

    Chunks stored as they are get copied from a memory map, compressed ones come through HDF5's read_direct;
    both are faster than fancy indexing.
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
        normalisation: NDArray[np.float64] | None = None,
        tissues: NDArray[np.uint8] | None = None,
        memory: NDArray[np.uint8] | None = None,
        numbers: NDArray[np.float32] | None = None,
        air: NDArray[np.float32] | None = None,
    ) -> None:
        """Copies samples number ``indices`` (k,) to the first k places of each array given.

        The arrays are C-contiguous and of the stored dtypes; normalisation is (k, 2).
        """
        self._open()
        chosen = np.asarray(indices, np.int64).reshape(-1)
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < self.store.count):
            raise ValueError(f"Samples are numbered 0 to {self.store.count - 1}. Received: {chosen.tolist()}.")
        chosen = self._places[chosen]
        wanted = {"inputs": inputs, "targets": targets, "weights": weights, "tissues": tissues, "memory": memory}
        for name, out in {**wanted, "numbers": numbers}.items():
            if out is None:
                continue
            if name not in self._datasets:
                raise ValueError(f"The sample file has no {name}. Received: {self.store.path}.")
            dataset, chunks = self._datasets[name], self._chunks[name]
            if out.dtype != dataset.dtype or out.shape[1:] != dataset.shape[1:] or len(out) < chosen.size:
                raise ValueError(
                    f"{chosen.size} {name} of {dataset.shape[1:]} {dataset.dtype} fit a like array. "
                    f"Received: {out.shape} {out.dtype}."
                )
            for place, index in enumerate(chosen):
                if chunks is None:
                    dataset.read_direct(out, np.s_[index], np.s_[place])
                else:
                    out[place] = chunks[index]
        if normalisation is not None:
            normalisation[: chosen.size] = self._normalisation[chosen]
        if air is not None:
            air[: chosen.size] = self._air[chosen]

    def _open(self) -> None:
        if self._opened_by == os.getpid():
            return
        # A forked child must not share its parent's handle; the chunks are read whole, so no chunk cache is kept.
        file = h5py.File(self.store.path, "r", rdcc_nbytes=0)
        names = [name for name in ("inputs", "targets", *OPTIONAL) if name in file]
        self._datasets = {name: file[name] for name in names}
        self._chunks = {name: _mapped_chunks(self.store.path, file[name]) for name in names}
        self._normalisation = file["normalisation"][()]
        self._air = file["air"][()] if "air" in file else np.zeros(0, np.float32)
        self._places = self.store.places
        self._opened_by = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return {"store": self.store, "_opened_by": None}


def _mapped_chunks(path: Path, dataset: h5py.Dataset) -> list[NDArray[Any]] | None:
    """One array per sample, in place in the file, where the samples are stored neither compressed nor shuffled."""
    if dataset.id.get_create_plist().get_nfilters() or dataset.chunks != (1, *dataset.shape[1:]):
        return None
    offsets: dict[int, int] = {}
    dataset.id.chunk_iter(lambda chunk: offsets.__setitem__(chunk.chunk_offset[0], chunk.byte_offset))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if len(offsets) != len(dataset) or max(offsets.values()) + dataset[:1].nbytes > len(mapped):
        return None
    return [np.ndarray(dataset.shape[1:], dataset.dtype, mapped, offsets[index]) for index in range(len(dataset))]
