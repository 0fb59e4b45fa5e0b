"""Probabilities and calibration of names in words: for the terminal and the report."""

from __future__ import annotations

import math

from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.naming_scores import FractionAndInterval, NamingSummary
from utility_functions.reporting.tables import NOT_DEFINED, between, percent


def certainty_line(record: NamingRecord) -> str:
    """One scan: the margin, and the probabilities that names are wrong and that all are one level off."""
    return (
        f"names: margin {margin_words(record.margin)}, shifted by one {percent(record.shifted_by_one)}, "
        f"any wrong {percent(record.error_probability)}"
    )


def alternative_lines(record: NamingRecord) -> list[str]:
    """The next best sequences, each with how many times less likely it is."""
    return [
        f"or else {other.levels} ({math.exp(min(-other.log_odds, 50.0)):.3g} times less likely)"
        for other in record.alternatives
    ]


def margin_words(margin: float | None) -> str:
    return NOT_DEFINED if margin is None or not math.isfinite(margin) else f"{margin:.1f}"


def naming_lines(summary: NamingSummary) -> list[str]:
    """A run in a few lines."""
    lines = [
        f"names over {summary.scans} scans: of the detected vertebrae right {_words(summary.detected)}; "
        f"identified by interpolation: {summary.interpolated}",
        f"scans with all levels right {_words(summary.all_right)}, with all detected ones right "
        f"{_words(summary.detected_right)}, shifted by one {_words(summary.shifted)}",
    ]
    present = [each for each in summary.variants if each.true or each.predicted]
    if present:
        counts = (f"{each.name} {each.both} of {each.true} (predicted {each.predicted} times)" for each in present)
        lines.append(f"variants found: {', '.join(counts)}")
    if summary.calibration_error is not None:
        lines.append(
            f"calibration error of posteriors {percent(summary.calibration_error)}; warned: "
            f"{percent(summary.warned_wrong)} of scans with a wrong name, {percent(summary.warned_right)} of the others"
        )
    return lines


def _words(fraction: FractionAndInterval | None) -> str:
    if fraction is None:
        return NOT_DEFINED
    return percent(fraction[0]) + (f" ({between(*fraction[1], percent)})" if fraction[1] else "")
