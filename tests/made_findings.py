"""Findings made by hand: L1, L2 and a truncated L3 as blocks, with parts, centroids, names and doubts."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.anatomy.parts import ARCH, BODY, DISC
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, VertebraMap
from utility_functions.records.naming_record import NamingRecord

SHAPE = (40, 70, 110)
GRID = Grid.from_spacing(SHAPE, (1.0, 1.0, 1.0))
BLOCKS = (("L1", 80, 104), ("L2", 45, 69), ("L3", 0, 34))


def block_findings() -> Findings:
    """Blocks of 30 x 26 x 24 mm with an arch behind, discs between them; L3 lies half in the scan. On GRID."""
    labels, parts = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    parts[5:35, 35:61, 69:80] = DISC
    for name, low, high in BLOCKS:
        for code, back, front in ((BODY, 35, 61), (ARCH, 10, 30)):
            block = slice(5, 35), slice(back, front), slice(low, high)
            labels[block], parts[block] = VERSE_IDS[name], code
    landmarks = Landmarks(("L1", "L2", "L3"), np.array([[19.5, 47.5, z] for z in (91.5, 56.5, 16.5)]))
    found = Findings("scan", GRID).having(
        instances=VertebraMap(labels, GRID), detection=PartMap(parts, GRID), landmarks=landmarks
    )
    record = NamingRecord(
        {"L1": 0.9, "L2": 0.4},
        interpolated=("L3",),
        ranges={"L2": ("L1", "L3")},
        warning="Some levels may be wrong: 9 %.",
    )
    return found.named(record)


def some_labels(grid: Grid) -> LabelMap:
    """Levels of all kinds (L1, L2, sacrum, L6, T13) as boxes that no turn of the grid leaves as they are."""
    voxels = np.zeros(grid.shape, np.uint8)
    x, y, z = grid.shape
    voxels[1 : x // 2, 1:4, 1:3] = VERSE_IDS["L1"]
    voxels[x // 2 :, 2:, 2:4] = VERSE_IDS["L2"]
    voxels[: x - 2, y - 2 :, z - 2 :] = VERSE_IDS["S1"]
    voxels[0, 0, 0], voxels[x - 1, y - 1, 0] = VERSE_IDS["L6"], VERSE_IDS["T13"]
    return LabelMap(voxels, grid)
