"""Cases of keypoints without images: pairs by name, patients by their bodies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate.generation import samples_of_case
from learning_functions.task import load_task, settings_of
from tests.keypoint_files import write
from tests.naming.brute_force import spine
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import NO_IMAGE, load_scan
from utility_functions.files.keypoint_cases import keypoint_cases
from utility_functions.files.manifest import find_cases, split_by_patient


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    levels = spine("T11", "L5")
    write(tmp_path, "a", levels)
    write(tmp_path, "b", levels, 1.1)
    write(tmp_path, "c", {name: point + np.array([5.0, 60.0, -80.0]) for name, point in levels.items()})
    return tmp_path


def test_pairs_are_cases_and_scans_spaced_alike_one_patient(folder: Path) -> None:
    (folder / "predictions" / "alone.json").write_text("[]")
    cases = find_cases(folder)
    assert [case.case_id for case in cases] == ["a", "b", "c"]
    assert [case.patient for case in cases] == ["a", "b", "a"]
    assert not any(case.has_image for case in cases)
    kept, held_out = split_by_patient(cases, 0.5, 1)
    assert not {case.patient for case in kept} & {case.patient for case in held_out}


def test_a_case_of_keypoints_is_read_without_an_image(folder: Path) -> None:
    scan = load_scan(find_cases(folder)[0])
    assert scan.volume is NO_IMAGE and scan.keypoints is not None and scan.landmarks is not None
    assert scan.landmarks.names == tuple(spine("T11", "L5"))
    np.testing.assert_allclose(scan.keypoints.bodies_mm[::-1], list(spine("T11", "L5").values()))


def test_a_task_that_needs_the_image_says_so(folder: Path) -> None:
    case = find_cases(folder)[0]
    found = samples_of_case("detection", case, settings_of(load_task("detection"), "small"), 1)
    assert found.problem == "There is no image, only keypoints." and not found.samples


def test_a_broken_file_is_named_when_samples_are_cut(folder: Path) -> None:
    (folder / "truth" / "b.json").write_text("{")
    cases = find_cases(folder)
    found = samples_of_case("naming", cases[1], settings_of(load_task("naming"), "small"), 1)
    assert "b" in found.problem and not found.samples
    assert samples_of_case("naming", cases[0], settings_of(load_task("naming"), "small"), 1).samples


def test_no_pair_is_no_data_set(tmp_path: Path) -> None:
    write(tmp_path, "a", spine("L1", "L5"))
    (tmp_path / "truth" / "a.json").rename(tmp_path / "truth" / "b.json")
    with pytest.raises(BrokenFile, match="bear the name"):
        keypoint_cases(tmp_path)
