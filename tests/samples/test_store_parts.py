"""Optional parts of a sample file: tissues, memory and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore, check_same_task, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from tests.samples.stores import SPEC, empty_arrays, sample, write

NAMES = ("padding", "bone", "fat")


def with_tissues(path: Path, **change: Any) -> SampleStore:
    with SampleWriter(path, task="t", spec=SPEC, tissue_names=NAMES) as writer:
        for index in range(3):
            map_of = {"tissues": np.full((4, 5, 6, 1), index, np.uint8)} | (change if index else {})
            writer.append(**sample(index), **map_of, normalisation=(0, 1), case_id=str(index))
    return open_store(path)


def test_maps_of_tissues_come_back_with_the_names_of_their_codes(tmp_path: Path) -> None:
    store = with_tissues(tmp_path / "s.h5")
    assert store.has_tissues and store.tissue_names == NAMES
    arrays, tissues = empty_arrays(store, 2), np.empty((2, 4, 5, 6, 1), np.uint8)
    SampleReader(store).read([2, 0], **arrays, tissues=tissues)
    assert [np.unique(each).tolist() for each in tissues] == [[2], [0]]
    np.testing.assert_array_equal(arrays["inputs"][0], sample(2)["inputs"])
    with h5py.File(store.path) as file:
        assert file["tissues"].chunks == (1, 4, 5, 6, 1) and file["tissues"].compression == "gzip"


def test_a_file_without_tissues_is_read(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    assert not store.has_tissues and store.tissue_names == ()
    with pytest.raises(ValueError, match="no tissues"):
        SampleReader(store).read([0], **empty_arrays(store, 1), tissues=np.empty((1, 4, 5, 6, 1), np.uint8))


@pytest.mark.parametrize(
    ("tissues", "output"),
    [
        (None, "has tissues or none has"),
        (np.zeros((4, 5, 6), np.uint8), r"shape of the inputs, \(4, 5, 6, 1\)"),
        (np.zeros((4, 5, 6, 1), np.int16), "uint8"),
    ],
)
def test_tissues_that_do_not_fit_are_refused(tmp_path: Path, tissues: np.ndarray | None, output: str) -> None:
    with pytest.raises(ValueError, match=output):
        with_tissues(tmp_path / "s.h5", tissues=tissues)


FIGURES = ("share", "level")


def remembering(path: Path, names: tuple[str, ...] = FIGURES, **change: Any) -> SampleStore:
    with SampleWriter(path, task="t", spec=SPEC, numbers_names=names) as writer:
        for index in range(3):
            more = {"memory": np.full((4, 5, 6), index, np.uint8), "numbers": [index / 4, -1.0]}
            writer.append(
                **sample(index), **(more | (change if index else {})), normalisation=(0, 1), case_id=str(index)
            )
    return open_store(path)


def test_memory_and_numbers_come_back_with_the_names_of_the_numbers(tmp_path: Path) -> None:
    store = remembering(tmp_path / "s.h5")
    assert store.has_memory and store.numbers_names == FIGURES
    parts = store.parts()
    assert list(parts) == ["inputs", "targets", "weights", "memory", "numbers", "normalisation"]
    arrays = {name: np.empty((2, *shape), dtype) for name, (dtype, shape) in parts.items()}
    SampleReader(store).read([2, 1], **arrays)
    assert [np.unique(each).tolist() for each in arrays["memory"]] == [[2], [1]]
    assert arrays["numbers"].tolist() == [[0.5, -1], [0.25, -1]] and arrays["numbers"].dtype == np.float32


def test_a_file_without_memory_and_numbers_says_nothing_of_them(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    assert not store.has_memory and store.numbers_names == ()
    with h5py.File(store.path) as file:
        assert set(file) == {"inputs", "targets", "weights", "normalisation", "case"}
        assert "numbers_names" not in file.attrs


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"memory": None}, "has memory or none has"),
        ({"memory": np.zeros((4, 5, 6, 1), np.uint8)}, r"several values per voxel of the inputs, \(4, 5, 6\)"),
        ({"memory": np.zeros((4, 5, 6), np.float32)}, "uint8"),
        ({"numbers": None}, "has numbers or none has"),
        ({"numbers": [1.0]}, "2 numbers, one for each name"),
    ],
)
def test_memory_and_numbers_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], output: str) -> None:
    with pytest.raises(ValueError, match=output):
        remembering(tmp_path / "s.h5", **change)


def test_samples_of_other_figures_do_not_go_together(tmp_path: Path) -> None:
    training = remembering(tmp_path / "t.h5")
    with pytest.raises(ValueError, match=r"numbers_names \('share', 'level'\) and \('share', 'height'\)"):
        check_same_task(training, remembering(tmp_path / "o.h5", ("share", "height")))
    with pytest.raises(ValueError, match="has_memory True and False"):
        check_same_task(training, write(tmp_path / "plain.h5", patient="q"))
