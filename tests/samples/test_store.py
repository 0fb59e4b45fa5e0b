"""The sample store: what is written comes back, nothing half written is left, and wrong files are named."""

from __future__ import annotations

import json
import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from learning_functions.samples.store import SampleReader, SampleStore, SampleWriter, check_same_task, open_store
from learning_functions.spec import Spec

SPEC = Spec((1, 1, 1), "RAS", (4, 5, 6), 1, ("vertebra",))
COUNT = 7


def sample(index: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(index)
    return {
        "inputs": rng.integers(-1024, 3000, (4, 5, 6, 1)).astype(np.int16),
        "targets": rng.integers(0, 2, (4, 5, 6)).astype(np.uint8),
        "weights": rng.random((4, 5, 6)).astype(np.float16),
    }


def write(path: Path, *, weighted: bool = True, patient: str = "p", spec: Spec = SPEC, **options: Any) -> SampleStore:
    with SampleWriter(path, task="detection", spec=spec, settings={"size": np.int64(3)}, seed=5, **options) as writer:
        for index in range(COUNT):
            arrays = sample(index)
            weights = arrays["weights"] if weighted else None
            case = index // 3
            writer.append(
                arrays["inputs"],
                arrays["targets"],
                weights,
                normalisation=(index, 0.5),
                case_id=f"case{case}",
                patient=f"{patient}{case}",
            )
    return open_store(path)


def empty_arrays(store: SampleStore, count: int) -> dict[str, np.ndarray]:
    return {
        "inputs": np.zeros((count, *store.input_shape), store.input_dtype),
        "targets": np.zeros((count, *store.target_shape), store.target_dtype),
        "weights": np.zeros((count, *store.target_shape), "float16"),
        "normalisation": np.zeros((count, 2)),
    }


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
    assert not arrays["inputs"][4].any(), "places beyond those asked for are left alone"


def test_the_header_tells_all_there_is(tmp_path: Path) -> None:
    store = write(tmp_path / "new" / "s.h5", split="training")
    assert (store.task, store.spec, store.settings, store.seed) == ("detection", SPEC, {"size": 3}, 5)
    assert (store.count, store.input_shape, store.target_shape) == (COUNT, (4, 5, 6, 1), (4, 5, 6))
    assert (store.input_dtype, store.target_dtype, store.weight_dtype) == ("int16", "uint8", "float16")
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


def test_no_samples_are_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to learn"), SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
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
def test_odd_samples_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said), SampleWriter(tmp_path / "s.h5", task="t", spec=SPEC) as writer:
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
    for name, said in {
        "missing": "no sample file",
        "text": "HDF5",
        "empty": "HDF5",
        "cut": "cut short",
        "model": "saved model",
        "other": "another kind",
        "later": "format 1",
        "bare": "damaged",
    }.items():
        with pytest.raises(ValueError, match=said) as caught:
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


def test_files_of_one_kind_go_together_and_others_are_told_apart(tmp_path: Path) -> None:
    training = write(tmp_path / "t.h5")
    check_same_task(training, write(tmp_path / "v.h5", patient="q"))
    with pytest.raises(ValueError, match="p0, p1, p2"):
        check_same_task(training, write(tmp_path / "same.h5"))
    other = Spec((2, 2, 2), "RAS", (4, 5, 6), 1, ("vertebra",))
    with pytest.raises(ValueError, match=r"spacing_mm \(1.0, 1.0, 1.0\) and \(2.0, 2.0, 2.0\).*has_weights"):
        check_same_task(training, write(tmp_path / "o.h5", spec=other, patient="q", weighted=False))


NAMES = ("air", "bone", "fat")


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


def test_a_file_without_tissues_is_read_as_ever(tmp_path: Path) -> None:
    store = write(tmp_path / "s.h5")
    assert not store.has_tissues and store.tissue_names == ()
    with pytest.raises(ValueError, match="no tissues"):
        SampleReader(store).read([0], **empty_arrays(store, 1), tissues=np.empty((1, 4, 5, 6, 1), np.uint8))


@pytest.mark.parametrize(
    ("tissues", "said"),
    [
        (None, "has tissues or none has"),
        (np.zeros((4, 5, 6), np.uint8), r"image's voxels, \(4, 5, 6, 1\)"),
        (np.zeros((4, 5, 6, 1), np.int16), "uint8"),
    ],
)
def test_tissues_that_do_not_fit_are_refused(tmp_path: Path, tissues: np.ndarray | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
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
    ("change", "said"),
    [
        ({"memory": None}, "has memory or none has"),
        ({"memory": np.zeros((4, 5, 6, 1), np.uint8)}, r"Memory are those of the image's voxels, \(4, 5, 6\)"),
        ({"memory": np.zeros((4, 5, 6), np.float32)}, "uint8"),
        ({"numbers": None}, "has numbers or none has"),
        ({"numbers": [1.0]}, "2 numbers, one for each name"),
    ],
)
def test_memory_and_numbers_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        remembering(tmp_path / "s.h5", **change)


def test_samples_of_other_figures_do_not_go_together(tmp_path: Path) -> None:
    training = remembering(tmp_path / "t.h5")
    with pytest.raises(ValueError, match=r"numbers_names \('share', 'level'\) and \('share', 'height'\)"):
        check_same_task(training, remembering(tmp_path / "o.h5", ("share", "height")))
    with pytest.raises(ValueError, match="has_memory True and False"):
        check_same_task(training, write(tmp_path / "plain.h5", patient="q"))
