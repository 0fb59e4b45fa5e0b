"""The samples of some patients of a file, as a store of their own."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.samples.store.file_identity import fingerprint
from learning_functions.samples.store.sample_order import EpochReader
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore, check_same_task, open_store
from learning_functions.training.spine_statistics import spine_statistics
from tests.samples.stores import COUNT, empty_arrays, sample, write
from tests.tiny import tiny_settings
from utility_functions.anatomy.labels import LEVELS

LAST = {"p0": (0, 1, 2), "p1": (3, 4, 5), "p2": (6,)}
"""Which samples of tests/samples/stores.py are whose."""


@pytest.fixture
def store(tmp_path: Path) -> SampleStore:
    return write(tmp_path / "samples.h5")


@pytest.mark.parametrize("patients", [{"p1"}, {"p0", "p2"}, {"p0", "p1", "p2"}])
def test_a_subset_holds_its_samples_of_the_file(store: SampleStore, patients: set[str]) -> None:
    part = store.of_patients(patients)
    places = [place for patient in sorted(patients) for place in LAST[patient]]
    assert part.count == len(places) and part.places.tolist() == places
    assert part.patients == tuple(sorted(patients)) and part.case_ids == tuple(f"case{p[1]}" for p in sorted(patients))
    arrays = empty_arrays(part, part.count)
    pickle.loads(pickle.dumps(SampleReader(part))).read(np.arange(part.count), **arrays)
    for place, index in enumerate(places):
        np.testing.assert_array_equal(arrays["inputs"][place], sample(index)["inputs"])
        assert arrays["normalisation"][place].tolist() == [index, 0.5]
    with pytest.raises(ValueError, match=f"numbered 0 to {part.count - 1}"):
        SampleReader(part).read([part.count], **arrays)


def test_parts_of_a_part_are_parts_of_the_file(store: SampleStore) -> None:
    part = store.of_patients({"p1", "p2"}).of_patients({"p2"})
    assert (part.rows, part.patients) == ((6,), ("p2",))


def test_an_empty_subset_is_refused(store: SampleStore) -> None:
    with pytest.raises(ValueError, match=r"No sample is of these patients\. Received: p9"):
        store.of_patients({"p9"})


def test_two_parts_of_one_file_go_together_unless_they_share_a_patient(store: SampleStore) -> None:
    check_same_task(store.of_patients({"p0", "p1"}), store.of_patients({"p2"}))
    with pytest.raises(ValueError, match="shared: p1"):
        check_same_task(store.of_patients({"p0", "p1"}), store.of_patients({"p1"}))


def test_an_epoch_of_a_part_shows_each_of_its_samples_once(store: SampleStore) -> None:
    part = store.of_patients({"p0", "p2"})
    reader = EpochReader(part, 3, epoch=2, seed=1, shuffle=True)
    read = np.concatenate([reader.read(step)["normalisation"][:, 0] for step in range(reader.steps)])
    assert sorted(read.tolist()) == [0, 1, 2, 6]


def test_the_order_of_an_epoch_of_a_whole_file_is_unchanged(store: SampleStore) -> None:
    reader = EpochReader(store, 3, epoch=2, seed=1, shuffle=True)
    read = np.concatenate([reader.read(step)["normalisation"][:, 0] for step in range(reader.steps)])
    assert read.tolist() == np.random.default_rng([1, 2]).permutation(COUNT).tolist()


def test_the_fingerprint_of_a_subset_is_that_of_its_samples(store: SampleStore) -> None:
    parts = [{"p0"}, {"p1"}, {"p0", "p1"}]
    before = [fingerprint(store.of_patients(part)) for part in parts]
    assert len({*before, fingerprint(store)}) == 4
    with h5py.File(store.path, "r+") as file:
        file["inputs"][4] = file["inputs"][4] + 1
    after = [fingerprint(store.of_patients(part)) for part in parts]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, False]


def test_statistics_of_a_part_are_those_of_its_patients(tmp_path: Path) -> None:
    settings = tiny_settings("vertebra_heatmaps", samples_per_scan=1)
    cases = cases_of_one_split(Path("phantom:2:lumbar"), None, phantom_seed=5)
    for name, chosen in (("both", cases), ("second", cases[1:])):
        generate("vertebra_heatmaps", chosen, tmp_path / f"{name}.h5", settings, workers=1)
    both, second = (open_store(tmp_path / f"{name}.h5") for name in ("both", "second"))
    part = both.of_patients(second.patients)
    assert spine_statistics(part, len(LEVELS)).to_json() == spine_statistics(second, len(LEVELS)).to_json()
    assert spine_statistics(both, len(LEVELS)).to_json() != spine_statistics(second, len(LEVELS)).to_json()
