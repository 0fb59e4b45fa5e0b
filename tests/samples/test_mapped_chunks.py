"""Samples from a memory map: equal to HDF5's for every compression, and damage is told."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from learning_functions.samples.store.mapped_chunks import mapped_chunks
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_writer import COMPRESSIONS
from tests.samples.stores import COUNT, empty_arrays, sample, write
from utility_functions.files.broken_file import BrokenFile


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_samples_are_those_written_whatever_the_compression(tmp_path: Path, compression: str) -> None:
    store = write(tmp_path / "s.h5", compression=compression)
    arrays = empty_arrays(store, COUNT)
    SampleReader(store).read(range(COUNT), **arrays)
    for name in ("inputs", "targets", "weights"):
        np.testing.assert_array_equal(arrays[name], np.stack([sample(index)[name] for index in range(COUNT)]))
    with h5py.File(store.path) as file:
        assert (mapped_chunks(store.path, file["inputs"]) is None) == (compression == "lzf")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "int64", ">i2"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_dtype_is_unshuffled(tmp_path: Path, dtype: str, shuffle: bool) -> None:
    values = np.random.default_rng(1).integers(0, 200, (3, 5, 7)).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(1, 5, 7), compression="gzip", shuffle=shuffle)
    with h5py.File(tmp_path / "x.h5") as file:
        chunks = mapped_chunks(tmp_path / "x.h5", file["x"])
    assert (chunks is None) == (dtype == ">i2")
    for index in range(3 if chunks else 0):
        out = np.zeros((5, 7), dtype)
        chunks.copy(index, out)
        np.testing.assert_array_equal(out, values[index])


def test_other_layouts_are_left_to_hdf5(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        values = np.zeros((4, 5), np.int16)
        for name, options in {
            "several in a chunk": {"chunks": (2, 5)},
            "checked": {"chunks": (1, 5), "fletcher32": True},
            "contiguous": {},
        }.items():
            file.create_dataset(name, data=values, **options)
        file.create_dataset("not all written", (4, 5), np.int16, chunks=(1, 5))[0] = 1
    with h5py.File(tmp_path / "x.h5") as file:
        assert [name for name in file if mapped_chunks(tmp_path / "x.h5", file[name]) is not None] == []


@pytest.mark.parametrize("damage", [b"\xff" * 6, b""])
def test_damaged_samples_are_named(tmp_path: Path, damage: bytes) -> None:
    store = write(tmp_path / "s.h5")
    with h5py.File(store.path) as file:
        chunks = mapped_chunks(store.path, file["inputs"])
    assert chunks is not None
    first, size = chunks.places[2]
    whole = store.path.read_bytes()
    packed = (
        damage + bytes(size - len(damage)) if damage else whole[first : first + size // 2] + bytes(size - size // 2)
    )
    store.path.write_bytes(whole[:first] + packed + whole[first + size :])
    arrays = empty_arrays(store, 1)
    with pytest.raises(BrokenFile, match=r"Sample 2 is damaged\. Received: .*s\.h5\."):
        SampleReader(store).read([2], **arrays)
