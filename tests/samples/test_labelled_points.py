"""Labels give of every level its position, its absence, or nothing; and how much of a scan they cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.samples.cut.labelled_points import STEPS_SHOWN, known_levels, labelled_points
from learning_functions.spec import AIR_HU, Spec
from tests.tiny import phantom
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.landmarks import Landmarks

SPEC = Spec((4.0, 4.0, 4.0), "RAS", (16, 16, 16), 1, ("L1",))


@pytest.mark.parametrize(
    ("names", "unknown"),
    [
        (("T10", "T11", "T12"), {"T9", "L1", "T13"}),
        (("T12", "L1", "L2"), {"T11", "L3"}),  # a T13 would lie between
        (("C1", "C2"), {"C3"}),
        (("L3", "L4", "L5"), {"L2", "S1", "S2"}),  # an L6 would have a label
        (("L5", "S1", "S2"), {"L4"}),
        (("L4", "S1"), {"L3", "S2"}),  # no L5
        (("T10", "L2"), {"T9", "T11", "T12", "T13", "L1", "L3"}),  # labels are missing between
        (("T11", "L1"), {"T10", "L2"}),  # no T12
        (LEVELS, set()),
    ],
)
def test_possibly_unlabelled_levels_are_unknown(names: tuple[str, ...], unknown: set[str]) -> None:
    known = known_levels(names)
    assert {level for level, is_known in zip(LEVELS, known, strict=True) if not is_known} == unknown
    np.testing.assert_array_equal(known_levels(names[::-1]), known)


def scan_with(names: set[str], seed: int = 3, axcodes: str | None = None) -> Scan:
    made = phantom(seed, axcodes)
    return Scan(Case("case", Path("nowhere.nii.gz")), made.volume, made.landmarks.only(names))


@pytest.mark.parametrize("axcodes", ["RAS", "PIR", "LSA"])
def test_points_lie_where_the_landmarks_are(axcodes: str) -> None:
    scan = scan_with({"L2", "L3", "L4"}, axcodes=axcodes)
    found = labelled_points(scan, SPEC)
    assert found.points.shape == (len(LEVELS), 3)
    is_known = np.isfinite(found.points).all(axis=1)
    assert {level for level, there in zip(LEVELS, is_known, strict=True) if there} == {"L2", "L3", "L4"}
    for name, point in scan.landmarks or ():
        np.testing.assert_allclose(found.image.grid.to_mm(found.points[LEVELS.index(name)]), point, atol=1e-6)


def test_a_scan_is_cropped_within_one_vertebra_of_its_labels() -> None:
    scan = scan_with({"L2", "L3"})
    assert scan.landmarks is not None
    found = labelled_points(scan, SPEC)
    low, high = (found.image.grid.to_mm((0, 0, z))[2] for z in (0, found.image.grid.shape[2] - 1))
    assert high - scan.landmarks.point("L2")[2] == pytest.approx(STEPS_SHOWN * STEP_MM["L1", "L2"], abs=6)
    assert scan.landmarks.point("L3")[2] - low == pytest.approx(STEPS_SHOWN * STEP_MM["L3", "L4"], abs=6)


def test_below_the_last_lumbar_vertebra_the_scan_stays() -> None:
    whole = labelled_points(scan_with(set(LEVELS)), SPEC).image.grid
    lumbar = labelled_points(scan_with({"L3", "L4", "L5"}), SPEC).image.grid
    assert lumbar.to_mm((0, 0, 0))[2] == pytest.approx(whole.to_mm((0, 0, 0))[2])
    assert lumbar.shape[2] < whole.shape[2]


def test_a_scan_without_a_landmark_inside_is_refused() -> None:
    scan = scan_with({"L3"})
    away = Landmarks(("L3",), [[9999.0, 0, 0]])
    with pytest.raises(ValueError, match="No vertebra lies inside"):
        labelled_points(Scan(scan.case, scan.volume, away), SPEC)
    with pytest.raises(ValueError, match="no annotation"):
        labelled_points(Scan(scan.case, scan.volume), SPEC)


def test_single_labels_are_enough() -> None:
    found = labelled_points(scan_with({"L3"}), SPEC)
    assert np.isfinite(found.points).all(axis=1).sum() == 1
    assert found.image.voxels.dtype == np.int16 and found.image.voxels.min() >= AIR_HU
