"""Names for vertebrae that a model counts and does not name: counted from the ends of the spine by the decoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.scan_view import ScanView
from utility_functions.anatomy.centroids import body_centroids
from utility_functions.anatomy.labels import VERSE_IDS, anatomical_order
from utility_functions.anatomy.naming.counted_levels import SEEN_OF_TRUNCATED, CountedBodies
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.structures import (
    SPIDER_CANAL,
    SPIDER_DISCS,
    SPIDER_MOST,
    SPIDER_PARTIAL,
    levels_of_numbers,
)
from utility_functions.anatomy.vote_clusters import USUAL_STEP_MM
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import StageFindings
from utility_functions.records.map_kinds import SpiderMap, VertebraMap
from utility_functions.records.naming_record import NamingRecord

DECLARED = "Names are counted from {}, which was declared to be the lowest vertebra."
PROVISIONAL = "L5"
"""The name of the lowest vertebra before the decoder has named any."""
WITHIN_MM = 5.0


def named_from(found: StageFindings, numbered: LabelMap, lowest: str) -> StageFindings:
    """The findings with names for the numbered vertebrae; the lowest is ``lowest``."""
    ids = levels_of_numbers(lowest)
    table = np.zeros(256, np.uint8)
    for number, verse_id in enumerate(ids[:SPIDER_MOST], start=1):
        table[[number, SPIDER_PARTIAL + number]] = verse_id
    named = VertebraMap(table[numbered.voxels], numbered.grid)
    return found.having(instances=named, landmarks=body_centroids(named)).noting(DECLARED.format(lowest))


def named_by_count(found: StageFindings, numbered: SpiderMap, view: ScanView) -> StageFindings:
    """The findings with ``instances``, ``landmarks`` and ``naming`` for vertebrae numbered in SPIDER's code.

    The lowest is rather L5 where the scan goes on below it, the uppermost rather C1 or C2 where short distances tell a
    neck and the scan goes on above it. Nothing else names them, so that doubts are great where the scan shows neither.
    """
    counted = named_from(StageFindings(), numbered, PROVISIONAL)
    if counted.instances is None or counted.landmarks is None or not len(counted.landmarks):
        return found
    before = sorted(counted.landmarks.names, key=anatomical_order)
    points = np.array([counted.landmarks.point(name) for name in before])
    voxels = numbered.voxels
    cut = {int(number) for number in np.unique(voxels[(voxels > SPIDER_CANAL) & (voxels < SPIDER_DISCS)])}
    seen = np.array([SEEN_OF_TRUNCATED if SPIDER_CANAL + len(before) - k in cut else 1.0 for k in range(len(before))])
    bodies = CountedBodies(points, seen, goes_on=shown_beyond(points, view.target_grid))
    naming = bodies.named(view.statistics or scan_statistics())
    ids = np.zeros(256, np.uint8)
    for old, new in zip(before, naming.names, strict=True):
        ids[VERSE_IDS[old]] = VERSE_IDS.get(new, 0)
    instances = VertebraMap(ids[counted.instances.voxels], numbered.grid)
    return found.having(instances=instances, landmarks=naming.landmarks, naming=NamingRecord.of(naming, points))


def shown_beyond(points_mm: NDArray[np.float64], grid: Grid) -> tuple[bool, bool]:
    """Whether a grid holds the place of a further vertebra above the first, and below the last, of (N, 3) bodies."""
    if len(points_mm) > 1:
        up, down = points_mm[0] - points_mm[1], points_mm[-1] - points_mm[-2]
    else:
        up = np.array([0.0, 0.0, USUAL_STEP_MM])
        down = -up
    places = np.array([points_mm[0] + up, points_mm[-1] + down])
    index = grid.to_index(places)
    margin = WITHIN_MM / np.asarray(grid.spacing_mm)
    inside = np.all((index >= margin - 0.5) & (index <= np.asarray(grid.shape) - 0.5 - margin), axis=1)
    above, below = (bool(each) for each in np.atleast_1d(inside))
    return above, below
