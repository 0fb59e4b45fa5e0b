"""Scores of the names of a run: how many are right, how they are wrong, and how well they are calibrated."""

from __future__ import annotations

from dataclasses import dataclass

FractionAndInterval = tuple[float, tuple[float, float] | None]
"""A fraction (0 to 1) and its 95 % interval over scans (None where there are fewer than two)."""


@dataclass(frozen=True)
class Bin:
    """Names of about one posterior: its mean, the fraction that is right, and how many there are."""

    posterior: float
    right: float
    count: int


@dataclass(frozen=True)
class VariantScore:
    """One variant: in how many scans it is true, predicted, and both."""

    name: str
    true: int
    predicted: int
    both: int


@dataclass(frozen=True)
class NamingSummary:
    """Over the scans with a true vertebra; whatever is undefined is None.

    detected: fraction of true vertebrae with a detection near that are identified (VerSe).  interpolated: how many of
    the identified ones were not detected but interpolated.  all_right: fraction of scans in which every true vertebra
    is identified; detected_right: of those in which any is detected, in which every detected one is.
    shifted: fraction of scans in which all names are one level off, the same way.
    warned_wrong, warned_right: fraction with a warning of the scans with a wrong name among the detected, and of the
    others.
    calibration_error: mean distance of posteriors from the fraction that is right, over ten bins; ``bins``: those not
    empty.
    """

    scans: int
    detected: FractionAndInterval | None
    interpolated: int
    all_right: FractionAndInterval | None
    detected_right: FractionAndInterval | None
    shifted: FractionAndInterval | None
    variants: tuple[VariantScore, ...]
    warned_wrong: float | None = None
    warned_right: float | None = None
    calibration_error: float | None = None
    bins: tuple[Bin, ...] = ()
