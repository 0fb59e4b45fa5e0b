"""A phantom data set on disk: the same for any number of workers, readable, and one line about invalid arguments."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files import phantom_dataset as writing
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.cases import load_scan
from utility_functions.files.images import read_image, read_label_map
from utility_functions.files.manifest import find_cases, read_manifest
from utility_functions.files.phantom_dataset import split_names, write_phantoms
from utility_functions.phantom import scanner
from utility_functions.phantom.__main__ import main
from utility_functions.phantom.tissue import TISSUES


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "new"
    write_phantoms(folder, 2, seed=3, workers=1, region="cervical")
    return folder


def test_the_files_do_not_depend_on_the_number_of_workers(data_set: Path, tmp_path: Path) -> None:
    write_phantoms(tmp_path, 2, seed=3, workers=2, region="cervical")
    files = sorted(path.name for path in data_set.iterdir())
    assert files == sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 11
    for name in files:
        if name.endswith(".nii.gz"):
            one, other = read_image(data_set / name), read_image(tmp_path / name)
            assert np.array_equal(one.voxels, other.voxels)
            assert np.array_equal(one.grid.affine, other.grid.affine)
        else:
            assert (data_set / name).read_bytes() == (tmp_path / name).read_bytes()


def test_both_landmark_files_say_the_same_as_the_phantom(data_set: Path) -> None:
    seed = np.random.SeedSequence(3).spawn(2)[0]
    truth = scanner.make_phantom(np.random.default_rng(seed), region="cervical").landmarks
    grid = read_image(data_set / "phantom000.nii.gz").grid
    for file in ("phantom000.lml", "phantom000_centroids.json"):
        read = read_landmarks(data_set / file, grid)
        assert read.names == truth.names
        assert np.abs(grid.to_index(read.points_mm) - grid.to_index(truth.points_mm)).max() < 0.1


def test_the_manifest_leads_to_the_files(data_set: Path) -> None:
    cases = read_manifest(data_set / "manifest.csv")
    assert [case.case_id for case in cases] == ["phantom000", "phantom001"]
    assert sorted(case.split for case in cases) == ["training", "validation"]
    for case in cases:
        assert case.image_path.is_file()
        assert case.label_map_path is not None and case.label_map_path.is_file()
        assert case.landmarks_path is not None and case.landmarks_path.is_file()
        scan = load_scan(case, tissues=True)
        assert scan.tissues is not None and scan.tissues.grid.same_as(scan.volume.grid)
        assert load_scan(case, annotations=False).tissues is None, "tissues are made only on request"


def test_the_tissue_maps_hold_the_codes_of_the_phantom(data_set: Path) -> None:
    seed = np.random.SeedSequence(3).spawn(2)[0]
    truth = scanner.make_phantom(np.random.default_rng(seed), region="cervical").tissues
    assert np.array_equal(read_label_map(data_set / "phantom000_tissues.nii.gz").voxels, truth.voxels)
    assert truth.voxels.max() < len(TISSUES)


def test_without_the_manifest_a_tissue_map_is_neither_a_scan_nor_a_mask(data_set: Path, tmp_path: Path) -> None:
    for path in data_set.glob("phantom000*"):
        shutil.copy(path, tmp_path)
    (case,) = find_cases(tmp_path)
    assert case.label_map_path == tmp_path / "phantom000_labels.nii.gz"
    assert case.tissue_path == tmp_path / "phantom000_tissues.nii.gz" and case.has_tissues


@pytest.mark.parametrize(
    ("scans", "training", "validation", "testing"),
    [(1, 1, 0, 0), (2, 1, 1, 0), (3, 1, 1, 1), (4, 2, 1, 1), (12, 7, 2, 3), (40, 24, 6, 10)],
)
def test_splits_have_their_fractions(scans: int, training: int, validation: int, testing: int) -> None:
    splits = split_names(scans, seed=1)
    assert [splits.count(name) for name in ("training", "validation", "testing")] == [training, validation, testing]


@pytest.mark.parametrize("split", ["training", "validation", "testing"])
def test_all_scans_may_be_of_one_split(split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_write_scan", lambda *job: None)
    assert main([str(tmp_path), "--scans", "3", "--split", split, "--workers", "1"]) == 0
    rows = (tmp_path / "manifest.csv").read_text().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == [split] * 3


def test_an_interrupted_run_leaves_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def interrupted(*job: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "manifest.csv").write_text("of an earlier run")
    monkeypatch.setattr(writing, "_write_scan", interrupted)
    assert main([str(tmp_path), "--scans", "1"]) == 130
    assert "Interrupted" in capsys.readouterr().err
    assert not (tmp_path / "manifest.csv").exists()


def test_other_files_in_the_folder_are_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = lambda rng, name, region, kind: scanner.make_phantom(rng, name, region, 5.0, kind=kind)  # noqa: E731
    monkeypatch.setattr(writing, "make_phantom", coarse)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "phantom000.lml").write_text("old")
    paths = write_phantoms(tmp_path, 1, seed=0, workers=1, region="lumbar")
    assert paths == [tmp_path / "phantom000.nii.gz"]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "phantom000.lml").read_text() != "old"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scans", "0"],
        ["--scans", "many"],
        ["--seed", "-1"],
        ["--workers", "0"],
        ["--region", "tail"],
        ["--split", "test"],
    ],
)
def test_bad_arguments_end_with_code_2(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    try:
        code = main([str(tmp_path / "out"), *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    place = tmp_path / "file"
    place.write_text("here first")
    assert main([str(place), "--scans", "1"]) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert place.read_text() == "here first"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "file").write_text("here first")
    assert main([str(tmp_path / "file" / "inside"), "--scans", "1"]) == 2
    assert "cannot be written" in capsys.readouterr().err
