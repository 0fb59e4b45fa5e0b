"""The sample store: round trips, no incomplete files, and errors that name files."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import pickle
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from learning_functions.model_files.model_file import read_card
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import check_same_task, open_store
from learning_functions.samples.store.sample_writer import SampleWriter
from learning_functions.spec import Spec
from tests.samples.stores import COUNT, SPEC, empty_arrays, sample, write
from utility_functions.files.broken_file import BrokenFile


@pytest.mark.parametrize("compression", ["gzip", "lzf", "none"])
def test_what_is_written_comes_back_in_any_order(tmp_path: Path, compression: str) -> None:
    store = write(tmp_path / "s.h5", compression=compression)
    arrays = empty_arrays(store, 5)
    order = [6, 0, 3, 3]
    SampleReader(store).read(order, **arrays)
    for place, index in enumerate(order):
        for name, expected in sample(index).items():
            np.testing.assert_array_equal(arrays[name][place], expected)
        assert arrays["normalisation"][place].tolist() == [index, 0.5]
    assert not arrays["inputs"][4].any(), "rows after the requested ones do not change"


def test_the_header_describes_the_file(tmp_path: Path) -> None:
    store = write(tmp_path / "new" / "s.h5", split="training")
    assert (store.task, store.spec, store.settings, store.seed) == ("detection", SPEC, {"size": 3}, 5)
    assert (store.count, store.input_shape, store.target_shape) == (COUNT, (4, 5, 6, 1), (4, 5, 6))
    assert (store.input_dtype, store.target_dtype, store.layout["weights"].dtype) == ("int16", "uint8", "float16")
    assert (store.case_ids, store.patients) == (("case0", "case1", "case2"), ("p0", "p1", "p2"))
    assert store.split == "training" and store.has_weights and "numpy" in store.versions
    with h5py.File(store.path) as file:
        assert file["case"][()].tolist() == [0, 0, 0, 1, 1, 1, 2]
        assert file.attrs["spine_samples"] == 1 and file["inputs"].chunks == (1, 4, 5, 6, 1)


def test_thousands_of_case_ids_fit_the_header(tmp_path: Path) -> None:
    tiny = np.zeros((1, 1), np.int16)
    names = [f"a_rather_long_name_of_a_scan_{number:06d}" for number in range(3000)]
    with SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer:
        for name in names:
            writer.append(tiny, tiny, normalisation=(0, 1), case_id=name)
    assert list(open_store(tmp_path / "s.h5").case_ids) == names


def test_the_same_samples_give_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_an_error_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_bytes(b"precious")
    with pytest.raises(KeyboardInterrupt), SampleWriter(path, task="t", spec=SPEC) as writer:
        writer.append(**sample(0), normalisation=(0, 1), case_id="a")
        raise KeyboardInterrupt
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.h5"] and path.read_bytes() == b"precious"


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to learn"), SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "output"),
    [
        ({"inputs": np.full((4, 5, 6, 1), np.nan)}, "finite"),
        ({"inputs": np.full((4, 5, 6, 1), 40000)}, "int16"),
        ({"inputs": np.zeros((4, 5, 7, 1), np.int16)}, r"\(4, 5, 6, 1\)"),
        ({"targets": np.zeros((4, 5, 6))}, "float64"),
        ({"targets": np.zeros((4, 5, 6), np.int16)}, "uint8"),
        ({"weights": None}, "weights"),
        ({"normalisation": (0, np.inf)}, "scale"),
        ({"patient": "another"}, "one patient"),
    ],
)
def test_invalid_samples_are_refused(tmp_path: Path, change: dict[str, Any], output: str) -> None:
    with pytest.raises(ValueError, match=output), SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer:
        writer.append(**sample(0), normalisation=(0, 1), case_id="a")
        writer.append(**({**sample(1), "normalisation": (0, 1), "case_id": "a"} | change))


def test_intensities_between_whole_numbers_are_rounded_and_masks_may_be_bool(tmp_path: Path) -> None:
    with SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer:
        writer.append(np.array([[-1.6], [0.4]]), np.array([True, False]), normalisation=(0, 1), case_id="a")
    store = open_store(tmp_path / "s.h5")
    inputs, targets = np.empty((1, 2, 1), np.int16), np.empty((1, 2), np.uint8)
    SampleReader(store).read([0], inputs, targets)
    assert inputs.ravel().tolist() == [-2, 0] and targets.ravel().tolist() == [1, 0]


def test_other_files_are_named_in_one_sentence(tmp_path: Path) -> None:
    whole = write(tmp_path / "s.h5").path
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "cut.h5").write_bytes(whole.read_bytes()[:-3000])
    (tmp_path / "empty.h5").write_bytes(b"")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({})
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with h5py.File(tmp_path / "later.h5", "w") as file:
        file.attrs["spine_samples"] = 9
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file.attrs["spine_samples"] = 1
    for name, output in {
        "missing": "no sample file",
        "text": "HDF5",
        "empty": "HDF5",
        "cut": "cut short",
        "model": "saved model",
        "other": "another kind",
        "later": "format 1",
        "bare": "damaged",
    }.items():
        with pytest.raises(ValueError, match=output) as caught:
            open_store(tmp_path / f"{name}.h5")
        assert f"Received: {tmp_path / name}.h5." in str(caught.value) and "\n" not in str(caught.value)


def test_readers_refuse_arrays_and_numbers_that_do_not_fit(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5", weighted=False)
    arrays = empty_arrays(store, 2)
    reader = SampleReader(store)
    with pytest.raises(ValueError, match="0 to 6"):
        reader.read([7], arrays["inputs"], arrays["targets"])
    with pytest.raises(ValueError, match="float32"):
        reader.read([0], arrays["inputs"].astype(np.float32), arrays["targets"])
    with pytest.raises(ValueError, match="3 inputs"):
        reader.read([0, 1, 2], arrays["inputs"], arrays["targets"])
    with pytest.raises(ValueError, match="no weights"):
        reader.read([0], **arrays)


def first_sample(reader: SampleReader) -> np.ndarray:
    arrays = empty_arrays(reader.store, 1)
    reader.read([0], **arrays)
    return arrays["inputs"][0]


def test_a_reader_works_in_a_forked_process_and_after_pickling(tmp_path: Path) -> None:
    reader = SampleReader(write(tmp_path / "s.h5"))
    here = first_sample(reader)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(first_sample, (reader,)), here)
    np.testing.assert_array_equal(first_sample(pickle.loads(pickle.dumps(reader))), here)


def test_a_store_is_read_while_someone_else_in_the_process_has_it_open(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    with h5py.File(store.path) as file:
        np.testing.assert_array_equal(first_sample(SampleReader(open_store(store.path))), file["inputs"][0])


def test_files_of_one_kind_go_together_and_others_are_refused(tmp_path: Path) -> None:
    training = write(tmp_path / "t.h5")
    check_same_task(training, write(tmp_path / "v.h5", patient="q"))
    with pytest.raises(ValueError, match="p0, p1, p2"):
        check_same_task(training, write(tmp_path / "same.h5"))
    other = Spec((2, 2, 2), "RAS", (4, 5, 6), 1, ("vertebra",))
    with pytest.raises(ValueError, match=r"spacing_mm \(1.0, 1.0, 1.0\) and \(2.0, 2.0, 2.0\).*has_weights"):
        check_same_task(training, write(tmp_path / "o.h5", spec=other, patient="q", weighted=False))


def test_the_first_sample_of_each_scan_is_known_however_many_it_has(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    assert store.first_of_each_scan().tolist() == [0, 3, 6]
    assert store.of_patients({"p1", "p2"}).first_of_each_scan().tolist() == [0, 3]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writes beyond ``size`` bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 600, 3000, 9000])
def test_a_full_disk_is_told_in_a_sentence_and_leaves_what_stood_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "s.h5"
    write(path)
    before = path.read_bytes()
    assert len(before) > 9000
    with files_of_at_most(size), pytest.raises(OSError, match=r"s\.h5 cannot be written: File too large\.$"):
        write(path, compression="none")
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["s.h5"]


def test_a_full_disk_while_many_samples_are_written_ends_the_run_at_once(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(-1000, 1000, (32, 32, 32, 1)).astype(np.int16)
    spec = Spec((1, 1, 1), "RAS", (32, 32, 32), 1, ("vertebra",))
    count = 0
    limited, told = files_of_at_most(300_000), pytest.raises(OSError, match="cannot be written")
    with limited, told, SampleWriter(tmp_path / "s.h5", task="detection", spec=spec) as writer:
        for _ in range(50):
            writer.append(values, values[..., 0] > 0, normalisation=(0, 1), case_id="a")
            count += 1
    assert count < 10 and not list(tmp_path.iterdir())


def test_a_locked_file_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "TRUE")
    path = tmp_path / "s.h5"
    write(path)
    with path.open("rb+") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        for read in (open_store, read_card):
            with pytest.raises(BrokenFile, match="is locked: another program has it open") as told:
                read(path)
            assert "damaged" not in str(told.value)
    assert open_store(path).count == COUNT
