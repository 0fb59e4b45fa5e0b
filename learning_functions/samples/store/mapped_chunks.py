"""The samples of one part of a sample file, read from a memory map, without HDF5's lock on all threads."""

from __future__ import annotations

import mmap
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile

PLAIN: tuple[int, ...] = ()
READ = (PLAIN, (h5py.h5z.FILTER_DEFLATE,), (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE))
"""The filters of chunks that can be read so, in the order in which HDF5 applies them when it writes."""


@dataclass(frozen=True)
class MappedChunks:
    """One chunk per sample. Threads may copy at the same time: zlib decompresses without Python's lock."""

    path: Path
    mapped: mmap.mmap
    places: tuple[tuple[int, int], ...]
    """The first byte and the number of bytes of each chunk."""
    filters: tuple[int, ...]

    def copy(self, index: int, out: NDArray[Any]) -> None:
        """Copy sample ``index`` to a C-contiguous array of its shape and dtype. Raises: BrokenFile."""
        first, size = self.places[index]
        stored: Any = memoryview(self.mapped)[first : first + size]
        if self.filters == PLAIN:
            out[...] = np.frombuffer(stored, out.dtype).reshape(out.shape)
            return
        try:
            unpacker = zlib.decompressobj()
            stored = unpacker.decompress(stored, out.nbytes)
            whole = len(stored) == out.nbytes and (unpacker.eof or not unpacker.decompress(unpacker.unconsumed_tail, 1))
        except zlib.error:
            whole = False
        if not whole:
            raise BrokenFile(f"Sample {index} is damaged. Received: {self.path}.")
        if out.itemsize == 1 or h5py.h5z.FILTER_SHUFFLE not in self.filters:
            out[...] = np.frombuffer(stored, out.dtype).reshape(out.shape)
        else:
            _unshuffle(np.frombuffer(stored, np.uint8).reshape(out.itemsize, -1), out)


def mapped_chunks(path: Path, dataset: h5py.Dataset) -> MappedChunks | None:
    """The samples of a data set; None where they are not one chunk each, or have other filters than READ."""
    created = dataset.id.get_create_plist()
    filters = tuple(created.get_filter(place)[0] for place in range(created.get_nfilters()))
    if filters not in READ or dataset.chunks != (1, *dataset.shape[1:]) or dataset.dtype.byteorder == ">":
        return None
    found: dict[int, tuple[int, int]] = {}
    masked: list[int] = []

    def note(chunk: Any) -> None:
        found[chunk.chunk_offset[0]] = (chunk.byte_offset, chunk.size)
        masked.append(chunk.filter_mask)

    dataset.id.chunk_iter(note)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    sample = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))
    if len(found) != len(dataset) or any(masked) or max(first + size for first, size in found.values()) > len(mapped):
        return None
    if filters == PLAIN and any(size != sample for _, size in found.values()):
        return None
    return MappedChunks(path, mapped, tuple(found[index] for index in range(len(dataset))), filters)


def _unshuffle(planes: NDArray[np.uint8], out: NDArray[Any]) -> None:
    """Put the values together whose first, second, ... bytes lie in ``planes`` (itemsize, values)."""
    if out.itemsize == 2:  # twice as fast as single bytes
        values = planes[1].astype(np.uint16)
        values <<= 8
        values |= planes[0]
        out[...] = values.view(out.dtype).reshape(out.shape)
    else:
        out.reshape(-1).view(np.uint8).reshape(-1, out.itemsize)[...] = planes.T
