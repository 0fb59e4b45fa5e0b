"""Whether a scan stands on its head: the levels that identification sees in it then agree better with it turned over.

A spine upside down still shows bodies, discs and arches, so detection does not hesitate. The levels of its bodies
depend on what lies around them, though. Shown the right way up, they follow each other more evenly, and are surer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from utility_functions.geometry.volume import LabelMap, Volume

LEAST_SPAN_MM = 90.0
"""About three lumbar vertebrae; of fewer, levels and heights tell nothing."""
DOUBTED_BELOW = 0.98
"""An agreement below this is doubted, and the scan is seen turned over, too."""
BETTER_BY, SURER_BY = 0.01, 0.08
"""Turned over, agreement and mean largest probability must both grow by so much."""
BETTER_ALONE, BELIEVED_FROM = 0.03, 0.9
"""Without probabilities, the agreement must grow by so much, and to so much."""
NOTE = (
    "The scan stands on its head, or its array is mirrored along its height: turned over, the levels seen in it agree "
    "better with their heights ({turned:.2f}, not {stored:.2f}). No vertebra is named; correct the header first."
)


def upside_down_note(
    answers: NDArray[np.float32],
    image: Volume,
    column: LabelMap,
    answers_of: Callable[[Volume, LabelMap], NDArray[np.float32]],
) -> str:
    """The note on a scan that stands on its head; "" where the levels give no reason to believe so.

    answers: (voxels, 1 or levels) levels, or their probabilities, of the voxels of ``column``, in the order of
    np.argwhere. answers_of: the same of another image. Both lie on an upright grid whose third axis runs upwards.
    """
    stored = agreement(levels_of(answers), column)
    if stored >= DOUBTED_BELOW:
        return ""
    over = column.with_voxels(np.ascontiguousarray(column.voxels[:, :, ::-1]))
    answers_over = answers_of(image.with_voxels(np.ascontiguousarray(image.voxels[:, :, ::-1])), over)
    turned = agreement(levels_of(answers_over), over)
    if answers.shape[1] == 1:
        believed = turned - stored >= BETTER_ALONE and turned >= BELIEVED_FROM
    else:
        surer = float(answers_over.max(axis=1).mean() - answers.max(axis=1).mean())
        believed = turned - stored >= BETTER_BY and surer >= SURER_BY
    return NOTE.format(turned=turned, stored=stored) if believed else ""


def levels_of(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """The level of each voxel, from the network's numbers or from its probabilities (voxels, 1 or levels)."""
    return answers[:, 0] if answers.shape[1] == 1 else (answers.argmax(axis=1) + 1).astype(np.float32)


def agreement(levels: NDArray[np.float32], column: LabelMap) -> float:
    """The correlation of depth and median level over the slices of a column: 1 where levels grow downwards evenly.

    1 also where the column is too short to tell.
    """
    slices = np.nonzero(column.voxels)[2]
    there = np.unique(slices)
    if not there.size or np.ptp(there) * column.grid.spacing_mm[2] < LEAST_SPAN_MM:
        return 1.0
    medians = np.array([np.median(levels[slices == each]) for each in there])
    return 1.0 if np.ptp(medians) == 0 else -float(np.corrcoef(there, medians)[0, 1])
