"""Identification rates by hand: small tables of levels and heights."""

import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.scan_scores import distances_by_level, summarise
from utility_functions.geometry.landmarks import Landmarks


def column(**heights_mm: float) -> Landmarks:
    """Landmarks on one vertical line; "_" stands for a point without a name."""
    names = tuple("" if name == "_" else name for name in heights_mm)
    return Landmarks(names, [(0.0, 0.0, z) for z in heights_mm.values()])


TRUE = column(L1=0, L2=-34, L3=-70)

# predicted, hits by VerSe's rule, hits by the original's rule, found
CASES = {
    "all right": (column(L1=1, L2=-34, L3=-72), "L1 L2 L3", "L1 L2 L3", "L1 L2 L3"),
    "shifted by one": (column(T12=0, L1=-34, L2=-70), "", "", "L1 L2 L3"),
    "nothing predicted": (Landmarks.empty(), "", "", ""),
    "none in common": (column(C3=500), "", "", ""),
    "at the limit": (column(L1=20, L2=-34, L3=-90), "L1 L2 L3", "L1 L2 L3", "L1 L2 L3"),
    "beyond the limit": (column(L1=20.1, L2=-34), "L2", "L2", "L2"),
    # L2 lies at 18 mm from its own centroid but at 16 mm from L1's: VerSe refuses it.
    # For the original, L1's nearest is its own, and L2's nearest is L2.
    "nearer to a neighbour": (column(L1=0, L2=-16, L3=-70), "L1 L3", "L1 L2 L3", "L1 L2 L3"),
    # A false T12 sits nearer to L1 than the prediction called L1: the original refuses L1, VerSe does not.
    "a false one nearer": (column(T12=2, L1=-5, L2=-34, L3=-70), "L1 L2 L3", "L2 L3", "L1 L2 L3"),
    "an unnamed one nearer": (column(_=1, L1=-5, L2=-34, L3=-70), "L1 L2 L3", "L2 L3", "L1 L2 L3"),
    "a sacrum in a vertebra's place": (column(L1=0, L2=-34, S1=-70), "L1 L2", "L1 L2", "L1 L2 L3"),
}


@pytest.mark.parametrize("case", CASES)
def test_hits_by_both_rules(case: str) -> None:
    predicted, verse, original, found = CASES[case]
    score = score_scan("a", predicted, TRUE)
    assert " ".join(level.name for level in score.levels if level.hit_verse) == verse
    assert " ".join(level.name for level in score.levels if level.hit_original) == original
    assert " ".join(level.name for level in score.levels if level.found) == found


@pytest.mark.parametrize("case", CASES)
def test_close_hits_are_those_of_the_same_rule_with_a_limit_of_4_mm(case: str) -> None:
    predicted = CASES[case][0]
    close = [level.hit_verse_4mm for level in score_scan("a", predicted, TRUE).levels]
    assert close == [level.hit_verse for level in score_scan("a", predicted, TRUE, limit_mm=4.0).levels]


def test_what_a_score_tells_of_each_level() -> None:
    score = score_scan("a", column(T12=0, L1=-30, L4=-200), TRUE)
    first, second, third = score.levels
    assert (first.name, first.nearest, first.nearest_mm, first.distance_mm) == ("L1", "T12", 0, 30)
    assert (second.nearest, second.nearest_mm, second.distance_mm) == ("L1", 4, None)
    assert (third.nearest, third.nearest_mm, third.found) == ("L1", 40, False)
    assert score.predicted == ("T12", "L1", "L4")
    assert score.false_predictions == ("T12", "L4")
    assert score.missed == ("L2", "L3")
    assert score.all_right is False
    assert score.mean_mm == 30


def test_t13_and_l6_are_levels_in_anatomical_order_and_the_sacrum_is_none() -> None:
    true = column(S1=-200, L6=-160, L1=0, T13=30, T12=60)
    score = score_scan("a", true, true)
    assert [level.name for level in score.levels] == ["T12", "T13", "L1", "L6"]
    assert score.all_right
    assert score.false_predictions == ()


def test_a_predicted_sacrum_is_never_a_false_prediction() -> None:
    assert score_scan("a", column(L1=0, S1=-200), column(L1=0)).false_predictions == ()


def test_a_true_sacrum_does_not_take_a_vertebras_prediction() -> None:
    score = score_scan("a", column(L5=-18), column(L5=0, S1=-20))
    assert score.levels[0].hit_verse


@pytest.mark.parametrize("true", [Landmarks.empty(), column(S1=0)])
def test_no_true_vertebra_leaves_everything_undefined(true: Landmarks) -> None:
    score = score_scan("a", column(L1=0), true)
    assert score.levels == ()
    assert score.all_right is None
    assert score.mean_mm is None
    summary = summarise([score])
    assert (summary.scans, summary.all_right) == (0, None)
    row = summary.region("All")
    assert (row.levels, row.predictions) == (0, 0)
    assert (row.rate_verse, row.rate_original, row.mean_mm, row.sd_mm, row.recall, row.precision) == (None,) * 6
    assert row.rate_verse_4mm is None


def test_no_predictions_score_zero_but_leave_distances_undefined() -> None:
    row = summarise([score_scan("a", Landmarks.empty(), TRUE)]).region("All")
    assert (row.levels, row.rate_verse, row.rate_original, row.recall) == (3, 0, 0, 0)
    assert (row.pairs, row.mean_mm, row.sd_mm, row.median_mm, row.precision) == (0, None, None, None, None)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: 0"):
        score_scan("a", TRUE, TRUE, limit_mm=0)


def test_a_summary_by_hand() -> None:
    first = score_scan("a", column(T12=30, L1=3, L2=-34, L3=-75, C1=300), column(T12=34, L1=0, L2=-34, L3=-70))
    second = score_scan("b", column(C3=0, C5=-60), column(C3=-6, C4=-24))
    summary = summarise([first, second, score_scan("c", TRUE, Landmarks.empty())])
    every = summary.region("All")
    assert (summary.scans, summary.all_right) == (2, 0.5)
    assert (every.levels, every.pairs, every.predictions) == (6, 5, 7)
    assert every.rate_verse == pytest.approx(5 / 6)
    assert every.rate_verse_4mm == pytest.approx(3 / 6)  # L2, L1 and T12, the latter at 4 mm sharp
    assert every.rate_original == pytest.approx(5 / 6)
    assert every.mean_mm == pytest.approx(18 / 5)  # 4, 3, 0, 5, 6
    assert every.sd_mm == pytest.approx((21.2 / 5) ** 0.5)
    assert every.median_mm == pytest.approx(4)
    assert every.recall == pytest.approx(5 / 6)  # C4 has nothing within 20 mm
    assert every.precision == pytest.approx(5 / 7)
    cervical = summary.region("Cervical")
    assert (cervical.levels, cervical.rate_verse, cervical.mean_mm) == (2, 0.5, 6)
    assert cervical.precision == pytest.approx(1 / 3)
    assert summary.region("Thoracic").rate_verse == 1
    assert summary.region("Lumbar").mean_mm == pytest.approx(8 / 3)
    assert distances_by_level([first, second]) == {"C3": [6], "T12": [4], "L1": [3], "L2": [0], "L3": [5]}


def test_an_unknown_region_is_named() -> None:
    with pytest.raises(ValueError, match="Received: 'Sacral'"):
        summarise([]).region("Sacral")
