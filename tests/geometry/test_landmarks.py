"""Landmarks: content, validation and selection."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.geometry.landmarks import Landmarks

SPINE = Landmarks(("T12", "L1", "L2"), [(0, 0, 70), (0, 1, 35), (0, 2, 0)], [0.9, 0.8, 0.7])  # type: ignore[arg-type]


def test_each_point_bears_its_name_and_score() -> None:
    assert len(SPINE) == 3
    assert [name for name, _ in SPINE] == ["T12", "L1", "L2"]
    np.testing.assert_array_equal(SPINE.point("L1"), (0, 1, 35))
    assert "L1" in SPINE
    assert "L3" not in SPINE
    np.testing.assert_array_equal(Landmarks(("L1",), [(0, 0, 0)]).scores, [1.0])  # type: ignore[arg-type]


def test_a_selection_keeps_points_and_scores() -> None:
    picked = SPINE.only({"L2", "T12", "S1"})
    assert picked.names == ("T12", "L2")
    np.testing.assert_array_equal(picked.points_mm, [(0, 0, 70), (0, 2, 0)])
    np.testing.assert_array_equal(picked.scores, [0.9, 0.7])
    turned = SPINE.at([2, 0])
    assert turned.names == ("L2", "T12")
    np.testing.assert_array_equal(turned.scores, [0.7, 0.9])
    assert len(SPINE.at([])) == len(SPINE.only([])) == 0


def test_empty_landmarks_work() -> None:
    for none in (Landmarks.empty(), Landmarks((), []), Landmarks((), np.zeros((0, 3)))):  # type: ignore[arg-type]
        assert len(none) == 0
        assert none.points_mm.shape == (0, 3)
        assert none.scores.shape == (0,)


def test_many_points_may_lack_a_name() -> None:
    assert Landmarks(("", "", "L1"), np.zeros((3, 3))).names == ("", "", "L1")


@pytest.mark.parametrize(
    ("names", "points_mm", "scores", "message"),
    [
        (("L1", "L2"), [(0, 0, 0)], None, "2 names, 1 points"),
        (("L1",), [(0, 0, 0)], [0.5, 0.5], r"1 points, \(2,\) scores"),
        (("L1",), [(0, 0, np.nan)], None, "finite positions in mm. Received: .*nan"),
        (("L1",), [(0, np.inf, 0)], None, "finite positions"),
        (("L1", "L2", "L1"), np.zeros((3, 3)), None, "Received twice: L1"),
        (("L1", "L2"), np.zeros((3, 2)), None, r"Received: an array of \(3, 2\)"),  # six numbers, but not two points
        (("L1", "L2"), np.zeros(6), None, r"Received: an array of \(6,\)"),
    ],
)
def test_landmarks_that_do_not_fit_are_refused(names: object, points_mm: object, scores: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Landmarks(names, points_mm, scores)  # type: ignore[arg-type]


def test_an_unknown_name_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"among T12, L1, L2. Received: 'L4'"):
        SPINE.point("L4")


def test_landmarks_copy_their_points() -> None:
    points = np.zeros((1, 3))
    landmarks = Landmarks(("L1",), points)
    points[0, 0] = 9
    assert landmarks.points_mm[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        landmarks.points_mm[0, 0] = 9
