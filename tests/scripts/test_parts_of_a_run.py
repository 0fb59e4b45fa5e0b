"""Parts of a run of measure.py: supplied landmarks, omitted stages, and repeated stages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.coarse_to_fine import coarse_to_fine_models, instances
from tests.oracle import NAMES, oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run, everything, require_error
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import read_landmarks, write_landmarks_csv, write_lml, write_markups
from utility_functions.files.images import read_image, read_label_map, write_image
from utility_functions.geometry.landmarks import Landmarks

SHAPE = (16, 20, 72)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The chain by task."""
    return {path.stem: path for path in coarse_to_fine_models(tmp_path_factory.mktemp("models"))}


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "a.nii.gz"
    write_image(oracle_scan(shape=SHAPE).reoriented("PIR"), path)
    return path


@pytest.fixture
def whole(run: Run, scan: Path, models: dict[str, Path], tmp_path: Path) -> Path:
    """The results of all stages, with intermediate results."""
    outcome = run("measure", scan, *models.values(), "--output", tmp_path / "whole", "--save-intermediate")
    assert outcome.code == 0, outcome.err
    return tmp_path / "whole"


def results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def same_map(one: Path, other: Path) -> None:
    np.testing.assert_array_equal(read_image(one).voxels, read_image(other).voxels)


def test_intermediate_results_are_written_on_request(whole: Path, scan: Path) -> None:
    image = read_image(scan)
    heatmap = read_image(whole / "a_landmark_heatmap.nii.gz")
    heatmap.grid.require_same(image.grid, "heat and scan")
    candidates = json.loads((whole / "a_candidates.json").read_text())["candidates"]
    assert {each["level"] for each in candidates} == {*NAMES}
    assert [each["heat"] for each in candidates] == sorted((each["heat"] for each in candidates), reverse=True)
    for each in candidates:
        index = tuple(np.rint(image.grid.to_index(each["point_mm"])).astype(int))
        assert heatmap.voxels[index] == pytest.approx(each["heat"], abs=1e-3)
        assert np.linalg.norm(oracle_landmarks().point(each["level"]) - each["point_mm"]) < 3
    stages = json.loads((whole / "a_stages.json").read_text())["stages"]
    assert [stage["tasks"] for stage in stages] == [[], ["spine_heatmap"], ["vertebra_heatmaps"], ["vertebra_masks"]]
    assert (whole / "a_heatmap.nii.gz").is_file()


def test_any_stage_runs_again_alone_and_finds_the_same(
    run: Run, scan: Path, models: dict[str, Path], whole: Path, tmp_path: Path
) -> None:
    for task, others in (("vertebra_masks", ()), ("vertebra_heatmaps", ("vertebra_masks",))):
        out = tmp_path / task
        paths = [models[name] for name in (task, *others)]
        outcome = run("measure", scan, *paths, "--from-results", whole, "--output", out)
        assert outcome.code == 0 and "Read from" in outcome.out, outcome.err
        same_map(out / "a_vertebrae.nii.gz", whole / "a_vertebrae.nii.gz")
        assert (out / "a_centroids.mrk.json").read_text() == (whole / "a_centroids.mrk.json").read_text()
        assert set(results(out)["seconds"]) == {task, *others, "reading", "resampling", "writing"}
        assert results(out)["scans"][0]["naming"] == results(whole)["scans"][0]["naming"]
        assert not (out / "a_heatmap.nii.gz").exists() and not (out / "a_stages.json").exists()


