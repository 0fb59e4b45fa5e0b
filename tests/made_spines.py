"""Spines of blocks: bodies with arches, discs between them and a canal behind, in SPIDER's code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap

SPACING_MM = (3.0, 2.0, 2.0)
BODY, DISC = 8, 3
"""Voxels along the spine of a body and of a disc."""


def spine_voxels(count: int = 3, below: int = 6) -> NDArray[np.uint8]:
    """(14, 40, height) stored as RAS; ``below`` empty rows under the first vertebra's disc."""
    step = BODY + DISC
    voxels = np.zeros((14, 40, below + count * step + 6), np.uint8)
    voxels[5:9, 14:18, 2:-2] = 100
    for number in range(1, count + 1):
        low = below + (number - 1) * step
        voxels[3:11, 19:32, low : low + DISC] = 200 + number
        voxels[3:11, 19:32, low + DISC : low + step] = number
        arch = voxels[3:11, 8:19, low + DISC + 2 : low + step - 2]
        arch[arch == 0] = number
    return voxels


def spine(count: int = 3, axcodes: str = "RAS", spacing_mm: tuple[float, float, float] = SPACING_MM) -> LabelMap:
    """That spine in any storage."""
    voxels = spine_voxels(count)
    grid = Grid.from_spacing(voxels.shape, spacing_mm, (-20.0, -30.0, 5.0))
    return LabelMap(voxels, grid).reoriented(axcodes)
