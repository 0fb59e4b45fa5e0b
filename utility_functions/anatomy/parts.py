"""Which part of the spine a voxel is (body, disc, arch, sacrum), from masks of whole vertebrae and their centroids."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.labels import LEVELS, SACRAL, VERSE_IDS, VERTEBRAE, anatomical_order
from utility_functions.anatomy.spine_sizes import STEP_MM
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

PARTS = ("background", "body", "disc", "arch", "sacrum")
"""The parts by their code. A detection of two classes, the published tubes, has 1 where a body or a disc is."""
BODY, DISC, ARCH, SACRUM = range(1, 5)
COLUMN = (BODY, DISC)
"""The column of bodies and discs, whose voxels vote for levels."""
VERTEBRA = (BODY, ARCH)
"""The parts within a mask of a whole vertebra."""
WIDER = 1.3
"""The disks are wider than published by this factor, so that they reach the rims of bodies."""


def vertebra_parts(
    landmarks: Landmarks, label_map: LabelMap, ids: Mapping[str, int] = VERSE_IDS, wider: float = WIDER
) -> NDArray[np.uint8]:
    """The part (code of PARTS) of every voxel of ``label_map``, which lies on an upright RAS grid.

    landmarks: body centroids; ids: the code of the map of whole vertebrae. A labelled voxel near the line through the
    centroids is body, any other labelled voxel is arch; unlabelled voxels near the line are disc. The line continues to
    labelled levels without a centroid next to its ends, such as truncated ones. S1 has a body like any other.

    wider: how much wider than the published disks the bodies are.
    """
    landmarks = _drawn_out(landmarks, {name for name, number in ids.items() if (label_map.voxels == number).any()})
    column = dense_levels(landmarks, label_map.grid) > 0
    near = dense_levels(landmarks, label_map.grid, wider) > 0
    sacral = np.isin(
        label_map.voxels, [number for name, number in ids.items() if name in (*SACRAL, "sacrum", "coccyx")]
    )
    vertebrae = np.isin(label_map.voxels, [number for name, number in ids.items() if name in VERTEBRAE])
    parts = np.zeros(label_map.grid.shape, np.uint8)
    parts[column] = DISC
    parts[vertebrae] = ARCH
    parts[sacral] = SACRUM
    parts[(vertebrae | sacral) & near] = BODY
    return parts


def _drawn_out(landmarks: Landmarks, labelled: set[str]) -> Landmarks:
    """The landmarks and the labelled levels next above and below them, a usual step farther in a straight line."""
    known = landmarks.only(LEVELS)
    names = sorted(known.names, key=anatomical_order)
    if not names:
        return landmarks
    points = {name: known.point(name) for name in names}
    for down in (False, True):
        end, before = (names[-1], names[-2:-1]) if down else (names[0], names[1:2])
        straight = np.array([0.0, 0.0, -1.0 if down else 1.0])
        course = points[end] - points[before[0]] if before else straight
        course = course / max(float(np.linalg.norm(course)), 1e-6)
        pairs = [(end, name) if down else (name, end) for name in labelled if name not in points and name in LEVELS]
        # The nearest one: T11 goes on to L1 only where there is no T12.
        nearest = sorted(pairs, key=lambda pair: anatomical_order(pair[1]) - anatomical_order(pair[0]))
        found = next((pair for pair in nearest if pair in STEP_MM), None)
        if found:
            points[found[1] if down else found[0]] = points[end] + STEP_MM[found] * course
    return Landmarks(tuple(points), np.array(list(points.values())))


def column_of(detection: LabelMap) -> LabelMap:
    """1 where a detection, of two classes or of parts, is body or disc."""
    return LabelMap(np.isin(detection.voxels, COLUMN).astype(np.uint8), detection.grid)
