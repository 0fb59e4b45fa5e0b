"""Scores of many scans summed up: identification rates, localisation error, recall and precision per region."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from losses_and_metrics.intervals import bootstrap_interval
from utility_functions.anatomy.labels import REGIONS, VERTEBRAE
from utility_functions.records.localisation_scores import LevelScore, RegionSummary, ScanScore, Summary


def summarise(scores: Sequence[ScanScore]) -> Summary:
    """All, Cervical, Thoracic and Lumbar over the scans that have a true vertebra; the others are left out.

    Precision counts a prediction that the truth does not name as wrong, also where the scan shows that vertebra.
    """
    scored = [score for score in scores if score.levels]
    rows = [_region("All", VERTEBRAE, scored)]
    rows += [_region(region, names, scored) for region, names in REGIONS.items()]
    return Summary(tuple(rows), len(scored), _share(sum(bool(score.all_right) for score in scored), len(scored)))


def distances_by_level(scores: Sequence[ScanScore]) -> dict[str, list[float]]:
    """Localisation errors in mm of all pairs, per level from the top down; levels without a pair are left out."""
    found: dict[str, list[float]] = {name: [] for name in VERTEBRAE}
    for score in scores:
        for level in score.levels:
            if level.distance_mm is not None:
                found[level.name].append(level.distance_mm)
    return {name: distances for name, distances in found.items() if distances}


def _region(region: str, names: Collection[str], scores: Sequence[ScanScore]) -> RegionSummary:
    levels = [level for score in scores for level in score.levels if level.name in names]
    predictions = sum(name in names for score in scores for name in score.predicted)
    distances_mm = [level.distance_mm for level in levels if level.distance_mm is not None]
    hits_verse = sum(level.hit_verse for level in levels)

    def interval(value: Callable[[LevelScore], float | None]) -> tuple[float, float] | None:
        scans = [[value(level) for level in score.levels if level.name in names] for score in scores]
        known = [[found for found in scan if found is not None] for scan in scans]
        return bootstrap_interval([sum(scan) for scan in known], [len(scan) for scan in known])

    return RegionSummary(
        region=region,
        levels=len(levels),
        pairs=len(distances_mm),
        predictions=predictions,
        rate_verse=_share(hits_verse, len(levels)),
        rate_verse_4mm=_share(sum(level.hit_verse_4mm for level in levels), len(levels)),
        rate_original=_share(sum(level.hit_original for level in levels), len(levels)),
        mean_mm=float(np.mean(distances_mm)) if distances_mm else None,
        sd_mm=float(np.std(distances_mm)) if distances_mm else None,
        median_mm=float(np.median(distances_mm)) if distances_mm else None,
        recall=_share(sum(level.found for level in levels), len(levels)),
        precision=_share(hits_verse, predictions),
        rate_verse_interval=interval(lambda level: level.hit_verse),
        rate_verse_4mm_interval=interval(lambda level: level.hit_verse_4mm),
        rate_original_interval=interval(lambda level: level.hit_original),
        mean_mm_interval=interval(lambda level: level.distance_mm),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
