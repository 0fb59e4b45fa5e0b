"""Keypoints named without a network: by region probabilities, names given before, distances and bends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import ALTERNATIVES, Naming, decode
from utility_functions.anatomy.naming.default_statistics import keypoint_statistics, scan_statistics
from utility_functions.anatomy.naming.detections import Detections
from utility_functions.anatomy.naming.regressed import names_given
from utility_functions.anatomy.naming.statistics import Statistics

NAME_NATS = 3.0
"""Evidence in nats of a name in a file for its level."""
BY_PLACES = "Names by distances and bends alone: the file tells neither regions nor names."

Array = NDArray[np.float64]


def named_keypoints(
    points_mm: Array, names: tuple[str, ...], probabilities: Array, statistics: Statistics | None = None
) -> Naming:
    """The naming of N bodies in RAS+ mm.

    names: from a file, evidence like any other; "" where it has none.
    probabilities: (N, 3) of cervical, thoracic and lumbar; NaN where unknown.
    statistics: None: those of VID where regions are known, since they were fitted on such detections; else those of
        any scan.
    """
    has_regions = np.isfinite(probabilities).all(axis=1)
    usual = statistics or (keypoint_statistics() if has_regions.any() else scan_statistics())
    evidence, false = np.zeros((len(points_mm), len(LEVELS))), np.zeros(len(points_mm))
    if has_regions.any():
        seen = Detections.from_regions(points_mm[has_regions], probabilities[has_regions], usual)
        evidence[has_regions], false[has_regions] = seen.evidence, seen.false_evidence
    return decode(Detections(points_mm, evidence + names_given(names, NAME_NATS), false), usual, ALTERNATIVES)


def notes_of(names: tuple[str, ...], probabilities: Array) -> tuple[str, ...]:
    """What a reader must know of the evidence."""
    return (BY_PLACES,) if len(names) and not any(names) and not np.isfinite(probabilities).any() else ()
