"""Which part of the spine a voxel is (body, disc, arch, sacrum), from masks of whole vertebrae and their centroids."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import SACRAL, VERSE_IDS, VERTEBRAE
from utility_functions.anatomy.targets import dense_levels
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap

PARTS = ("background", "body", "disc", "arch", "sacrum")
"""The parts by their code. A detection of two classes, the published tubes, has 1 where a body or a disc is."""
BODY, DISC, ARCH, SACRUM = range(1, 5)
COLUMN = (BODY, DISC)
"""The column of bodies and discs, whose voxels tell the level."""
VERTEBRA = (BODY, ARCH)
"""What masks of whole vertebrae hold."""
WIDER = 1.3
"""The published disks reach this much less far than the rims of bodies do."""


def vertebra_parts(landmarks: Landmarks, label_map: LabelMap, ids: Mapping[str, int] = VERSE_IDS) -> NDArray[np.uint8]:
    """The part (code of PARTS) of every voxel of ``label_map``, which lies on an upright RAS grid.

    landmarks: body centroids; ids: the code that the map of whole vertebrae is written in. A labelled voxel near the
    line through the centroids is body, others arch; what that line passes unlabelled is disc. S1 counts as a body
    where it has a centroid.
    """
    column = dense_levels(landmarks, label_map.grid) > 0
    near = dense_levels(landmarks, label_map.grid, WIDER) > 0
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


def column_of(detection: LabelMap) -> LabelMap:
    """1 where a detection, of two classes or of parts, says body or disc."""
    return detection.with_voxels(np.isin(detection.voxels, COLUMN).astype(np.uint8))
