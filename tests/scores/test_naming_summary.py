"""Summaries of names: shifts, variants, bins and fractions."""

from __future__ import annotations

import numpy as np
import pytest

from losses_and_metrics.naming_summary import (
    rank,
    reliability,
    shift_of,
    summarise_names,
    variants_of,
)
from tests.made_rows import scored
from tests.naming.brute_force import spine
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.results import ScanRow

BODIES = spine("T10", "L4")


def landmarks(names: list[str], points: list | None = None) -> Landmarks:
    given = list(BODIES.values())[: len(names)] if points is None else points
    return Landmarks(tuple(names), np.array(given).reshape(-1, 3))


TRUE = landmarks(list(BODIES))


def judged(names: list[str], posterior: float | None = None, warning: str = "", interpolated: tuple = ()) -> ScanRow:
    predicted = landmarks(names)
    record = None if posterior is None else NamingRecord(dict.fromkeys(names, posterior), interpolated, warning=warning)
    return scored("", predicted, TRUE, record)


@pytest.mark.parametrize(
    ("names", "shift"),
    [
        (["T10", "T11", "T12", "L1"], 0),
        (["T11", "T12", "L1", "L2"], 1),
        (["T11", "T12", "T13", "L1"], None),
        (["T9", "T10", "T11", "T12"], -1),
        (["T10", "T12", "L1", "L2"], None),
        ([], None),
    ],
)
def test_a_shift_is_a_common_offset_of_all_names(names, shift) -> None:
    assert shift_of(landmarks(names), TRUE) == shift


@pytest.mark.parametrize(("upper", "lower"), [("T12", "L1"), ("T12", "T13"), ("L5", "S1"), ("L5", "L6"), ("C7", "T1")])
def test_ranks_count_down_a_usual_spine(upper, lower) -> None:
    assert rank(lower) == rank(upper) + 1


@pytest.mark.parametrize(
    ("names", "variants"),
    [
        (["T11", "T12", "L1"], ()),
        (["T11", "L1"], ("no T12",)),
        (["T12", "T13", "L1"], ("T13",)),
        (["L4", "S1"], ("no L5",)),
        (["L5", "L6", "S1"], ("L6",)),
        (["T11", "L4"], ()),
        ([], ()),
    ],
)
def test_variants_follow_from_the_names(names, variants) -> None:
    assert variants_of(landmarks(names)) == variants


def test_reliability_in_ten_bins() -> None:
    bins = reliability([(0.95, True), (1.0, False), (0.32, True), (0.38, False)])
    assert [(each.count, each.right) for each in bins] == [(2, 0.5), (2, 0.5)]
    assert [each.posterior for each in bins] == pytest.approx([0.35, 0.975])
    assert reliability([]) == ()


def test_a_run_is_summarised() -> None:
    right, down = list(BODIES), ["T11", "T12", "L1", "L2", "L3", "L4", "L5"]
    summary = summarise_names(
        [judged(right, 0.9), judged(right, 0.9, "maybe"), judged(down, 0.6, "maybe"), judged(down, 0.8)]
    )
    assert summary.scans == 4
    assert summary.all_right is not None and summary.all_right[0] == 0.5
    assert summary.shifted is not None and summary.shifted[0] == 0.5
    assert summary.detected is not None and summary.detected[0] == 0.5 and summary.detected[1] is not None
    assert summary.warned_wrong == 0.5 and summary.warned_right == 0.5
    assert summary.calibration_error == pytest.approx((2 * 0.1 + 0.6 + 0.8) / 4)


def test_interpolated_levels_are_identified_but_not_detected() -> None:
    scan = judged(list(BODIES), 0.9, interpolated=("T12",))
    (level,) = [each for each in scan.score.levels if each.name == "T12"]
    assert level.hit_verse and level.hit_original and level.interpolated and not level.found
    summary = summarise_names([scan])
    assert summary.interpolated == 1 and summary.detected == (1.0, None)


def test_names_without_a_decoder_have_no_calibration() -> None:
    summary = summarise_names([judged(list(BODIES))])
    assert summary.calibration_error is None and summary.bins == () and summary.warned_right is None
    assert all(each.true == each.predicted == 0 for each in summary.variants)


def test_without_scans_all_figures_are_undefined() -> None:
    summary = summarise_names([])
    assert summary.scans == 0 and summary.all_right is summary.shifted is summary.detected is None


def test_a_scan_without_a_detection_is_neither_right_nor_wrong_among_the_detected() -> None:
    nothing = judged([], 0.5, "maybe")
    summary = summarise_names([judged(list(BODIES), 0.9), nothing])
    assert summary.scans == 2 and summary.all_right is not None and summary.all_right[0] == 0.5
    assert summary.detected_right is not None and summary.detected_right[0] == 1.0
    assert summary.warned_right == 0.0 and summary.warned_wrong is None
    assert summarise_names([nothing]).detected_right is None
