"""The decoder's names for known spines: usual, variants, missed, duplicate, false, truncated, few and none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.naming.brute_force import detected, spine
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.statistics import Statistics

STATISTICS = Statistics()


@pytest.mark.parametrize(
    ("bodies", "variants"),
    [
        pytest.param(spine("C1", "L5"), (), id="a whole usual spine"),
        pytest.param(spine("T8", "L5"), (), id="a usual trunk"),
        pytest.param(spine("T9", "L5", extra=("T13",)), ("T13",), id="T13"),
        pytest.param(spine("T8", "L5", without=("T12",)), ("no T12",), id="no T12"),
        pytest.param(spine("T9", "L6", extra=("L6",)), ("L6",), id="L6"),
        pytest.param(spine("L1", "L6", extra=("L6",)), ("L6",), id="L6 of a lumbar scan"),
        pytest.param(spine("T13", "L4", extra=("T13",)), ("T13",), id="T13 first"),
    ],
)
def test_a_spine_with_clear_evidence_is_named_as_it_is(bodies, variants) -> None:
    naming = decode(detected(bodies, 8.0), STATISTICS)
    assert naming.names == tuple(bodies)
    assert naming.variants == variants
    assert len(naming.interpolated) == 0


def test_a_spine_without_l5_continues_with_the_sacrum() -> None:
    bodies = spine("T10", "L4")
    bodies["S1"] = bodies["L4"] + np.array([0.0, -12.0, -32.0])
    naming = decode(detected(bodies, 8.0), STATISTICS)
    assert naming.names == tuple(bodies)
    assert naming.variants == ("no L5",)


@pytest.mark.parametrize("missed", [("T11",), ("L1", "L2"), ("T9", "L3"), ("T12",)])
def test_missed_levels_are_interpolated_at_their_positions(missed) -> None:
    bodies = spine("T7", "L5")
    naming = decode(detected({name: place for name, place in bodies.items() if name not in missed}, 6.0), STATISTICS)
    assert naming.landmarks.names == tuple(bodies)
    assert naming.interpolated.names == missed
    assert (naming.interpolated.scores == 0).all() and (naming.found.scores > 0).all()
    for name in missed:
        assert np.linalg.norm(naming.landmarks.point(name) - bodies[name]) < 5.0


@pytest.mark.parametrize(
    "false_detection",
    [
        pytest.param((4.0, 3.0, -2.0), id="a double"),
        pytest.param((90.0, 60.0, 5.0), id="beside"),
        pytest.param((-70.0, 0.0, 15.0), id="between two"),
    ],
)
def test_a_false_detection_is_dropped_and_reported(false_detection) -> None:
    bodies = spine("T8", "L5")
    clear = detected(bodies)
    points = np.vstack([clear.points_mm, bodies["L1"] + np.array(false_detection)])
    naming = decode(
        Detections(points, np.vstack([clear.evidence, np.zeros(len(LEVELS))]), np.append(clear.false_evidence, 0.0)),
        STATISTICS,
    )
    assert naming.names == (*bodies, "")
    assert naming.false == (len(bodies),)
    assert naming.posterior[-1, -1] > 0.9


def test_the_order_in_which_detections_are_given_does_not_matter() -> None:
    bodies = spine("C3", "L5")
    clear = detected(bodies)
    order = np.random.default_rng(4).permutation(len(bodies))
    naming, shuffled = decode(clear, STATISTICS), decode(clear.at(order), STATISTICS)
    assert shuffled.names == tuple(naming.names[i] for i in order)
    np.testing.assert_allclose(shuffled.posterior, naming.posterior[order], atol=1e-9)


def test_one_wrong_level_is_corrected() -> None:
    bodies = spine("T8", "L5")
    naming = decode(detected(bodies, levels={"T12": "L1"}), STATISTICS)
    assert naming.names == tuple(bodies)


def test_shifted_evidence_shifts_names_with_a_warning() -> None:
    bodies = spine("T9", "L3")
    levels = {name: LEVELS[LEVELS.index(name) + 1] for name in bodies if name not in ("T12", "T13")} | {"T12": "L1"}
    certain = decode(detected(bodies, 6.0, levels), STATISTICS)
    assert certain.names == tuple(levels[name] for name in bodies)
    both = detected(bodies, 1.0)
    evidence = both.evidence + detected(bodies, 1.0, levels).evidence
    half = decode(Detections(both.points_mm, evidence), STATISTICS.with_inflated_variances(3.0, 3.0))
    assert half.error_probability > 0.1
    assert half.warning() is not None
    assert abs(half.margin) < abs(certain.margin)


def test_a_certain_scan_has_no_warning_and_alternatives_are_ordered() -> None:
    bodies = spine("T8", "L5")
    naming = decode(detected(bodies, 8.0), STATISTICS, alternatives=3)
    assert naming.warning() is None and naming.margin > 5
    assert len(naming.alternatives) == 3
    weights = [weight for _, weight in naming.alternatives]
    assert weights == sorted(weights, reverse=True) and weights[0] <= 0
    assert naming.names not in [names for names, _ in naming.alternatives]


@pytest.mark.parametrize("bodies", [spine("L3", "L3"), spine("T12", "L1"), spine("C1", "C2")])
def test_one_or_two_detections_are_named_by_their_evidence(bodies) -> None:
    naming = decode(detected(bodies, 12.0), STATISTICS)
    assert naming.names == tuple(bodies)


def test_no_detection_gives_an_empty_naming() -> None:
    naming = decode(Detections(np.zeros((0, 3)), np.zeros((0, len(LEVELS)))), STATISTICS)
    assert naming.names == () and len(naming.landmarks) == 0 and naming.warning() is None
    assert naming.posterior.shape == (0, len(LEVELS) + 1)


def test_a_certain_false_positive_gives_no_names() -> None:
    alone = Detections(np.zeros((1, 3)), np.zeros((1, len(LEVELS))), np.array([5.0]), np.array([1.0]))
    naming = decode(alone, STATISTICS)
    assert naming.names == ("",) and naming.posterior[0, -1] > 0.99
    assert naming.shifted == (0.0, 0.0) and naming.warning() is None


def test_evidence_of_a_truncated_vertebra_counts_less() -> None:
    bodies = spine("T10", "L4")
    wrong = detected(bodies, 1.5)
    wrong.evidence[-1] = np.where(np.array(LEVELS) == "L5", 30.0, 0.0)
    cut = np.ones(len(bodies))
    cut[-1] = 0.05
    partly = Detections(wrong.points_mm, wrong.evidence, wrong.false_evidence, visibility=cut)
    assert decode(wrong, STATISTICS).names != tuple(bodies)
    assert decode(partly, STATISTICS).names == tuple(bodies)


def test_posteriors_sum_to_one_and_overwhelming_evidence_stays_finite() -> None:
    bodies = spine("T8", "L5")
    naming = decode(detected(bodies, 1e6, levels={"L2": "C3", "L4": "T4"}), STATISTICS)
    np.testing.assert_allclose(naming.posterior.sum(axis=1), 1.0)
    assert np.isfinite(naming.log_weight) and 0 <= naming.error_probability <= 1


def test_without_a_spread_of_sizes_there_is_one_size() -> None:
    bodies = spine("T8", "L5")
    assert decode(detected(bodies), replace(STATISTICS, size_sd=0.0)).names == tuple(bodies)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points_mm": np.full((2, 3), np.nan)}, "finite"),
        ({"evidence": np.zeros((3, len(LEVELS)))}, "one row"),
        ({"visibility": np.array([0.5, 1.5])}, "fraction"),
        ({"evidence": np.full((2, len(LEVELS)), np.inf)}, "below infinity"),
    ],
)
def test_invalid_detections_are_refused_in_one_sentence(wrong, message) -> None:
    given = {"points_mm": np.zeros((2, 3)), "evidence": np.zeros((2, len(LEVELS))), "false_evidence": np.zeros(2)}
    with pytest.raises(ValueError, match=rf"{message}.*Received: "):
        Detections(**{**given, **wrong})