def test_a_run_continues_from_intermediate_results(
    run: Run, scan: Path, models: dict[str, Path], whole: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    kept = ("--save-intermediate", "--stop-after", "vertebra_heatmaps")
    outcome = run("measure", scan, *models.values(), "--output", first, *kept)
    assert outcome.code == 0 and not (first / "a_vertebrae.nii.gz").exists()
    assert [model["task"] for model in results(first)["models"]] == ["spine_heatmap", "vertebra_heatmaps"]
    assert {"report.html", "results.csv", "a.png", "a_centroids.json"} <= {path.name for path in first.iterdir()}
    more = ("--from-results", first, "--output", second, "--save-intermediate")
    assert run("measure", scan, models["vertebra_masks"], *more).code == 0
    same_map(second / "a_vertebrae.nii.gz", whole / "a_vertebrae.nii.gz")
    same_map(second / "a_heatmap.nii.gz", whole / "a_heatmap.nii.gz")
    require_error(
        run("measure", scan, models["vertebra_masks"], "--from-results", second, "--output", second), "continue from"
    )


def test_corrected_landmarks_move_the_masks(
    run: Run, scan: Path, models: dict[str, Path], whole: Path, tmp_path: Path
) -> None:
    grid = read_image(scan).grid
    found = read_landmarks(whole / "a_centroids.mrk.json", grid)
    write_markups(found.only(("T12", "L1")), whole / "a_centroids.mrk.json")  # as Slicer saves it, without provenance
    arguments = ("measure", scan, models["vertebra_masks"], "--from-results", whole, "--output", tmp_path / "out")
    require_error(
        run(*arguments), "was changed since it was written (T11 is in one of them only); supply changed landmarks by"
    )
    outcome = run(*arguments, "--landmarks", whole)
    assert outcome.code == 0 and "The landmarks are supplied, not found: a_centroids.mrk.json." in outcome.out
    labels = read_label_map(tmp_path / "out" / "a_vertebrae.nii.gz").voxels
    assert set(np.unique(labels)) == {0, VERSE_IDS["T12"], VERSE_IDS["L1"]}
    assert results(tmp_path / "out")["scans"][0]["naming"] is None


def test_supplied_landmarks_replace_predicted_ones(
    run: Run, scan: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    truth = oracle_landmarks()
    write_landmarks_csv(Landmarks(("T12", "T13"), truth.points_mm[:2]), tmp_path / "given" / "a.csv")
    for place in ("given", "given/a.csv"):
        out = tmp_path / "out"
        requested = ("--landmarks", tmp_path / place, "--output", out)
        outcome = run("measure", scan, models["spine_heatmap"], models["vertebra_masks"], *requested)
        assert outcome.code == 0 and "found: T12, T13" in outcome.out
        labels = read_label_map(out / "a_vertebrae.nii.gz").voxels
        assert set(np.unique(labels)) == {0, VERSE_IDS["T12"], VERSE_IDS["T13"]}
        written = read_landmarks(out / "a_centroids.mrk.json", None)
        np.testing.assert_allclose(written.points_mm, truth.points_mm[:2], atol=1e-3)


def test_instances_start_from_supplied_landmarks_and_have_their_names(
    run: Run, scan: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    model = instances(tmp_path / "instances.h5", level=3)
    write_lml(oracle_landmarks(), tmp_path / "given" / "a.lml", read_image(scan).grid)
    outcome = run("measure", scan, model, "--landmarks", tmp_path / "given", "--output", tmp_path / "out")
    assert outcome.code == 0 and "found: T11, T12, L1, L2" in outcome.out, outcome.err
    assert json.loads((tmp_path / "out" / "a_trail.json").read_text())["start"] == "centroids"


def test_scans_without_landmarks_are_reported(run: Run, scan: Path, models: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(scan.parent, tmp_path / "in")
    shutil.copy(scan, tmp_path / "in" / "b.nii.gz")
    write_lml(oracle_landmarks(), tmp_path / "given" / "b.lml", read_image(scan).grid)
    requested = ("--landmarks", tmp_path / "given", "--output", tmp_path / "out")
    require_error(run("measure", tmp_path / "in", models["vertebra_masks"], *requested), "holds no landmark file of a")
    assert (tmp_path / "out" / "b_vertebrae.nii.gz").is_file()
    assert run("measure", tmp_path / "in", models["vertebra_masks"], *requested, "--skip-errors").code == 0


def test_changed_landmarks_are_measured_again(run: Run, scan: Path, models: dict[str, Path], tmp_path: Path) -> None:
    grid, out = read_image(scan).grid, tmp_path / "out"
    write_lml(oracle_landmarks(), tmp_path / "given" / "a.lml", grid)
    arguments = ("measure", scan, models["vertebra_masks"], "--output", out, "--skip-existing", "--landmarks")
    assert run(*arguments, tmp_path / "given").code == 0
    before = everything(out)
    assert run(*arguments, tmp_path / "given").code == 0
    assert {path: text for path, text in everything(out).items() if path.name.startswith("a")} == {
        path: text for path, text in before.items() if path.name.startswith("a")
    }
    write_lml(oracle_landmarks().only(NAMES[:3]), tmp_path / "given" / "a.lml", grid)
    outcome = run(*arguments, tmp_path / "given")
    assert outcome.code == 0 and "found: T11, T12, L1\n" in outcome.out


def test_wrong_usage_is_reported_in_one_line_and_writes_nothing(
    run: Run, scan: Path, models: dict[str, Path], oracles: list[Path], whole: Path, tmp_path: Path
) -> None:
    write_lml(oracle_landmarks(), tmp_path / "given" / "a.lml", read_image(scan).grid)
    (tmp_path / "none").mkdir()
    masks, given = models["vertebra_masks"], ("--landmarks", tmp_path / "given")
    before = everything(tmp_path)
    for arguments, words in (
        ((masks,), "None of the models finds landmarks"),
        ((masks, "--landmarks", tmp_path / "nowhere"), "no such file or folder of landmarks"),
        ((masks, "--landmarks", tmp_path / "none"), "has no landmark file for any of the scans"),
        ((*oracles, *given), "models that find or name landmarks cannot run"),
        ((*models.values(), *given), "(vertebra_heatmaps)"),
        (given, "must be named"),
        ((masks, *given, "--lowest", "L5"), "are not named by the lowest"),
        ((masks, "--from-results", tmp_path / "nowhere"), "no such folder of results"),
        ((masks, "--from-results", tmp_path / "none"), "--save-intermediate"),
        ((*models.values(), "--from-results", whole), "no findings of a from before spine_heatmap"),
        ((*oracles, "--stop-after", "naming"), "one of the models' tasks, detection, identification"),
        ((*oracles, "--stop-after", "lunch"), "A stage to stop after is a task"),
        (("--stop-after", "naming"), "one of the models' tasks"),
        ((masks, "--from-results", whole, "--output", whole), "continue from"),
        ((masks, *given, "--output", tmp_path / "given", "--landmarks", whole, "--output", whole), "not written over"),
    ):
        requested = arguments if "--output" in arguments else (*arguments, "--output", tmp_path / "out")
        require_error(run("measure", scan, *requested), words)
    requested = ("measure", "--keypoints", tmp_path / "given", "--output", tmp_path / "out")
    for option in (("--stop-after", "naming"), ("--save-intermediate",)):
        require_error(run(*requested, *option), "--keypoints allows no")
    assert everything(tmp_path) == before


def test_replaced_masks_are_predicted_again_from_earlier_findings(
    run: Run, scan: Path, oracles: list[Path], tmp_path: Path
) -> None:
    model = instances(tmp_path / "instances.h5", level=3)
    whole, again = tmp_path / "whole", tmp_path / "again"
    assert run("measure", scan, *oracles, model, "--output", whole, "--save-intermediate").code == 0
    tubes = read_label_map(whole / "stages" / "identification" / "a_vertebrae.nii.gz")
    assert set(np.unique(tubes.voxels)) == {0, *(VERSE_IDS[name] for name in NAMES)}
    assert run("measure", scan, model, "--output", again, "--from-results", whole).code == 0
    same_map(again / "a_vertebrae.nii.gz", whole / "a_vertebrae.nii.gz")
    for name in ("a_centroids.mrk.json", "a_trail.json"):
        assert (again / name).read_text() == (whole / name).read_text()
    assert run("measure", scan, *oracles, "--output", whole).code == 0
    assert not list(whole.rglob("stages/*/*")), "intermediate results of an earlier run are removed"
