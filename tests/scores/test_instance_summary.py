"""Summaries of mask scores computed by hand, and intervals over scans."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from losses_and_metrics.instance_summary import FIGURES, summarise_masks
from losses_and_metrics.intervals import bootstrap_interval
from losses_and_metrics.scan_scores import summarise
from tests.made_rows import group, levels, masked, scored
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.mask_scores import MISSED, MaskScore, SegmentationScore, VertebraScore
from utility_functions.reporting.score_frames import level_frame, values_by_level

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


def summed(scores: list[SegmentationScore]) -> pd.DataFrame:
    return summarise_masks(level_frame(masked(*scores)))


def test_a_summary_by_hand() -> None:
    summary = summed([FIRST, SECOND, NOTHING])
    groups = {by: rows["group"].tolist() for by, rows in summary.groupby("by")}
    assert groups["region"] == ["All", "Complete", "Cervical", "Thoracic", "Lumbar"]
    assert groups["level"] == ["C7", "T12", "L1"]
    assert groups["scan"] == ["a", "b"], "scan c has no true vertebra"
    every = group(summary, "All", "group")
    assert (every["vertebrae"], every["split"], every["false"], every["merged"]) == (4, 1, 2, 2)
    means = {name: (every[name], every[f"{name}_n"]) for name in FIGURES}
    assert means == {
        "found_rate": (0.75, 4),
        "name_right": (0.5, 2),
        "dice": (pytest.approx(2.5 / 4), 4),
        "iou": (pytest.approx(2.1 / 4), 4),
        "hd_mm": (pytest.approx(16 / 3), 3),
        "hd95_mm": (pytest.approx(10 / 3), 3),
        "assd_mm": (pytest.approx(2.5 / 3), 3),
        "dice_by_name": (pytest.approx(0.7 / 3), 3),
        "completeness_right": (pytest.approx(2 / 3), 3),
    }
    assert (every["dice_ci95_low"], every["dice_ci95_high"]) == (pytest.approx(1.6 / 3), pytest.approx(0.9)), (
        "two scans: either may be drawn twice"
    )


def test_the_rows_of_a_summary_hold_their_groups() -> None:
    summary = summed([FIRST, SECOND])
    complete = group(summary, "Complete", "group")
    assert (complete["vertebrae"], complete["found_rate"]) == (3, 2 / 3)
    assert pd.isna(complete["false"]) and pd.isna(complete["merged"])
    cervical, thoracic, lumbar = (group(summary, name, "group") for name in ("Cervical", "Thoracic", "Lumbar"))
    assert [cervical[name] for name in ("dice", "false", "merged", "split")] == [0.7, 1, 0, 0]
    assert [thoracic[name] for name in ("name_right", "dice", "dice_by_name", "split")] == [0, 0.9, 0, 1]
    assert (lumbar["dice"], lumbar["dice_n"], lumbar["hd_mm_n"], lumbar["merged"]) == (0.0, 1, 0, 2)
    assert np.isnan([lumbar["dice_ci95_low"], lumbar["hd_mm"]]).all()
    assert summary.loc[summary["by"] != "region", "dice_ci95_low"].isna().tolist() == [True] * 5
    assert values_by_level(level_frame(masked(FIRST, SECOND)), "dice") == {"C7": [0.7], "T12": [0.9], "L1": [0.0]}


def test_an_empty_summary_is_undefined() -> None:
    for scores in ([], [NOTHING]):
        summary = summed(scores)
        assert summary["by"].tolist() == ["region"] * 5
        assert summary[list(FIGURES)].isna().all(axis=None) and (summary["dice_n"] == 0).all()


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
    """Ten vertebrae in each of two scans are two independent cases, not twenty."""
    assert bootstrap_interval([10.0, 0.0], [10, 10]) == (0, 1)


def test_sums_without_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="Received: 1 and 2"):
        bootstrap_interval([1.0], [1, 2])


def test_identification_has_intervals_too() -> None:
    true = Landmarks(("L1", "L2"), [(0, 0, 0), (0, 0, -34)])
    near = Landmarks(("L1", "L2"), [(0, 0, 2), (0, 0, -34)])

    def interval(row: dict, name: str) -> tuple[float, float] | None:
        low, high = row[f"{name}_ci95_low"], row[f"{name}_ci95_high"]
        return None if np.isnan(low) and np.isnan(high) else (low, high)

    rates = ("rate_verse", "rate_verse_4mm", "rate_original")
    alone = group(summarise(levels(scored("a", near, true))), "All")
    assert [interval(alone, name) for name in (*rates, "mean_mm")] == [None] * 4
    both = summarise(levels(scored("a", near, true), scored("b", Landmarks(("L2",), [(0, 0, -37)]), true)))
    every = group(both, "All")
    assert [interval(every, name) for name in rates] == [(0.5, 1)] * 3 and interval(every, "mean_mm") == (1, 3)
    assert interval(group(both, "Cervical"), "rate_verse") is None
