"""generate_samples.py: the same seed gives the same file, broken scans are counted, splits stay apart."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate import generation
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from tests.scripts.outcome import Run

FEW = ("--preset", "small", "--samples-per-scan", "2")


def of_two(data_set: Path, folder: Path) -> Path:
    """The first two scans of the data set, without its manifest."""
    folder.mkdir()
    for name, suffix in itertools.product(("phantom0", "phantom1"), (".nii.gz", ".lml")):
        shutil.copy(data_set / f"{name}{suffix}", folder)
    return folder


@pytest.mark.parametrize("task", ["detection", "identification"])
def test_the_same_seed_gives_the_same_file_on_any_number_of_workers(
    run: Run, data_set: Path, tmp_path: Path, task: str
) -> None:
    scans = of_two(data_set, tmp_path / "scans")
    made = {}
    for workers, seed in ((1, 5), (2, 5), (1, 6)):
        path = tmp_path / f"{workers}_{seed}.h5"
        outcome = run("generate_samples", task, scans, path, *FEW, "--seed", seed, "--workers", workers)
        assert outcome.code == 0 and "4 samples of 2 scans" in outcome.out
        made[workers, seed] = path.read_bytes()
    assert made[1, 5] == made[2, 5] != made[1, 6]


def test_a_scan_gives_the_same_samples_whatever_the_others_are(run: Run, data_set: Path, tmp_path: Path) -> None:
    both = of_two(data_set, tmp_path / "both")
    shutil.copytree(both, tmp_path / "one")
    for path in (tmp_path / "one").glob("phantom0*"):
        path.unlink()
    stores = []
    for name in ("both", "one"):
        run("generate_samples", "detection", tmp_path / name, tmp_path / f"{name}.h5", *FEW, "--workers", 1)
        stores.append(open_store(tmp_path / f"{name}.h5"))
    arrays = [np.empty((2, *store.input_shape), store.input_dtype) for store in stores]
    for store, array in zip(stores, arrays, strict=True):
        targets = np.empty((2, *store.target_shape), store.target_dtype)
        SampleReader(store).read([store.count - 2, store.count - 1], array, targets)
    np.testing.assert_array_equal(*arrays)


@pytest.mark.parametrize(("skipping", "code"), [((), 2), (("--skip-errors",), 0)])
def test_a_broken_scan_is_named_left_out_and_counted(
    run: Run, data_set: Path, tmp_path: Path, skipping: tuple[str, ...], code: int
) -> None:
    scans = of_two(data_set, tmp_path / "scans")
    (scans / "broken.nii.gz").write_text("hello")
    out = tmp_path / "out.h5"
    outcome = run("generate_samples", "detection", scans, out, *FEW, "--workers", 1, *skipping)
    assert outcome.code == code and "Traceback" not in outcome.err
    assert "Left out broken" in outcome.err and "1 of 3 scans were left out: broken." in outcome.err
    assert len(outcome.errors) == (0 if skipping else 1)
    assert open_store(out).case_ids == ("phantom0", "phantom1")


def test_only_the_scans_of_the_split_are_taken(run: Run, data_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "testing.h5"
    assert run("generate_samples", "detection", data_set, out, *FEW, "--split", "test", "--workers", 1).code == 0
    store = open_store(out)
    assert (store.case_ids, store.split) == (("phantom2", "phantom3"), "testing")


def test_splits_are_never_mixed(run: Run, data_set: Path, tmp_path: Path) -> None:
    outcome = run("generate_samples", "detection", data_set, tmp_path / "all.h5", *FEW)
    assert outcome.code == 2 and "choose one by --split" in outcome.errors[0] and not list(tmp_path.iterdir())


def test_a_patient_is_never_split(run: Run, data_set: Path, tmp_path: Path) -> None:
    rows = [f"a,training,{data_set}/phantom0.nii.gz,p", f"b,testing,{data_set}/phantom1.nii.gz,p"]
    (tmp_path / "list.csv").write_text("\n".join(["name,type,image_path,patient", *rows]))
    out = tmp_path / "out.h5"
    outcome = run("generate_samples", "detection", tmp_path / "list.csv", out, *FEW, "--split", "training")
    assert outcome.code == 2 and "a in training and b in testing, of one patient" in outcome.errors[0]


def manifest(folder: Path, splits: dict[str, str], scans: int = 2) -> Path:
    """Patients by name with their split, each with some scans (of which only the names matter)."""
    (folder / "a.nii.gz").write_text("")
    rows = [f"{who}{n},{split},a.nii.gz,{who}" for who, split in splits.items() for n in range(scans)]
    (folder / "list.csv").write_text("\n".join(["name,type,image_path,patient", *rows]) + "\n")
    return folder / "list.csv"


def test_patients_held_out_are_in_the_other_part_only(tmp_path: Path) -> None:
    source = manifest(tmp_path, dict.fromkeys("abcdefghij", "training"))
    chosen = set()
    for seed in range(3):
        training, validation = (
            generation.cases_of_one_split(source, None, 0.2, part, seed) for part in ("training", "validation")
        )
        assert (len(training), len(validation)) == (16, 4)
        assert {case.split for case in training} == {"training"} and {c.split for c in validation} == {"validation"}
        assert not {case.patient for case in training} & {case.patient for case in validation}
        chosen.add(tuple(sorted({case.patient for case in validation})))
    assert len(chosen) > 1, "the seed chooses the held-out patients"


@pytest.mark.parametrize(
    ("splits", "arguments", "words"),
    [
        ({"a": "testing", "b": "testing"}, (None, 0.5, "validation"), "Only training scans are split"),
        ({"a": "training", "b": "testing"}, (None, 0.5, "training"), "choose one by --split"),
        ({"a": "training", "b": "training"}, (None, 0.5, None), "and the wanted part"),
        ({"a": "training", "b": "training"}, (None, None, "training"), "a fraction of the patients"),
        ({"a": "training", "b": "training"}, (None, 1.0, "training"), "between 0 and 1"),
        ({"a": "", "b": ""}, (None, 0.5, "training", -1), "zero or above"),
        ({"a": ""}, (None, 0.5, "training"), "at least two patients"),
    ],
)
def test_invalid_hold_out_options_are_refused(
    tmp_path: Path, splits: dict[str, str], arguments: tuple[object, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        generation.cases_of_one_split(manifest(tmp_path, splits), *arguments)


def test_the_file_says_which_part_it_is(run: Run, data_set: Path, tmp_path: Path) -> None:
    scans, stores = of_two(data_set, tmp_path / "scans"), []
    for part in ("training", "validation"):
        options = ("--hold-out", 0.5, "--part", part, "--workers", 1)
        assert run("generate_samples", "detection", scans, tmp_path / f"{part}.h5", *FEW, *options).code == 0
        stores.append(open_store(tmp_path / f"{part}.h5"))
    assert [store.split for store in stores] == ["training", "validation"]
    assert sorted(stores[0].case_ids + stores[1].case_ids) == ["phantom0", "phantom1"]


def test_scans_in_a_testing_folder_are_testing_samples(run: Run, data_set: Path, tmp_path: Path) -> None:
    scans, out = of_two(data_set, tmp_path / "testing_dataset"), tmp_path / "out.h5"
    assert run("generate_samples", "detection", scans, out, *FEW, "--workers", 1).code == 0
    assert open_store(out).split == "testing"


def test_an_interrupted_run_leaves_no_file(
    run: Run, data_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = of_two(data_set, tmp_path / "scans")
    given = itertools.count()
    whole = generation.samples_of_case

    def interrupted(*arguments: object) -> object:
        if next(given):
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(generation, "samples_of_case", interrupted)
    outcome = run("generate_samples", "detection", scans, tmp_path / "out" / "samples.h5", *FEW, "--workers", 1)
    assert (
        outcome.code == 130
        and "Interrupted; no sample file was written." in outcome.err
        and "Traceback" not in outcome.err
    )
    assert not list((tmp_path / "out").iterdir())


def test_another_spacing_is_that_of_the_file(run: Run, data_set: Path, tmp_path: Path) -> None:
    scans, out = of_two(data_set, tmp_path / "scans"), tmp_path / "out.h5"
    assert run("generate_samples", "detection", scans, out, *FEW, "--workers", 1, "--spacing", 4, 5, 6).code == 0
    assert open_store(out).spec.spacing_mm == (4, 5, 6)


def test_a_file_of_samples_may_be_made_anew(run: Run, data_set: Path, tmp_path: Path) -> None:
    scans, out = of_two(data_set, tmp_path / "scans"), tmp_path / "out.h5"
    for count in (2, 3):
        run(
            "generate_samples",
            "detection",
            scans,
            out,
            "--preset",
            "small",
            "--samples-per-scan",
            count,
            "--workers",
            1,
        )
        assert open_store(out).count == 2 * count
