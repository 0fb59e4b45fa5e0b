"""How the patient lies: where parts of vertebrae are found with little certainty, quarter turns of the scan are tried.

A header can say wrongly how a patient lay (a quarter or a half turn about the long axis). Networks that learnt from
patients on their back then still find bodies, which look alike from all sides, but hardly any arch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from learning_functions.inference.class_probabilities import Shares
from utility_functions.anatomy.parts import ARCH
from utility_functions.geometry.boxes import common, part_of, widened
from utility_functions.geometry.quarter_turns import side_shown, turned
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.turned_findings import turned_findings

HESITANT = 0.86
"""Turns are looked at below this mean share of the voxels of arch: as patients lie it is 0.85 to 0.93, else to 0.83."""
BELIEVED, BETTER, LEAST_MM3 = 0.82, 1.5, 2000.0
"""A turn is believed from this mean share on, where so many times more is arch for certain, and at least so much."""
SURE = 0.9
"""A voxel is arch for certain from this share on."""
AROUND_MM = 40.0
"""Turns are looked at this far round what was found of vertebrae; where nothing was, there are no bodies to see."""
CRUMB_SHARE = 0.02
"""Pieces of less than this share of the largest one do not count there."""


class Seen(NamedTuple):
    """Shares (x, y, z, classes) of an image, and the quarters of a turn by which it lies as the patient does."""

    shares: Shares
    image: Volume
    quarters: int


def as_the_patient_lies(look: Callable[[Volume], Shares], image: Volume, air: float) -> Seen:
    """What a network of parts sees of an image, turned by quarters where it hesitates and a turn shows far more.

    look: the shares of each part (anatomy/parts.py) at each voxel of an image on an upright grid.
    """
    shares = look(image)
    first = _arch_of(shares, image)
    if first.mean_share >= HESITANT:
        return Seen(shares, image, 0)
    part = _part_round(shares, image)
    if part is None:
        return Seen(shares, image, 0)

    def placed(shown: Volume, quarters: int) -> Volume:
        upright = turned(shown, quarters).reoriented(image.grid.axcodes)
        if upright.grid.spacing_mm == image.grid.spacing_mm:
            return upright
        return resample(upright, upright.grid.upright(image.grid.spacing_mm, image.grid.axcodes), fill=air)

    arches = {}
    for quarters in (1, 2, 3):
        shown = placed(part, quarters)
        arches[quarters] = _arch_of(look(shown), shown)
    best = max(arches, key=lambda quarters: arches[quarters].certain_mm3)
    believed = arches[best].mean_share >= BELIEVED and arches[best].certain_mm3 >= LEAST_MM3
    if not believed or arches[best].certain_mm3 < BETTER * first.certain_mm3:
        return Seen(shares, image, 0)
    whole = placed(image, best)
    return Seen(look(whole), whole, best)


def in_the_patients_frame(run: Callable[[Volume, Findings], Findings], volume: Volume, findings: Findings) -> Findings:
    """What ``run`` finds in a scan that is shown to it as the patient lies; told where the header puts it."""
    if not findings.quarters:
        return run(volume, findings)
    shown = turned_findings(findings, findings.quarters)
    found = run(turned(volume, findings.quarters), shown)
    handed_on = {name: getattr(findings, name) for name, each in found.maps.items() if each is getattr(shown, name)}
    return turned_findings(found, -findings.quarters).having(grid=volume.grid, **handed_on)


def note_of(quarters: int) -> str:
    """What a reader must know of a patient who lies otherwise than the header says."""
    return (
        f"The patient does not lie as the header says: what it calls anterior is {side_shown('anterior', quarters)}, "
        f"what it calls left is {side_shown('left', quarters)}. The scan was turned for models and pictures; files "
        "tell all where the header puts it."
    )


class _Arch(NamedTuple):
    """The mean share of what is likeliest arch, 0 where nothing is, and the volume that is so for certain."""

    mean_share: float
    certain_mm3: float


def _arch_of(shares: Shares, image: Volume) -> _Arch:
    seen = shares[..., ARCH][shares.argmax(axis=-1) == ARCH].astype(np.float32)
    return _Arch(float(seen.mean()) if seen.size else 0.0, float((seen >= SURE).sum()) * image.grid.voxel_volume_mm3)


def _part_round(shares: Shares, image: Volume) -> Volume | None:
    """The box of the image round what is some part of a vertebra, but for crumbs; None where nothing is."""
    pieces, _ = ndimage.label(shares.argmax(axis=-1) > 0)
    sizes = np.bincount(pieces.ravel())[1:]
    if not sizes.size:
        return None
    large = np.flatnonzero(sizes >= CRUMB_SHARE * sizes.max()) + 1
    [found] = ndimage.find_objects(np.isin(pieces, large).astype(np.uint8))
    around = np.ceil(np.divide(AROUND_MM, image.grid.spacing_mm)).astype(int)
    box = common(widened(found, *around.tolist()), tuple(slice(0, size) for size in image.grid.shape))
    return Volume(image.voxels[box], part_of(image.grid, box))
