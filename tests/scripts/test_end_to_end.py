"""The main job over the three scripts: phantoms to samples, to models, to results with and without a truth."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_functions.measure import scan_work
from learning_functions.samples.store.sample_store import open_store
from tests.oracle import NAMES, oracle_landmarks, oracle_scan
from tests.scripts.outcome import Outcome, Run
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import write_lml
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import read_grid, read_image, read_label_map, write_image
from utility_functions.geometry.volume import LabelMap
from utility_functions.reporting.niivue_script import has_niivue

OF_A_SCAN = ("_vertebrae.nii.gz", "_centroids.json", "_centroids.mrk.json", ".png", "_findings.json")
OF_A_RUN = ("results.json", "results.csv", "report.html")
if has_niivue():
    OF_A_SCAN, OF_A_RUN = (*OF_A_SCAN, "_view.html"), (*OF_A_RUN, "niivue.js")


def results(folder: Path) -> dict:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads((folder / "results.json").read_text(), parse_constant=refuse)


def test_samples_record_their_source(samples: dict[tuple[str, str], Path]) -> None:
    for (task, split), path in samples.items():
        store = open_store(path)
        assert (store.task, store.split, store.count) == (task, split, 2)
        assert store.settings["preset"] == "small" and store.versions["numpy"] == np.__version__


def test_training_writes_model_log_and_curves(models: list[Path]) -> None:
    for model in models:
        beside = model.with_suffix(".training")
        assert {path.name for path in beside.iterdir()} == {"epoch_0001.keras", "state.json", "log.csv", "curves.png"}
        with (beside / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["1.0"] and float(rows[0]["loss"]) > 0 and "val_loss" in rows[0]
        assert model.stat().st_size < 10e6


@pytest.fixture
def measured(run: Run, data_set: Path, models: list[Path], tmp_path: Path) -> tuple[Outcome, Path]:
    return run("measure", data_set, *models, "--split", "testing", "--output", tmp_path / "out"), tmp_path / "out"


def test_measuring_writes_all_outputs_and_prints_the_tables(
    measured: tuple[Outcome, Path], data_set: Path, models: list[Path]
) -> None:
    outcome, out = measured
    assert outcome.code == 0 and not outcome.errors
    names = ("phantom2", "phantom3")
    expected = {name + ending for name in names for ending in OF_A_SCAN} | {*OF_A_RUN, "errors.png"}
    assert {path.name for path in out.iterdir()} - {"reliability.png"} == expected  # only where anything is named
    for name in names:
        assert f"Scan {name}" in outcome.out
        read_label_map(out / f"{name}_vertebrae.nii.gz").grid.require_same(read_grid(data_set / f"{name}.nii.gz"), name)
    rules = ("id. VerSe", "id. 4 mm", "id. original")
    for word in ("All", "Cervical", "Thoracic", "Lumbar", *rules, "2 of 2 scans measured"):
        assert word in outcome.out


def test_results_json_records_the_run(measured: tuple[Outcome, Path], data_set: Path, models: list[Path]) -> None:
    _, out = measured
    stored_results = results(out)
    assert stored_results["command"] == [
        *("measure.py", str(data_set), *map(str, models), "--split", "testing", "--output", str(out))
    ]
    assert stored_results["settings"] == {
        "scans": str(data_set),
        "models": [str(model) for model in models],
        "output": str(out),
        "split": "testing",
        "keypoints": False,
        "label_code": None,
        "series": None,
        "memory_gb": 4.0,
        "device": "auto",
        "precision": "float32",
        "windows": "tiles",
        "search": "spine",
        "votes": "ordered",
        "naming": "decoder",
        "truncated": "flag",
        "orientation": "auto",
        "lowest": None,
        "count_from": None,
        "study": "shared",
        "view": "page",
        "layout": "flat",
        "dicom": None,
        "stop_after": None,
        "landmarks": None,
        "from_results": None,
        "pipeline": None,
        "save_intermediate": False,
        "skip_existing": False,
        "skip_errors": False,
    }
    assert {"python", "keras", "tensorflow", "numpy", "SimpleITK", "nibabel"} <= set(stored_results["versions"])
    for model, record in zip(models, stored_results["models"], strict=True):
        assert record["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
        assert record["task"] == model.stem and record["settings"]["filters"] == 2
        assert record["training"]["epochs"] == 1
    assert set(stored_results["seconds"]) == {"reading", "resampling", "detection", "identification", "writing"}
    for scan in stored_results["scans"]:
        assert scan["problem"] is None and set(scan["seconds"]) == set(stored_results["seconds"])
        assert scan["identification"] and any(level["true_x_ras_mm"] for level in scan["levels"])
    assert stored_results["summary"][0]["region"] == "All"


def test_a_scan_without_a_truth_is_measured_and_not_scored(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan().reoriented("PIR"), tmp_path / "in" / "alone.nii.gz")
    outcome = run("measure", tmp_path / "in" / "alone.nii.gz", *oracles, "--output", tmp_path / "out")
    assert outcome.code == 0 and "found: T11, T12, L1, L2" in outcome.out and "id. VerSe" not in outcome.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"alone{ending}" for ending in OF_A_SCAN),
        *OF_A_RUN,
    }
    stored_results = results(tmp_path / "out")
    assert stored_results["summary"] is None and "identification" not in stored_results["scans"][0]
    found = {
        level["level"]: [level[f"{axis}_ras_mm"] for axis in "xyz"] for level in stored_results["scans"][0]["levels"]
    }
    truth = oracle_landmarks()
    assert all(np.linalg.norm(truth.point(name) - found[name]) < 3 for name in truth.names)


def test_correct_models_score_perfectly(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    scan = oracle_scan()
    write_image(scan, tmp_path / "in" / "known.mha")
    write_lml(oracle_landmarks(), tmp_path / "in" / "known.lml", scan.grid)
    outcome = run("measure", tmp_path / "in", *reversed(oracles), "--output", tmp_path / "out")
    assert outcome.code == 0
    assert "100.0 %" in next(line for line in outcome.out.splitlines() if line.startswith("All"))
    assert (tmp_path / "out" / "reliability.png").is_file() and "calibration error" in outcome.out
    stored_results = results(tmp_path / "out")
    assert stored_results["naming"]["all_right"][0] == 1.0 and set(
        stored_results["scans"][0]["naming"]["posterior"]
    ) == {*NAMES}
    labels = read_label_map(tmp_path / "out" / "known_vertebrae.nii.gz").voxels
    assert set(np.unique(labels)) == {0, *(VERSE_IDS[name] for name in oracle_landmarks().names)}


def test_one_model_alone_finds_what_it_can(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "alone.nii.gz")
    outcome = run("measure", tmp_path / "alone.nii.gz", oracles[0], "--output", tmp_path / "out")
    assert outcome.code == 0 and "no names" in outcome.out and "no vertebra" not in outcome.out
    assert set(np.unique(read_label_map(tmp_path / "out" / "alone_detection.nii.gz").voxels)) == {0, 1}
    assert not (tmp_path / "out" / "alone_vertebrae.nii.gz").exists(), "1 would mean C1"
    assert not (tmp_path / "out" / "alone_centroids.json").exists()


def test_results_beside_the_scan_are_no_truth_the_next_time(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "alone.nii.gz")
    for _ in range(2):
        outcome = run("measure", tmp_path / "alone.nii.gz", *oracles, "--output", tmp_path)
        assert outcome.code == 0 and results(tmp_path)["summary"] is None


def test_the_truth_is_never_overwritten(run: Run, data_set: Path, oracles: list[Path], tmp_path: Path) -> None:
    shutil.copy(data_set / "phantom2.nii.gz", tmp_path)
    (tmp_path / "phantom2_centroids.json").write_text('[{"name": "L1", "x": 0, "y": 0, "z": 0}]')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    outcome = run("measure", tmp_path / "phantom2.nii.gz", *oracles, "--output", tmp_path)
    assert outcome.code == 2 and "not written over" in outcome.errors[0]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_of_other_programs_are_never_overwritten(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "in" / "alone.nii.gz")
    out = tmp_path / "out"
    write_lml(oracle_landmarks(), out / "alone_vertebrae.nii.gz", oracle_scan().grid)
    outcome = run("measure", tmp_path / "in", *oracles, "--output", out)
    assert outcome.code == 2 and "alone_vertebrae.nii.gz was not made by this program" in outcome.errors[0]
    assert [path.name for path in out.iterdir()] == ["alone_vertebrae.nii.gz"]


def test_a_truth_in_a_code_without_levels_is_noted_and_not_scored(
    run: Run, oracles: list[Path], tmp_path: Path
) -> None:
    scan = oracle_scan()
    write_image(scan, tmp_path / "images" / "1_t1.mha")
    write_image(LabelMap((scan.voxels > -900).astype(np.uint8), scan.grid), tmp_path / "masks" / "1_t1.mha")
    outcome = run("measure", tmp_path, *oracles, "--output", tmp_path / "out")
    assert (
        outcome.code == 0
        and "found: T11, T12, L1, L2" in outcome.out
        and "Not scored: The label map numbers" in outcome.out
    )
    assert results(tmp_path / "out")["summary"] is None
    outcome = run("generate_samples", "detection", tmp_path / "images", tmp_path / "samples.h5", "--workers", 1)
    assert outcome.code == 2 and "levels are unknown" in outcome.errors[0]


def test_what_was_finished_is_kept_when_a_run_is_interrupted(
    run: Run, oracles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        write_image(oracle_scan(), tmp_path / f"{name}.nii.gz")
    whole = scan_work.load_scan

    def interrupted(case: Case, **how: Any) -> Scan:
        if case.case_id == "second":
            raise KeyboardInterrupt
        return whole(case, **how)

    monkeypatch.setattr(scan_work, "load_scan", interrupted)
    for _ in range(2):  # files of the first run are no truth for the second
        outcome = run("measure", tmp_path, *oracles, "--output", tmp_path)
        assert outcome.code == 130 and "Traceback" not in outcome.err
        stored_results = results(tmp_path)
        assert [scan["case_id"] for scan in stored_results["scans"]] == ["first"] and stored_results["summary"] is None


@pytest.mark.parametrize(
    "option",
    [
        ("--windows", "published"),
        ("--votes", "published"),
        ("--memory-gb", "1.7"),  # little more than the process itself
        ("--naming", "chain"),
        ("--naming", "published"),
    ],
)
def test_published_options_and_little_memory_work(
    run: Run, oracles: list[Path], tmp_path: Path, option: tuple[str, str]
) -> None:
    path = tmp_path / "alone.nii.gz"
    write_image(oracle_scan(shape=(16, 20, 56)), path)
    outcome = run("measure", path, *oracles, "--output", tmp_path / "out", *option)
    assert outcome.code == 0 and "T12, L1" in outcome.out
    assert results(tmp_path / "out")["settings"][option[0][2:].replace("-", "_")] in (option[1], 1.7)
    assert read_image(path).grid.same_as(read_grid(tmp_path / "out" / "alone_vertebrae.nii.gz"))
