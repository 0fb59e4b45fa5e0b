"""Scores of masks summed up by hand, and intervals over scans."""

from __future__ import annotations

import numpy as np
import pytest

from losses_and_metrics.identification_rate import score_scan
from losses_and_metrics.instance_summary import dice_by_level, summarise_masks
from losses_and_metrics.intervals import bootstrap_interval
from losses_and_metrics.scan_scores import summarise
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.mask_scores import (
    MISSED,
    Figure,
    MaskScore,
    SegmentationScore,
    VertebraScore,
)

GOOD, FAIR = MaskScore(0.9, 0.8, 4.0, 2.0, 0.5), MaskScore(0.7, 0.5, 8.0, 6.0, 1.5)
FIRST = SegmentationScore(
    "a",
    (
        VertebraScore(7, "C7", False, "C7", FAIR, FAIR, False),
        VertebraScore(19, "T12", True, "L1", GOOD, MISSED, True, ("L1", "L2")),
        VertebraScore(20, "L1", True, None, MISSED, MISSED),
    ),
    false=("C3", "label 40"),
    beyond=("C1",),
    merged=("L1",),
)
SECOND = SegmentationScore("b", (VertebraScore(3, "", True, "L4", GOOD, None, False),), merged=("L4",))
NOTHING = SegmentationScore("c", (), beyond=("L1",))


def test_a_summary_by_hand() -> None:
    summary = summarise_masks([FIRST, SECOND, NOTHING])
    assert [row.group for row in summary.regions] == ["All", "Complete", "Cervical", "Thoracic", "Lumbar"]
    assert [row.group for row in summary.levels] == ["C7", "T12", "L1"]
    assert [row.group for row in summary.scans] == ["a", "b"], "nothing is true in c"
    every = summary.region("All")
    assert (every.vertebrae, every.split, every.false, every.merged) == (4, 1, 2, 2)
    means = {name: (figure.mean, figure.count) for name, figure in vars(every).items() if isinstance(figure, Figure)}
    assert means == {
        "found": (0.75, 4),
        "named": (0.5, 2),
        "dice": (pytest.approx(2.5 / 4), 4),
        "iou": (pytest.approx(2.1 / 4), 4),
        "hd_mm": (pytest.approx(16 / 3), 3),
        "hd95_mm": (pytest.approx(10 / 3), 3),
        "assd_mm": (pytest.approx(2.5 / 3), 3),
        "dice_by_name": (pytest.approx(0.7 / 3), 3),
        "completeness": (pytest.approx(2 / 3), 3),
    }
    low, high = every.dice.interval or (None, None)
    assert (low, high) == (pytest.approx(1.6 / 3), pytest.approx(0.9)), "two scans: either may be drawn twice"


def test_the_rows_of_a_summary_hold_what_belongs_to_them() -> None:
    summary = summarise_masks([FIRST, SECOND])
    complete = summary.region("Complete")
    assert (complete.vertebrae, complete.found.mean, complete.false, complete.merged) == (3, 2 / 3, None, None)
    cervical, thoracic, lumbar = (summary.region(name) for name in ("Cervical", "Thoracic", "Lumbar"))
    assert (cervical.dice.mean, cervical.false, cervical.merged, cervical.split) == (0.7, 1, 0, 0)
    assert (thoracic.named.mean, thoracic.dice.mean, thoracic.dice_by_name.mean, thoracic.split) == (0, 0.9, 0, 1)
    assert (lumbar.dice, lumbar.hd_mm, lumbar.merged) == (Figure(0.0, None, 1), Figure(), 2)
    assert [row.dice.interval for row in (*summary.levels, *summary.scans)] == [None] * 5
    assert dice_by_level([FIRST, SECOND]) == {"C7": [0.7], "T12": [0.9], "L1": [0.0]}


def test_a_summary_of_nothing_is_undefined_throughout() -> None:
    for scores in ([], [NOTHING]):
        summary = summarise_masks(scores)
        assert (summary.levels, summary.scans) == ((), ())
        for row in summary.regions:
            assert {figure for figure in vars(row).values() if isinstance(figure, Figure)} == {Figure()}
    with pytest.raises(ValueError, match="Received: 'Sacral'"):
        summarise_masks([]).region("Sacral")


@pytest.mark.parametrize(
    ("sums", "counts", "interval"),
    [
        ([], [], None),
        ([3.0], [4], None),
        ([3.0, 0.0, 0.0], [4, 0, 0], None),
        ([3.0, 6.0, 0.0], [4, 8, 0], (0.75, 0.75)),
        ([0.0, 0.0, 0.0], [5, 6, 7], (0, 0)),
        ([0.0, 9.0], [1, 9], (0, 1)),
    ],
)
def test_intervals_by_hand(sums: list[float], counts: list[int], interval: tuple | None) -> None:
    assert bootstrap_interval(sums, counts) == (interval if interval is None else pytest.approx(interval))


def test_an_interval_is_the_same_every_time_and_near_that_of_theory() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    low, high = bootstrap_interval(values.tolist(), [1] * 400) or (0, 0)
    assert (low, high) == bootstrap_interval(values.tolist(), [1] * 400)
    assert (low, high) != bootstrap_interval(values.tolist(), [1] * 400, seed=1)
    half = 1.96 * values.std() / 20
    assert (low, high) == (pytest.approx(values.mean() - half, abs=0.05), pytest.approx(values.mean() + half, abs=0.05))


def test_vertebrae_of_one_scan_stay_together() -> None:
    """Ten vertebrae in each of two scans are two cases and no twenty."""
    assert bootstrap_interval([10.0, 0.0], [10, 10]) == (0, 1)


def test_sums_without_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: 1 and 2"):
        bootstrap_interval([1.0], [1, 2])


def test_identification_has_intervals_too() -> None:
    true = Landmarks(("L1", "L2"), [(0, 0, 0), (0, 0, -34)])
    near = Landmarks(("L1", "L2"), [(0, 0, 2), (0, 0, -34)])
    alone = summarise([score_scan("a", near, true)]).region("All")
    assert (alone.rate_verse_interval, alone.rate_original_interval, alone.mean_mm_interval) == (None, None, None)
    both = summarise([score_scan("a", near, true), score_scan("b", Landmarks(("L2",), [(0, 0, -37)]), true)])
    every = both.region("All")
    assert every.rate_verse_interval == (0.5, 1) and every.rate_original_interval == (0.5, 1)
    assert every.rate_verse_4mm_interval == (0.5, 1) and every.mean_mm_interval == (1, 3)
    assert both.region("Cervical").rate_verse_interval is None
