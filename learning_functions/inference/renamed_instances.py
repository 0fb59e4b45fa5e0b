"""Vertebrae that have masks already, named anew by the decoder from the levels that a network predicts in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.scan_view import ScanView
from utility_functions.anatomy.body_evidence import Bodies, mean_probabilities
from utility_functions.anatomy.dense_targets import NUMBER_OF_LEVELS
from utility_functions.anatomy.labels import VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.naming.counted_levels import SEEN_OF_TRUNCATED, CountedBodies
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import VertebraMap
from utility_functions.records.naming_record import NamingRecord


def has_instances(view: ScanView) -> bool:
    """Whether an earlier model found masks of whole vertebrae and their landmarks, so that names alone are missing."""
    known = view.unplaced
    if known is None or not isinstance(known.instances, VertebraMap) or known.landmarks is None:
        return False
    return bool(known.instances.voxels.any())


def renamed_instances(
    view: ScanView,
    column: LabelMap,
    levels: NDArray[np.float32],
    level_probabilities: NDArray[np.float32] | None,
    temperature: float,
) -> StageFindings:
    """``instances``, ``landmarks`` and ``naming`` of the vertebrae found before, under the names of the decoder.

    column: 1 in bodies and discs, on the grid of the view's image. levels: a level at each voxel of
    it; level_probabilities: of the column's voxels, in order, the probabilities (voxels, 26) of each level, or None.
    temperature: factor of the votes. A vertebra in which nothing votes has no evidence of its own; that of S1 stays.
    """
    known, shown = view.unplaced, view.findings.instances
    if known is None or shown is None or known.instances is None:
        raise ValueError("Vertebrae are renamed where an earlier model found masks of them. Received: none.")
    landmarks = (known.landmarks or Landmarks.empty()).only({*VERTEBRAE, "S1"})
    landmarks = landmarks.only(set(landmarks.names) - set(known.interpolated))
    ids = np.unique(known.instances.voxels)
    before = sorted((n for n, number in VERSE_IDS.items() if number in ids and n != "coccyx"), key=anatomical_order)
    flat = np.full(NUMBER_OF_LEVELS, 1 / NUMBER_OF_LEVELS)
    owners, levels = shown.voxels[column.voxels > 0], levels[column.voxels > 0]
    points, probabilities, seen = [], [], []
    for name in before:
        own = owners == VERSE_IDS[name]
        where = np.argwhere(known.instances.voxels == VERSE_IDS[name])
        there = name in landmarks.names
        points.append(landmarks.point(name) if there else known.instances.grid.to_mm(where.mean(axis=0)))
        seen.append(1.0 if there else SEEN_OF_TRUNCATED)
        votes = None if level_probabilities is None else level_probabilities[own]
        probabilities.append(mean_probabilities(levels[own], votes) if own.any() else flat)
    centres = np.array(points).reshape(-1, 3)
    sacral = np.array([float(name == "S1") for name in before])
    evidence = Bodies.of(probabilities, seen).evidence(temperature)
    bodies = CountedBodies(centres, np.array(seen), sacral, evidence=evidence)
    naming = bodies.named(view.statistics or scan_statistics())
    table = np.zeros(256, np.uint8)
    for old, new in zip(before, naming.names, strict=True):
        table[VERSE_IDS[old]] = VERSE_IDS.get(new, 0)
    instances = VertebraMap(table[known.instances.voxels], known.instances.grid)
    found = naming.landmarks.at(np.flatnonzero(view.target_grid.contains(naming.landmarks.points_mm)))
    record = NamingRecord.of(naming, centres).only(found.names)
    return StageFindings(instances=instances, landmarks=found, naming=record)
