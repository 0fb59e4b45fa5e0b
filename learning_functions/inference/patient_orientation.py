"""Patient orientation: quarter turns of the scan are tried where vertebral arches are predicted with low probability.

A header can be wrong about how a patient lay, by a quarter or a half turn about the long axis. Networks trained on
supine patients then still find bodies, which look alike from all sides, but hardly any arch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from learning_functions.inference.axis_order import CertainArch, axes_note
from learning_functions.task_options.orientation_check import OrientationCheck
from utility_functions.anatomy.parts import ARCH
from utility_functions.geometry.boxes import box_at, common, part_of, widened
from utility_functions.geometry.quarter_turns import side_shown, turned
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.map_kinds import ClassProbabilities

MARGIN_MM = 40.0
"""Turns are tried in this margin round the vertebrae found."""
SCREENED = 0.5
"""A mean of two predictions is certain only where one of them is, so that it can hardly show twice as much as one."""
SMALL_PIECE_FRACTION = 0.02
"""Components below this fraction of the largest one do not count."""


class SettledOrientation(NamedTuple):
    """Probabilities of the parts, and the quarter turns that bring the scan into the patient's orientation.

    doubt: a note on axes that are in another order; "" where nothing shows it.
    """

    probabilities: ClassProbabilities
    quarter_turns: int
    doubt: str = ""


def settled_orientation(
    probabilities_of: Callable[[Volume], ClassProbabilities],
    image: Volume,
    padding_value: float,
    check: OrientationCheck,
    screening: Callable[[Volume], ClassProbabilities] | None = None,
) -> SettledOrientation:
    """The probabilities of the parts of an image, turned by quarter turns if another orientation shows far more arch.

    probabilities_of: of each part (anatomy/parts.py) at each voxel of an image on an upright grid. check: thresholds of
    the model's card, which say when the network hesitates and what is far more. screening: cheaper probabilities, such
    as those without the mirror image; a turn in which they show less than SCREENED of the arch that it needs is not
    predicted again.
    """
    probabilities = probabilities_of(image)
    original = _certain_arch(probabilities, check)
    if original.mean_probability >= check.hesitant_below:
        return SettledOrientation(probabilities, 0)
    region = _region_around(probabilities, image)
    if region is None:
        return SettledOrientation(probabilities, 0)

    def upright_turn(volume: Volume, quarter_turns: int) -> Volume:
        upright = turned(volume, quarter_turns).reoriented(image.grid.axcodes)
        if upright.grid.spacing_mm == image.grid.spacing_mm:
            return upright
        grid = upright.grid.upright(image.grid.spacing_mm, image.grid.axcodes)
        return resample(upright, grid, fill=padding_value)

    needed_mm3 = max(check.better_by * original.mm3, check.least_mm3)

    def response(shown: Volume) -> CertainArch:
        if screening is not None:
            screened = _certain_arch(screening(shown), check)
            if screened.mm3 < SCREENED * needed_mm3:
                return screened
        return _certain_arch(probabilities_of(shown), check)

    arches = {quarter_turns: response(upright_turn(region, quarter_turns)) for quarter_turns in (1, 2, 3)}
    best = max(arches, key=lambda quarter_turns: arches[quarter_turns].mm3)
    settled = SettledOrientation(probabilities, 0)
    if arches[best].mean_probability >= check.believed_from and arches[best].mm3 >= needed_mm3:
        settled = SettledOrientation(probabilities_of(upright_turn(image, best)), best)
    doubt = axes_note(
        probabilities.likeliest,
        image,
        max(original, *arches.values(), key=lambda arch: arch.mm3),
        check.believed_from,
        lambda shown: response(upright_turn(shown, 0)),
    )
    return settled._replace(doubt=doubt)


def note_of(quarter_turns: int) -> str:
    """A note for the user on a patient whose orientation differs from the header."""
    return (
        "The patient does not lie as the header says: "
        f"what it calls anterior is {side_shown('anterior', quarter_turns)}, "
        f"what it calls left is {side_shown('left', quarter_turns)}. "
        "Where the array is mirrored instead, which a spine does not show, left and right are the other way round. "
        "Models and pictures use the turned scan; files keep the orientation of the header."
    )


def _certain_arch(probabilities: ClassProbabilities, check: OrientationCheck) -> CertainArch:
    arch = probabilities.voxels[..., ARCH][probabilities.likeliest == ARCH].astype(np.float32)
    certain_mm3 = float((arch >= check.certain_from).sum()) * probabilities.grid.voxel_volume_mm3
    return CertainArch(certain_mm3, float(arch.mean()) if arch.size else 0.0)


def _region_around(probabilities: ClassProbabilities, image: Volume) -> Volume | None:
    """The image's box round the parts found, without small components; None where nothing was found."""
    pieces, _ = ndimage.label(probabilities.likeliest > 0)
    sizes = np.bincount(pieces.ravel())[1:]
    if not sizes.size:
        return None
    large = np.flatnonzero(sizes >= SMALL_PIECE_FRACTION * sizes.max()) + 1
    [found] = ndimage.find_objects(np.isin(pieces, large).astype(np.uint8))
    around = np.ceil(np.divide(MARGIN_MM, image.grid.spacing_mm)).astype(int)
    box = common(widened(found, *around.tolist()), box_at((0, 0, 0), image.grid.shape))
    return Volume(image.voxels[box], part_of(image.grid, box))
