"""Each vote reaches the nearest named centre, and none where an unnamed vertebra would stand."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.centre_votes import NONE, chosen_centres

NAMES = ("L1", "L3", "L2")
CENTRES = np.array([[0.0, 0.0, 100.0], [0.0, 0.0, 40.0], [0.0, 0.0, 70.0]])


def chosen(*votes: tuple[float, float, float], names=NAMES, centres=CENTRES) -> list[int]:
    return chosen_centres(np.array(votes, float), names, centres).tolist()


def test_votes_reach_the_nearest_centre_in_the_order_of_the_names() -> None:
    assert chosen((0, 0, 101), (3, 2, 45), (0, -4, 68)) == [0, 1, 2]


def test_votes_for_vertebrae_beyond_both_ends_reach_none() -> None:
    assert chosen((0, 0, 126), (0, 0, 14)) == [NONE, NONE]
    assert chosen((0, 0, 114), (0, 0, 26)) == [0, 1]


def test_votes_far_from_every_centre_reach_none() -> None:
    assert chosen((60, 0, 70)) == [NONE]


def test_a_vertebra_that_nobody_named_between_two_takes_its_own_votes() -> None:
    assert chosen((0, 0, 70), names=("L1", "L3"), centres=CENTRES[:2]) == [NONE]


def test_a_single_centre_has_a_usual_reach() -> None:
    assert chosen((0, 0, 105), (0, 0, 117), names=("L1",), centres=CENTRES[:1]) == [0, NONE]


def test_without_centres_no_vote_reaches_any() -> None:
    assert chosen((0, 0, 0), names=(), centres=np.zeros((0, 3))) == [NONE]
