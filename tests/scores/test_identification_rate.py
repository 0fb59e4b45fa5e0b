"""Identification rates by hand: small tables of levels and heights."""

from math import nan

import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.scan_scores import summarise
from tests.made_rows import group, levels, scored
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.reporting.score_frames import values_by_level


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
    # A false T12 is nearer to L1 than the predicted L1: the original rule refuses L1, VerSe does not.
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


def test_a_score_has_the_figures_of_each_level() -> None:
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
    row = group(summarise(levels(scored("a", column(L1=0), true))), "All")
    assert (row["scans"], row["levels"], row["predictions"]) == (0, 0, 0)
    figures = ("all_right", "rate_verse", "rate_verse_4mm", "rate_original", "mean_mm", "sd_mm", "recall", "precision")
    assert [row[name] for name in figures] == pytest.approx([nan] * 8, nan_ok=True)


def test_no_predictions_score_zero_but_leave_distances_undefined() -> None:
    row = group(summarise(levels(scored("a", Landmarks.empty(), TRUE))), "All")
    assert (row["levels"], row["rate_verse"], row["rate_original"], row["recall"], row["pairs"]) == (3, 0, 0, 0, 0)
    figures = [row[name] for name in ("mean_mm", "sd_mm", "median_mm", "precision")]
    assert figures == pytest.approx([nan] * 4, nan_ok=True)


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: 0"):
        score_scan("a", TRUE, TRUE, limit_mm=0)


def test_a_summary_by_hand() -> None:
    first = scored("a", column(T12=30, L1=3, L2=-34, L3=-75, C1=300), column(T12=34, L1=0, L2=-34, L3=-70))
    second = scored("b", column(C3=0, C5=-60), column(C3=-6, C4=-24))
    summary = summarise(levels(first, second, scored("c", TRUE, Landmarks.empty())))
    assert summary["region"].tolist() == ["All", "Cervical", "Thoracic", "Lumbar"]
    every = group(summary, "All")
    assert (every["scans"], every["all_right"]) == (2, 0.5)
    assert (every["levels"], every["pairs"], every["predictions"]) == (6, 5, 7)
    assert every["rate_verse"] == pytest.approx(5 / 6)
    assert every["rate_verse_4mm"] == pytest.approx(3 / 6)  # L2, L1 and T12, the last at exactly 4 mm
    assert every["rate_original"] == pytest.approx(5 / 6)
    assert every["mean_mm"] == pytest.approx(18 / 5)  # 4, 3, 0, 5, 6
    assert every["sd_mm"] == pytest.approx((21.2 / 5) ** 0.5)
    assert every["median_mm"] == pytest.approx(4)
    assert every["recall"] == pytest.approx(5 / 6)  # C4 has nothing within 20 mm
    assert every["precision"] == pytest.approx(5 / 7)
    cervical = group(summary, "Cervical")
    assert (cervical["levels"], cervical["rate_verse"], cervical["mean_mm"]) == (2, 0.5, 6)
    assert cervical["precision"] == pytest.approx(1 / 3)
    thoracic, lumbar = (group(summary, name) for name in ("Thoracic", "Lumbar"))
    assert (thoracic["rate_verse"], thoracic["scans"], thoracic["all_right"]) == (1, 1, 1)
    assert lumbar["mean_mm"] == pytest.approx(8 / 3)
    by_level = values_by_level(levels(first, second), "distance_mm")
    assert by_level == {
        "C3": [6],
        "T12": [4],
        "L1": [3],
        "L2": [0],
        "L3": [5],
    }
