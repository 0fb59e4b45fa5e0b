"""Names pass to the vertebrae at the same places, are counted on from there, and keep the doubt of their source."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle import oracle_landmarks
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.passed_names import PassedDoubt, in_order, matched_names, named_by_others
from utility_functions.geometry.landmarks import Landmarks

NAMES = ("T11", "T12", "L1", "L2", "L3", "L4", "L5")
SPINE = oracle_landmarks(NAMES)
NOBODY = np.zeros(len(NAMES), bool)
SEEN = np.ones(len(NAMES))


def test_a_vertebra_has_the_name_of_the_one_at_its_place() -> None:
    moved = SPINE.points_mm + np.array([3.0, -4.0, 5.0])
    assert matched_names(moved, SPINE) == dict(enumerate(NAMES))
    assert matched_names(moved[2:5], SPINE) == {0: "L1", 1: "L2", 2: "L3"}


def test_beyond_half_a_height_nothing_is_the_same() -> None:
    step = float(np.linalg.norm(SPINE.points_mm[3] - SPINE.points_mm[4]))
    assert matched_names(SPINE.points_mm[3:4] - [0, 0, 0.4 * step], SPINE) == {0: "L2"}
    assert matched_names(SPINE.points_mm[6:] - [0, 0, 0.6 * step], SPINE) == {}
    assert matched_names(SPINE.points_mm + np.array([40.0, 0, 0]), SPINE) == {}
    assert matched_names(np.zeros((0, 3)), SPINE) == {} and matched_names(SPINE.points_mm, Landmarks.empty()) == {}


def test_two_at_one_place_do_not_both_get_its_name() -> None:
    twice = np.concatenate([SPINE.points_mm[2:3], SPINE.points_mm[2:3] + np.array([0, 0, 6.0])])
    assert matched_names(twice, SPINE) == {0: "L1"}


def test_names_in_another_order_do_not_fit() -> None:
    assert in_order(SPINE.points_mm, {0: "T11", 3: "L2"}) and in_order(SPINE.points_mm, {})
    assert not in_order(SPINE.points_mm, {0: "L2", 3: "T11"}) and not in_order(SPINE.points_mm, {0: "L2", 3: "L2"})


@pytest.mark.parametrize("known", [{0: "T11"}, {3: "L2"}, {6: "L5"}, {2: "L1", 3: "L2"}, dict(enumerate(NAMES))])
def test_the_others_are_counted_on(known: dict[int, str]) -> None:
    naming = named_by_others(SPINE.points_mm, SEEN, known, NOBODY, PassedDoubt(), scan_statistics())
    assert naming.names == NAMES and naming.error_probability < 0.1


def test_the_names_are_those_that_pass_and_not_the_usual_ones() -> None:
    cervical = dict(enumerate(("L1", "L2")))  # at distances of T11 and T12
    naming = named_by_others(SPINE.points_mm[:2], SEEN[:2], cervical, NOBODY[:2], PassedDoubt(), scan_statistics())
    assert naming.names == ("L1", "L2") and naming.false == ()


def test_a_vertebra_that_the_other_scan_missed_is_counted_in_between() -> None:
    known = {place: name for place, name in enumerate(NAMES) if name != "L1"}
    naming = named_by_others(SPINE.points_mm, SEEN, known, NOBODY, PassedDoubt(), scan_statistics())
    assert naming.names == NAMES


def test_one_that_both_missed_is_interpolated() -> None:
    kept = [0, 1, 3, 4]
    known = {0: "T11", 1: "T12", 2: "L2", 3: "L3"}
    naming = named_by_others(SPINE.points_mm[kept], SEEN[:4], known, NOBODY[:4], PassedDoubt(), scan_statistics())
    assert naming.names == ("T11", "T12", "L2", "L3") and naming.interpolated.names == ("L1",)


def test_the_sacrum_below_the_last_name_stays_a_sacrum() -> None:
    spine = oracle_landmarks(("L3", "L4", "L5", "S1"))
    sacral = np.array([False, False, False, True])
    naming = named_by_others(spine.points_mm, SEEN[:4], {0: "L3"}, sacral, PassedDoubt(), scan_statistics())
    assert naming.names == ("L3", "L4", "L5", "S1")


def test_the_doubt_of_the_source_stays_with_its_names() -> None:
    known = dict(enumerate(NAMES))
    sure = named_by_others(SPINE.points_mm, SEEN, known, NOBODY, PassedDoubt(), scan_statistics())
    doubt = PassedDoubt(0.4, (0.3, 0.05))
    found = named_by_others(SPINE.points_mm, SEEN, known, NOBODY, doubt, scan_statistics())
    assert found.names == sure.names and sure.error_probability < 1e-6
    assert found.error_probability == pytest.approx(0.4, abs=1e-6)
    assert found.shifted == pytest.approx((0.3, 0.05), abs=1e-6) and "rather upwards" in (found.warning() or "")
    np.testing.assert_allclose(found.found.scores, 0.6, atol=1e-6)
    assert found.margin == pytest.approx(np.log(0.6 / 0.3), abs=1e-5)
    assert (found.posterior.sum(axis=1) <= 1 + 1e-9).all() and (found.posterior >= 0).all()


def test_doubtful_names_that_pass_are_ranges() -> None:
    doubt = PassedDoubt(0.7, (0.6, 0.1))
    known = dict(enumerate(NAMES))
    found = named_by_others(SPINE.points_mm, SEEN, known, NOBODY, doubt, scan_statistics())
    upper, lower = found.ranges["L3"]
    assert (upper, lower) in {("L2", "L3"), ("L2", "L4")}
