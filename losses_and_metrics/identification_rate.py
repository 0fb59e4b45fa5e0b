"""The identification of the vertebrae of a scan, by VerSe's rule and by that of the dense-annotation paper."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from utility_functions.anatomy.labels import VERTEBRAE, anatomical_order
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.localisation_scores import LevelScore, ScanScore

LIMIT_MM = 20.0


def score_scan(
    case_id: str, predicted: Landmarks, true: Landmarks, limit_mm: float = LIMIT_MM, interpolated: Iterable[str] = ()
) -> ScanScore:
    """The predictions of one scan against its true centroids; a distance equal to ``limit_mm`` is still within it.

    VerSe (Sekuboyina et al. 2021): a level predicted and true is a hit when the true centroid nearest to the prediction
    is the level's own and lies within the limit. Original (McCouat & Glocker 2019): a true level is a hit when the
    prediction nearest to its centroid, whatever level it names, bears its name and lies within the limit.

    True levels are the free vertebrae, T13 and L6 included; a true sacrum is ignored. Predicted sacral and unnamed
    points count only as the prediction nearest to a true level.

    interpolated: predicted levels between detections that nobody detected; they can be hits, but count as no detection.
    """
    if not limit_mm > 0:
        raise ValueError(f"The limit of a hit must be above 0 mm. Received: {limit_mm}.")
    vertebrae, interpolated = true.only(VERTEBRAE), set(interpolated)
    detected = np.array([name not in interpolated for name in predicted.names], bool)
    between_mm = np.linalg.norm(vertebrae.points_mm[:, None] - predicted.points_mm[None], axis=-1)  # (true, predicted)
    levels = []
    for row, name in enumerate(vertebrae.names):
        nearest = int(between_mm[row].argmin()) if len(predicted) else None
        own = predicted.names.index(name) if name in predicted else None
        nearest_mm = None if nearest is None else float(between_mm[row, nearest])
        distance_mm = None if own is None else float(between_mm[row, own])
        near = nearest_mm is not None and nearest_mm <= limit_mm
        levels.append(
            LevelScore(
                name=name,
                nearest=None if nearest is None else predicted.names[nearest],
                nearest_mm=nearest_mm,
                distance_mm=distance_mm,
                found=bool((between_mm[row, detected] <= limit_mm).any()),
                hit_verse=own is not None
                and bool(between_mm[row, own] <= limit_mm)
                and int(between_mm[:, own].argmin()) == row,
                hit_original=near and nearest is not None and predicted.names[nearest] == name,
                interpolated=name in interpolated and own is not None,
            )
        )
    levels.sort(key=lambda level: anatomical_order(level.name))
    return ScanScore(case_id, tuple(levels), _from_the_top(predicted.names), float(limit_mm))


def _from_the_top(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted((name for name in names if name in VERTEBRAE), key=anatomical_order))
