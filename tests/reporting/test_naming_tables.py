"""Reports on the certainty of names by scan and by run, with intervals and undefined figures."""

from __future__ import annotations

import numpy as np

from utility_functions.records.naming_record import Alternative, NamingRecord
from utility_functions.records.naming_scores import NamingSummary, VariantScore
from utility_functions.reporting.naming_tables import alternative_lines, certainty_line, margin_words, naming_lines


def test_a_summary_reports_intervals_variants_calibration_and_warnings() -> None:
    variants = (VariantScore("T13", 2, 3, 1), VariantScore("no T12", 0, 0, 0), VariantScore("L6", 4, 4, 4))
    summary = NamingSummary(
        scans=20,
        detected=(0.96, (0.93, 0.98)),
        interpolated=3,
        all_right=(0.9, None),
        detected_right=(0.95, (0.85, 1.0)),
        shifted=(0.05, (0.0, 0.15)),
        variants=variants,
        warned_wrong=1.0,
        warned_right=0.05,
        calibration_error=0.012,
    )
    text = "\n".join(naming_lines(summary))
    assert "20 scans" in text and "96.0 % (93.0 to 98.0 %)" in text and "by interpolation: 3" in text
    assert "all levels right 90.0 %," in text and "detected ones right 95.0 % (85.0 to 100.0 %)" in text
    assert "shifted by one 5.0 % (0.0 to 15.0 %)" in text
    assert "T13 1 of 2 (predicted 3 times), L6 4 of 4 (predicted 4 times)" in text and "no T12" not in text
    assert "calibration error of posteriors 1.2 %" in text and "100.0 % of scans with a wrong name" in text


def test_a_summary_without_a_decoder_omits_undefined_figures() -> None:
    lines = naming_lines(NamingSummary(0, None, 0, None, None, None, ()))
    assert len(lines) == 2 and "n/a" in lines[0] and "calibration" not in "".join(lines)


def test_a_scan_reports_its_margin_and_the_probability_of_wrong_names() -> None:
    record = NamingRecord({}, margin=2.345, shifted=(0.1, 0.21), error_probability=0.4)
    assert certainty_line(record) == "names: margin 2.3, shifted by one 31.0 %, any wrong 40.0 %"
    assert margin_words(np.inf) == "n/a"


def test_alternatives_are_reported_with_their_differences_in_likelihood() -> None:
    record = NamingRecord({}, alternatives=(Alternative("T11-L4", float(np.log(0.5))), Alternative("L1", -1000.0)))
    first, last = alternative_lines(record)
    assert first == "or else T11-L4 (2 times less likely)" and last.startswith("or else L1 (") and "inf" not in last
