"""Landmark files to be named, their truth, and unusable files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from utility_functions.files.annotations import write_landmarks_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.keypoint_files import find_keypoint_files, read_detected
from utility_functions.files.provenance import GENERATOR, is_prediction
from utility_functions.geometry.landmarks import Landmarks

POINTS = Landmarks(("L1", "L2"), [(1, 2, 3), (1, 2, -30)])


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_landmarks_json(POINTS, path)
    return path


def test_truth_lies_in_a_folder_beside_the_predictions(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / "predictions" / f"{name}.json")
    truth = write(tmp_path / "truth" / "a.json")
    for source in (tmp_path, tmp_path / "predictions"):
        first, second = find_keypoint_files(source)
        assert (first.case_id, first.truth_path, second.truth_path) == ("a", truth, None)
    (alone,) = find_keypoint_files(tmp_path / "predictions" / "a.json")
    assert alone.truth_path == truth


def test_a_folder_of_keypoints_is_read_without_written_results(tmp_path: Path) -> None:
    write(tmp_path / "a.json")
    truth = write(tmp_path / "truth" / "a.json")
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "picture.png").write_bytes(b"x")
    write_landmarks_json(POINTS, tmp_path / "a_centroids.json", GENERATOR, ("L2",))
    assert is_prediction(tmp_path / "a_centroids.json")
    (found,) = find_keypoint_files(tmp_path)
    assert (found.case_id, found.truth_path) == ("a", truth)


def test_written_files_are_read_again_with_their_provenance(tmp_path: Path) -> None:
    path = tmp_path / "a_centroids.json"
    write_landmarks_json(POINTS, path, GENERATOR, ("L2",))
    assert [entry.get("interpolated") for entry in json.loads(path.read_text())] == [None, True]
    assert read_detected(path).names == ("L1", "L2")


@pytest.mark.parametrize("what", ["nowhere", "empty", "twice"])
def test_unusable_keypoints_are_reported_in_one_sentence(tmp_path: Path, what: str) -> None:
    folder = tmp_path / what
    if what != "nowhere":
        folder.mkdir()
    if what == "twice":
        write(folder / "a.json")
        (folder / "a.csv").write_text("name,x,y,z\nL1,0,0,0\n")
    with pytest.raises(BrokenFile, match=what):
        find_keypoint_files(folder)


def test_every_format_gives_bodies_and_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,x,y,z\nL1,1,2,3\n,1,2,-30\n")
    detected = read_detected(tmp_path / "a.csv")
    assert detected.names == ("L1", "") and np.isnan(detected.probabilities).all() and len(detected.left_mm) == 0
    (tmp_path / "none.json").write_text("[]")
    assert read_detected(tmp_path / "none.json").names == ()
    (tmp_path / "verse.json").write_text('[{"direction": ["P", "I", "R"]}, {"label": 20, "X": 1, "Y": 2, "Z": 3}]')
    with pytest.raises(BrokenFile, match="without their scan"):
        read_detected(tmp_path / "verse.json")
