"""Centres of votes as a column: off the column nothing weak stays, and halves of one vertebra become one."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.cluster_chain import in_column, joined_halves

COLUMN = np.array([[0.0, 3.0 * place, -36.0 * place] for place in range(6)])


def test_weak_centres_off_the_column_and_very_weak_ones_within_it_are_left_out() -> None:
    centres = np.concatenate([COLUMN[:3], [[0.0, -60.0, -80.0], [0.0, 8.0, -88.0]], COLUMN[3:]])
    volumes = np.array([40.0, 42.0, 44.0, 12.0, 2.0, 46.0, 48.0, 50.0])
    assert in_column(centres, volumes).tolist() == [True] * 3 + [False] * 2 + [True] * 3


def test_a_small_body_at_either_end_stays() -> None:
    volumes = np.array([3.0, 40.0, 40.0, 40.0, 40.0, 2.0])
    assert in_column(COLUMN, volumes).all()
    assert in_column(COLUMN[:2], volumes[:2]).all()


def test_halves_become_one_at_the_middle_of_their_volumes() -> None:
    halves = COLUMN[2] + np.array([[0.0, 0.0, 6.0], [0.0, 0.0, -6.0]])
    centres = np.concatenate([COLUMN[:2], halves, COLUMN[3:]])
    joined = joined_halves(centres, np.array([40.0, 40.0, 20.0, 20.0, 40.0, 40.0, 40.0]))
    np.testing.assert_allclose(joined, COLUMN)


def test_neighbours_of_growing_distance_stay_apart() -> None:
    neck = np.array([[0.0, 0.0, -z] for z in np.cumsum([0.0, 17.0, 18.0, 17.0, 20.0, 21.0, 24.0, 30.0, 36.0])])
    np.testing.assert_allclose(joined_halves(neck, np.ones(9)), neck)
