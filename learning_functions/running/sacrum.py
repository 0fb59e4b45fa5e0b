"""The sacrum, which ways of finding vertebrae leave as it was found before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.findings import Findings
from utility_functions.anatomy.labels import SACRAL, VERSE_IDS


def keep_sacrum(voxels: NDArray[np.uint8], findings: Findings) -> None:
    """Write sacral levels found before into VerSe ids (x, y, z) on the findings' grid, where no vertebra is."""
    if findings.instances is None:
        return
    before = findings.instances.voxels
    sacral = np.isin(before, [VERSE_IDS[name] for name in SACRAL if name in VERSE_IDS]) & (voxels == 0)
    voxels[sacral] = before[sacral]
