"""Whether the intensities of a CT are Hounsfield units, and the one offset that can be undone beyond doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

USUAL_OFFSET = 1024
"""What scanners add to HU so that stored numbers are never negative; the header's intercept takes it away again."""
AIR_MOST, AIR_LEAST_FRACTION = 60.0, 0.05
"""With the offset, air lies at 0 to 24 and padding at 0; so much of the scan is air at least."""
TISSUE = (850.0, 1200.0)
"""Fat, water and muscle with the offset: -174 to 176 HU."""
TISSUE_PEAK = (900.0, 1150.0)
TISSUE_LEAST_FRACTION = 0.6
"""So much of what is no air, lung or border lies in TISSUE at least; intensities of MR are spread wider."""
LUNG_MOST = 700.0
LEAST_RANGE = 200.0
"""From fat to bone are more HU than this."""
SAMPLED = 2_000_000


def offset_of(voxels: NDArray[Any]) -> int:
    """USUAL_OFFSET where the voxels hold HU plus it beyond doubt: no value below 0, air at 0, soft tissue near 1064.

    Otherwise 0.
    """
    if voxels.dtype.kind not in "iuf" or float(voxels.min()) < 0 or float(voxels.max()) < TISSUE[1]:
        return 0
    values = _sampled(voxels)
    body = values[values > LUNG_MOST]
    if (values <= AIR_MOST).mean() < AIR_LEAST_FRACTION or not body.size:
        return 0
    counts, edges = np.histogram(body, bins=np.arange(LUNG_MOST, float(body.max()) + 20, 10.0))
    peak = float(edges[counts.argmax()]) + 5.0
    in_tissue = float(((body >= TISSUE[0]) & (body <= TISSUE[1])).mean())
    doubted = not TISSUE_PEAK[0] <= peak <= TISSUE_PEAK[1] or in_tissue < TISSUE_LEAST_FRACTION
    return 0 if doubted else USUAL_OFFSET


def doubt_of_hu(voxels: NDArray[Any]) -> str:
    """Why intensities can be no Hounsfield units, in a sentence; "" where they can."""
    lowest, highest = float(voxels.min()), float(voxels.max())
    ends = f"from {lowest:.4g} to {highest:.4g}"
    if highest - lowest < LEAST_RANGE and lowest > -LEAST_RANGE:
        return (
            f"The intensities run {ends}: these are no Hounsfield units, in which fat and bone alone lie farther apart."
        )
    if lowest >= 0:
        return f"The intensities run {ends}: these are no Hounsfield units, in which fat and air are negative."
    return ""


def _sampled(voxels: NDArray[Any]) -> NDArray[Any]:
    """Evenly spread voxels, SAMPLED at most or little more."""
    step = max(round((voxels.size / SAMPLED) ** (1 / 3)), 1)
    return voxels[::step, ::step, ::step].ravel()
