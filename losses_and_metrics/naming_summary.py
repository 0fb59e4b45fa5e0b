"""The summary of the names of many scans: shifts by one, variants, warnings and the calibration of posteriors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from losses_and_metrics.identification_rate import LIMIT_MM
from losses_and_metrics.intervals import bootstrap_interval
from utility_functions.anatomy.labels import VERTEBRAE, anatomical_order
from utility_functions.anatomy.naming.statistics import VARIANTS
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.naming_scores import Bin, FractionAndInterval, NamingSummary, VariantScore
from utility_functions.reporting.results import ScanRow

BINS = 10


def summarise_names(rows: Sequence[ScanRow]) -> NamingSummary:
    """The summary of all scans with a true vertebra."""
    scored = [(row, row.score) for row in rows if row.score is not None and row.score.levels]
    judged = [row for row, _ in scored]
    found = [[level.hit_verse for level in score.levels if level.found] for _, score in scored]
    right = [all(hits) for hits in found if hits]
    named = [row for row in judged if row.naming is not None]
    bins = reliability([pair for row in named for pair in posteriors(row)])
    apart = sum(each.count * abs(each.posterior - each.right) for each in bins)
    count = sum(each.count for each in bins)
    warnings = [row.naming is not None and bool(row.naming.doubt) for row in judged]
    warned = [(said, all(hits)) for said, hits in zip(warnings, found, strict=True) if hits]
    return NamingSummary(
        scans=len(judged),
        detected=_fraction([sum(hits) for hits in found], [len(hits) for hits in found]),
        interpolated=sum(level.interpolated and level.hit_verse for _, score in scored for level in score.levels),
        all_right=_fraction([bool(score.all_right) for _, score in scored], [1] * len(scored)),
        detected_right=_fraction(right, [1] * len(right)),
        shifted=_fraction([shift_of(row.landmarks, _true(row)) in (-1, 1) for row in judged], [1] * len(judged)),
        variants=_variants(judged),
        warned_wrong=_mean([said for said, fine in warned if not fine]) if named else None,
        warned_right=_mean([said for said, fine in warned if fine]) if named else None,
        calibration_error=apart / count if count else None,
        bins=bins,
    )


def shift_of(predicted: Landmarks, true: Landmarks, limit_mm: float = LIMIT_MM) -> int | None:
    """The common shift of all names in levels (0: correct, 1: one too low).

    None where there is no common shift, or no name within the limit of a true one. T13 counts with L1, L6 with S1.
    """
    shifts = {rank(called) - rank(is_it) for called, is_it, _ in _near(predicted, true, limit_mm)}
    return shifts.pop() if len(shifts) == 1 else None


def rank(level: str) -> int:
    """The position along a typical spine, downwards; T13 counts with L1, and S1 with L6."""
    return anatomical_order(level) - (anatomical_order(level) >= anatomical_order("L1")) - (level == "S1")


def variants_of(landmarks: Landmarks) -> tuple[str, ...]:
    """The variants that named levels show: an additional level, or a missing one between two named ones."""
    has = set(landmarks.names)
    seen: list[str] = [name for name in ("T13", "L6") if name in has]
    seen += ["no T12"] * ("T12" not in has and {"T11", "L1"} <= has)
    seen += ["no L5"] * ("L5" not in has and {"L4", "S1"} <= has)
    return tuple(name for name in VARIANTS if name in seen)


def posteriors(row: ScanRow) -> list[tuple[float, bool]]:
    """The posterior of each detected name near a true vertebra, and whether the name is correct."""
    record = row.naming
    if record is None:
        return []
    return [
        (record.posterior[called], called == is_it)
        for called, is_it, _ in _near(row.landmarks, _true(row), LIMIT_MM)
        if called in record.posterior
    ]


def reliability(pairs: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Pairs of posterior and correctness in ten bins of equal width, without empty ones."""
    place = [min(int(BINS * sure), BINS - 1) for sure, _ in pairs]
    found = []
    for number in range(BINS):
        own = [pair for pair, bin_of in zip(pairs, place, strict=True) if bin_of == number]
        if own:
            sure, right = (float(np.mean([pair[i] for pair in own])) for i in (0, 1))
            found.append(Bin(sure, right, len(own)))
    return tuple(found)


def _near(predicted: Landmarks, true: Landmarks, limit_mm: float) -> list[tuple[str, str, float]]:
    """Each named vertebra predicted within the limit of a true one: its name, that of the nearest, the distance."""
    vertebrae, named = true.only(VERTEBRAE), predicted.only(VERTEBRAE)
    if not len(vertebrae):
        return []
    away = np.linalg.norm(named.points_mm[:, None] - vertebrae.points_mm[None], axis=-1)
    return [
        (name, vertebrae.names[int(row.argmin())], float(row.min()))
        for name, row in zip(named.names, away, strict=True)
        if row.min() <= limit_mm
    ]


def _true(row: ScanRow) -> Landmarks:
    return Landmarks.empty() if row.truth is None else row.truth


def _variants(rows: Sequence[ScanRow]) -> tuple[VariantScore, ...]:
    pairs = [(variants_of(_true(row)), variants_of(row.landmarks)) for row in rows]
    return tuple(
        VariantScore(
            name,
            sum(name in true for true, _ in pairs),
            sum(name in predicted for _, predicted in pairs),
            sum(name in true and name in predicted for true, predicted in pairs),
        )
        for name in VARIANTS
    )


def _fraction(sums: Sequence[float], counts: Sequence[int]) -> FractionAndInterval | None:
    if not sum(counts):
        return None
    return float(sum(sums)) / sum(counts), bootstrap_interval(sums, counts)


def _mean(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None
