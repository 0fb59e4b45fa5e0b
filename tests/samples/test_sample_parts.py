"""The table of a sample's parts covers all tasks, and defines the format of files."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from learning_functions.samples.sample_parts import PARTS, SAMPLED
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.task import Sample
from tests.samples.stores import SPEC, write

DTYPES = {
    "inputs": "int16",
    "targets": "uint8",
    "weights": "float16",
    "memory": "uint8",
    "numbers": "float32",
    "tissues": "uint8",
    "air": "float32",
    "normalisation": "float64",
}
SHAPE = {"inputs": (4, 5, 6, 1), "tissues": (4, 5, 6, 1), "numbers": (2,), "air": (), "normalisation": (2,)}


def test_a_sample_of_a_task_has_the_parts_of_the_table() -> None:
    assert {part.name for part in SAMPLED} == {each.name for each in fields(Sample)}


def test_a_file_laid_out_by_hand_is_read_whole(tmp_path: Path) -> None:
    """The names, dtypes and attributes of format 1, which files of all versions have."""
    rng = np.random.default_rng(1)
    kept = {name: rng.integers(0, 9, (3, *SHAPE.get(name, (4, 5, 6)))).astype(dtype) for name, dtype in DTYPES.items()}
    texts = {"spec": SPEC.to_json(), "settings": {}, "versions": {}, "case_ids": ["a"], "patients": ["p"]}
    names = {"tissues": ["air", "bone"], "numbers_names": ["share", "level"]}
    with h5py.File(tmp_path / "s.h5", "w") as file:
        for name, values in kept.items():
            file[name] = values
        file["case"] = np.zeros(3, np.int32)
        file.attrs.update({"spine_samples": 1, "task": "detection", "seed": 5, "split": "training"})
        file.attrs.update({name: json.dumps(value) for name, value in {**texts, **names}.items()})
    store = open_store(tmp_path / "s.h5")
    assert (store.count, store.tissue_names, store.numbers_names) == (3, ("air", "bone"), ("share", "level"))
    parts = store.parts("tissues")
    assert list(parts) == [part.name for part in PARTS]
    arrays = {name: np.empty((2, *shape), dtype) for name, (dtype, shape) in parts.items()}
    SampleReader(store).read([2, 0], **arrays)
    for name, values in kept.items():
        np.testing.assert_array_equal(arrays[name], values[[2, 0]])


def test_tissues_are_read_only_on_request(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    assert list(store.parts()) == ["inputs", "targets", "weights", "normalisation"]
    with pytest.raises(ValueError, match="no tissues"):
        store.parts("tissues")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    tiny = np.zeros((1, 1), np.int16)
    with (
        pytest.raises(ValueError, match="Received: colours"),
        SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer,
    ):
        writer.append(tiny, tiny, normalisation=(0, 1), case_id="a", colours=tiny)
