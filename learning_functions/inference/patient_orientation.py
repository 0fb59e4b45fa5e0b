"""How the patient lies: where parts of vertebrae are found with little certainty, quarter turns of the scan are tried.

A header can say wrongly how a patient lay (a quarter or a half turn about the long axis). Networks that learnt from
patients on their back then still find bodies, which predict alike from all sides, but hardly any arch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import ARCH
from utility_functions.geometry.boxes import box_at, common, part_of, widened
from utility_functions.geometry.quarter_turns import side_shown, turned
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import ClassProbabilities

MARGIN_MM = 40.0
"""Turns are looked at this far round what was found of vertebrae; where nothing was, there are no bodies to see."""
SMALL_PIECE_FRACTION = 0.02
"""Pieces of less than this share of the largest one do not count there."""


class SettledOrientation(NamedTuple):
    """What a network of parts tells of a scan, and the quarter turns by which that is shown as the patient lies."""

    probabilities: ClassProbabilities
    quarter_turns: int


def settled_orientation(
    probabilities_of: Callable[[Volume], ClassProbabilities],
    image: Volume,
    padding_value: float,
    check: OrientationCheck,
) -> SettledOrientation:
    """What a network of parts tells of an image, turned by quarter_turns where it hesitates and a turn shows far more.

    probabilities_of: of each part (anatomy/parts.py) at each voxel of an image on an upright grid. check: what the
    model's card tells of when it hesitates, and what is far more.
    """
    probabilities = probabilities_of(image)
    first = _arch_response(probabilities, check)
    if first.mean_probability >= check.hesitant_below:
        return SettledOrientation(probabilities, 0)
    part = _region_around(probabilities, image)
    if part is None:
        return SettledOrientation(probabilities, 0)

    def placed(shown: Volume, quarter_turns: int) -> Volume:
        upright = turned(shown, quarter_turns).reoriented(image.grid.axcodes)
        if upright.grid.spacing_mm == image.grid.spacing_mm:
            return upright
        grid = upright.grid.upright(image.grid.spacing_mm, image.grid.axcodes)
        return resample(upright, grid, fill=padding_value)

    arches = {
        quarter_turns: _arch_response(probabilities_of(placed(part, quarter_turns)), check)
        for quarter_turns in (1, 2, 3)
    }
    best = max(arches, key=lambda quarter_turns: arches[quarter_turns].certain_mm3)
    believed = arches[best].mean_probability >= check.believed_from and arches[best].certain_mm3 >= check.least_mm3
    if not believed or arches[best].certain_mm3 < check.better_by * first.certain_mm3:
        return SettledOrientation(probabilities, 0)
    return SettledOrientation(probabilities_of(placed(image, best)), best)


def note_of(quarter_turns: int) -> str:
    """What a reader must know of a patient who lies misaligned than the header says."""
    return (
        f"The patient does not lie as the header says: what it calls anterior is {side_shown('anterior', quarter_turns)}, "
        f"what it calls left is {side_shown('left', quarter_turns)}. The scan was turned for models and pictures; files "
        "tell all where the header puts it."
    )


class _ArchResponse(NamedTuple):
    """The mean share of what is likeliest arch, 0 where nothing is, and the volume that is so for certain."""

    mean_probability: float
    certain_mm3: float


def _arch_response(probabilities: ClassProbabilities, check: OrientationCheck) -> _ArchResponse:
    voxels = probabilities.voxels
    seen = voxels[..., ARCH][voxels.argmax(axis=-1) == ARCH].astype(np.float32)
    certain_mm3 = float((seen >= check.certain_from).sum()) * probabilities.grid.voxel_volume_mm3
    return _ArchResponse(float(seen.mean()) if seen.size else 0.0, certain_mm3)


def _region_around(probabilities: ClassProbabilities, image: Volume) -> Volume | None:
    """The box of the image round what is some part of a vertebra, but for small pieces; None where nothing is."""
    pieces, _ = ndimage.label(probabilities.voxels.argmax(axis=-1) > 0)
    sizes = np.bincount(pieces.ravel())[1:]
    if not sizes.size:
        return None
    large = np.flatnonzero(sizes >= SMALL_PIECE_FRACTION * sizes.max()) + 1
    [found] = ndimage.find_objects(np.isin(pieces, large).astype(np.uint8))
    around = np.ceil(np.divide(MARGIN_MM, image.grid.spacing_mm)).astype(int)
    box = common(widened(found, *around.tolist()), box_at((0, 0, 0), image.grid.shape))
    return Volume(image.voxels[box], part_of(image.grid, box))
