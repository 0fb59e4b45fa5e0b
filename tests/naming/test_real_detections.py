"""Real detections (VID) named by statistics of other scans, and the experiment that measures it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments import naming_vid
from experiments.real_cases import VARIABLE, real_folder
from tests.naming.brute_force import spine
from utility_functions.anatomy.naming.statistics_fit import Example, fit
from utility_functions.geometry.landmarks import Landmarks


@pytest.mark.real
def test_real_detections_are_mostly_named_right_by_statistics_of_other_scans() -> None:
    try:
        scans = naming_vid.examples(real_folder() / "vid", 16)
    except NotADirectoryError as error:
        pytest.skip(str(error))
    if not scans:
        pytest.skip("The VID keypoints are not among the real scans.")
    statistics = fit(scans[::2]).with_inflated_variances(1.6, 3.5)
    results = [naming_vid.scored(scan, naming_vid.name(scan, statistics)) for scan in scans[1:40:2]]
    assert np.concatenate([each.hits[each.detected] for each in results]).mean() > 0.85


def test_scans_spaced_alike_are_one_patients() -> None:
    def scan(points: np.ndarray) -> Example:
        return Example(points, Landmarks(names, points))

    names = tuple(spine("T10", "L5"))
    points = np.array(list(spine("T10", "L5").values()))
    other = points * 1.1
    patients = naming_vid.patients([scan(points), scan(other), scan(points + np.array([40.0, 5.0, -90.0]))])
    assert patients[0] == patients[2] != patients[1]


@pytest.mark.parametrize(
    ("predicted", "true", "shift"),
    [("L1", "T12", 1), ("T11", "T12", -1), ("L1", "T13", 0), ("S1", "L5", 1), ("L2", "L2", 0)],
)
def test_shifts_are_counted_down_a_usual_spine(predicted, true, shift) -> None:
    assert naming_vid.rank(predicted) - naming_vid.rank(true) == shift


def test_without_the_data_the_experiment_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert naming_vid.main([]) == 2
    assert "scans" in capsys.readouterr().err
