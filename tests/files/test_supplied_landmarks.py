"""Landmarks supplied for a scan are found by its id in any format, and two files that differ are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files.annotations import (
    write_landmarks_csv,
    write_landmarks_json,
    write_lml,
    write_markups,
    write_verse_json,
)
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.provenance import GENERATOR
from utility_functions.files.supplied_landmarks import difference, read_supplied_landmarks, supplied_files
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

GRID = Grid.from_spacing((20, 22, 60), (2.0, 2.0, 3.0), axcodes="PIR")
FOUND = Landmarks(("T12", "L1", "S2"), GRID.to_mm([(5.2, 10, 50.3), (6, 11.1, 40), (7, 12, 20)]))
MOVED = Landmarks(FOUND.names, FOUND.points_mm + np.array([[0, 0, 0], [0, 3, 4], [0, 0, 0]]))

FORMATS: dict[str, Callable[[Landmarks, Path], None]] = {
    "scan.lml": lambda landmarks, path: write_lml(landmarks, path, GRID),
    "scan.csv": write_landmarks_csv,
    "scan.json": write_landmarks_json,
    "scan.mrk.json": write_markups,
    "scan_ctd.json": lambda landmarks, path: write_verse_json(landmarks, path, GRID),
    "scan_centroids.json": lambda landmarks, path: write_verse_json(landmarks, path, GRID, GENERATOR),
    "scan_centroids.mrk.json": lambda landmarks, path: write_markups(landmarks, path, GENERATOR),
}


def ours(folder: Path, landmarks: Landmarks = FOUND) -> None:
    """Both files of centroids as measure.py writes them."""
    for name in ("scan_centroids.json", "scan_centroids.mrk.json"):
        FORMATS[name](landmarks, folder / name)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_by_the_scan_s_id(name: str, tmp_path: Path) -> None:
    FORMATS[name](FOUND, tmp_path / name)
    FORMATS[name](MOVED, tmp_path / name.replace("scan", "scan2"))
    for place in (tmp_path, tmp_path / name):
        landmarks, path = read_supplied_landmarks(place, "scan", GRID)
        assert path == tmp_path / name and difference(landmarks, FOUND) == ""


def test_files_of_bids_names_are_found_too(tmp_path: Path) -> None:
    FORMATS["scan_ctd.json"](FOUND, tmp_path / "sub-verse014_seg-subreg_ctd.json")
    assert supplied_files(tmp_path, "sub-verse014_ct") == [tmp_path / "sub-verse014_seg-subreg_ctd.json"]


def test_what_else_a_run_writes_is_no_landmark_file(tmp_path: Path) -> None:
    for ending in ("findings", "stages", "trail", "candidates"):
        (tmp_path / f"scan_{ending}.json").write_text(f'{{"generator": "{GENERATOR}"}}')
    assert supplied_files(tmp_path, "scan") == []
    with pytest.raises(BrokenFile, match=r"holds no landmark file of scan \(.lml, .json, .csv\)"):
        read_supplied_landmarks(tmp_path, "scan", GRID)


def test_both_files_of_a_run_agree(tmp_path: Path) -> None:
    ours(tmp_path)
    landmarks, _ = read_supplied_landmarks(tmp_path, "scan", GRID)
    assert difference(landmarks, FOUND) == ""


def test_files_of_other_programs_take_precedence(tmp_path: Path) -> None:
    ours(tmp_path)
    write_markups(MOVED, tmp_path / "scan_centroids.mrk.json")  # Slicer drops the provenance
    landmarks, path = read_supplied_landmarks(tmp_path, "scan", GRID)
    assert path.name == "scan_centroids.mrk.json" and difference(landmarks, MOVED) == ""


def test_two_files_that_differ_are_refused(tmp_path: Path) -> None:
    ours(tmp_path)
    FORMATS["scan_centroids.mrk.json"](MOVED, tmp_path / "scan_centroids.mrk.json")
    with pytest.raises(BrokenFile, match=r"centroids.json and .*tell different landmarks \(L1 by 5.0 mm\)"):
        read_supplied_landmarks(tmp_path, "scan", GRID)
    (tmp_path / "scan_centroids.json").unlink()
    assert difference(read_supplied_landmarks(tmp_path, "scan", GRID)[0], MOVED) == ""


def test_points_without_names_are_refused(tmp_path: Path) -> None:
    write_landmarks_csv(Landmarks(("L1", ""), FOUND.points_mm[:2]), tmp_path / "scan.csv")
    with pytest.raises(BrokenFile, match="bears no level"):
        read_supplied_landmarks(tmp_path, "scan", GRID)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (FOUND, ""),
        (FOUND.only(("T12", "L1")), ""),  # S2 has no VerSe id
        (FOUND.only(("L1", "S2")), "T12 is in one of them only"),
        (MOVED, "L1 by 5.0 mm"),
        (Landmarks(FOUND.names, FOUND.points_mm + 0.05), ""),
        (Landmarks.empty(), "T12 is in one of them only"),
    ],
)
def test_differences_in_words(other: Landmarks, words: str) -> None:
    assert difference(FOUND, other) == difference(other, FOUND) == words
