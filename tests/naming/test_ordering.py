"""The order along the spine: for any curve and any input order, with false detections beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utility_functions.anatomy.naming.ordering import along_the_spine


def arc(degrees: float, count: int, radius_mm: float, plane: float) -> np.ndarray:
    """Bodies from the top down on an arc with a vertical chord, bent to a side (0) or forwards (90)."""
    angles = np.radians(np.linspace(-degrees / 2, degrees / 2, count))
    sideways, down = radius_mm * np.cos(angles), -radius_mm * np.sin(angles)
    turn = np.radians(plane)
    return np.stack([sideways * np.cos(turn), sideways * np.sin(turn), down], axis=1)


@settings(max_examples=40, deadline=None)
@given(degrees=st.floats(5, 130), count=st.integers(4, 26), plane=st.floats(0, 360), seed=st.integers(0, 1000))
def test_curved_spines_are_sorted_from_the_top_whatever_the_order_given(degrees, count, plane, seed) -> None:
    spine = arc(degrees, count, 25 * count / np.radians(degrees), plane)
    rng = np.random.default_rng(seed)
    given_order = rng.permutation(count)
    places = along_the_spine((spine + rng.normal(size=spine.shape))[given_order])
    assert given_order[places].tolist() == list(range(count))


@pytest.mark.parametrize("outlier", [(120.0, 40.0, -10.0), (-90.0, 0.0, 60.0), (60.0, -80.0, -60.0)])
def test_a_distant_outlier_does_not_change_the_direction_of_the_spine(outlier) -> None:
    spine = arc(50, 9, 300.0, 90)
    points = np.vstack([spine, spine[4] + np.array(outlier)])
    order = [place for place in along_the_spine(points).tolist() if place < len(spine)]
    assert order == list(range(len(spine)))


def test_a_nearly_horizontal_spine_is_sorted_by_its_descent() -> None:
    spine = np.stack([np.zeros(8), -30.0 * np.arange(8), -6.0 * np.arange(8)], axis=1)
    assert along_the_spine(spine).tolist() == list(range(8))


@pytest.mark.parametrize(("points", "order"), [([], []), ([[1, 2, 3]], [0]), ([[0, 0, 0], [30, 0, 9]], [1, 0])])
def test_few_points_are_sorted_by_height(points, order) -> None:
    assert along_the_spine(np.array(points, float).reshape(-1, 3)).tolist() == order


def test_points_all_in_one_place_have_an_order() -> None:
    assert sorted(along_the_spine(np.zeros((5, 3))).tolist()) == list(range(5))
