"""Levels at the ends of the detected spine, from pedicles whose body was not detected."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from utility_functions.anatomy.naming.pedicle_places import read_places
from utility_functions.anatomy.naming.undetected_bodies import beyond_the_ends
from utility_functions.geometry.landmarks import Landmarks

STEP_MM = 33.0
LUMBAR = np.array([0.02, 0.03, 0.95])
NAMES = ("L1", "L2", "L3", "L4")
BEHIND, ASIDE, HIGHER = 25.0, 13.0, 6.0


def spine(count: int) -> NDArray[np.float64]:
    """Bodies (count, 3) from the top down, straight."""
    return np.array([0.0, 0.0, -STEP_MM]) * np.arange(count)[:, None]


def pedicles(bodies: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return bodies + np.array([-ASIDE, -BEHIND, HIGHER]), bodies + np.array([ASIDE, -BEHIND, HIGHER])


def placed_levels(first: int, last: int, names: tuple[str, ...] = NAMES, **moved: NDArray[np.float64]) -> Landmarks:
    """The levels placed where only bodies ``first`` to ``last`` - 1 of six were detected, with all pedicles."""
    bodies = spine(6)
    left, right = pedicles(bodies)
    left, right = moved.get("left", left), moved.get("right", right)
    found = Landmarks(names[: last - first], bodies[first:last])
    return beyond_the_ends(found, np.tile(LUMBAR, (last - first, 1)), left, right, read_places(None))


def test_levels_above_and_below_are_placed_by_their_pedicles() -> None:
    more = placed_levels(1, 5)
    assert more.names == ("T12", "L5") and not more.scores.any()
    assert np.linalg.norm(more.points_mm - spine(6)[[0, 5]], axis=1).max() < 10


def test_no_level_is_placed_between_bodies_or_without_pedicles() -> None:
    assert len(placed_levels(0, 6, ("T12", "L1", "L2", "L3", "L4", "L5"))) == 0
    left, right = pedicles(spine(6)[1:5])
    assert len(placed_levels(1, 5, left=left, right=right)) == 0
    none = np.zeros((0, 3))
    assert len(placed_levels(1, 5, left=none, right=none)) == 0


@pytest.mark.parametrize("moved_mm", [(0.0, 0.0, 20.0), (60.0, 0.0, 0.0)])
def test_pedicles_of_different_vertebrae_place_no_level(moved_mm: tuple[float, float, float]) -> None:
    left, right = pedicles(spine(6))
    right[0] += moved_mm
    assert placed_levels(1, 5, left=left, right=right).names == ("L5",)


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("L2", "L3", "L4", "L5"), ("L1",)),  # the sacrum begins
        (("L3", "L4", "L5", "L6"), ("L2",)),
        (("C2", "C3", "C4", "C5"), ("C6",)),  # C1 has no body
        (("T13", "L1", "L2", "L3"), ("T12", "L4")),
        (("T10", "T11", "T12", "T13"), ("T9", "L1")),
        (("S1", "S1", "S1", "S1")[:1], ()),
    ],
)
def test_levels_continue_as_in_a_usual_spine(names: tuple[str, ...], more: tuple[str, ...]) -> None:
    assert placed_levels(1, 1 + len(names), names).names == more


def test_no_detections_place_no_level() -> None:
    left, right = pedicles(spine(2))
    assert len(beyond_the_ends(Landmarks.empty(), np.zeros((0, 3)), left, right, read_places(None))) == 0
