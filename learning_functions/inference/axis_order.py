"""Whether the axes of a scan are in another order than its header says: its spine then does not run up and down.

A network that was trained on patients whose heads are up hardly sees a spine that lies across the scan: few bodies, and
arches of which it is not sure. The same scan with its axes exchanged shows many times as much certain arch. Up and
down, and left and right, look alike in this, so that they are not told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.parts import COLUMN
from utility_functions.geometry.boxes import part_of, within
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.quarter_turns import turned
from utility_functions.geometry.volume import Volume

WORLD = "RAS"
UP_FROM_MM3 = 20_000.0
"""A column of bodies and discs of this volume that runs up and down shows that no axes are exchanged."""
STEEP = 0.7
"""It runs up and down where its longest axis is no farther than 45 degrees from that."""
LEAST_MM = 40.0
"""A spine of which nothing is seen along so much of an axis does not run there, as far as anything shows."""
MOST_MM = 240.0
"""Of a larger region the middle is looked at."""
MORE_BY, FAR_MORE_BY = 3.0, 8.0
"""The certain arch must grow by the first factor where the network believes in its arches, else by the second."""
LEAST_ARCH_MM3 = 5000.0
NOTES = {
    0: "The spine seems to run between left and right, as the header names its axes",
    1: "The spine seems to run between front and back, as the header names its axes",
}
ADVICE = (
    "the axes of the array are in another order than the header says, which hides vertebrae or gives them wrong names; "
    "correct the header first."
)


@dataclass(frozen=True)
class CertainArch:
    """How much arch a network is certain of, and its mean probability of arch where that is the likeliest part."""

    mm3: float
    mean_probability: float


def axes_note(
    parts: NDArray[np.integer],
    image: Volume,
    stored: CertainArch,
    believed_from: float,
    arch_in: Callable[[Volume], CertainArch],
) -> str:
    """The note on a scan whose axes are in another order; "" where nothing shows it.

    parts: the likeliest part (anatomy/parts.py) of each voxel of ``image``, an upright grid. stored: the arch as the
    scan is. arch_in: that in another image, which is resampled as the network needs it. A long column that runs up and
    down settles it without another prediction; else at most eight of a bounded region follow.
    """
    spacing = np.array(image.grid.spacing_mm)
    found = np.argwhere(parts > 0)
    if not len(found) or runs_upwards(parts, image.grid):
        return ""
    middle = np.median(found, axis=0)
    half = np.ceil(MOST_MM / 2 / spacing)
    low, high = np.maximum(found.min(axis=0), middle - half), np.minimum(found.max(axis=0), middle + half)
    beside = np.ceil((MOST_MM - (high - low) * spacing).clip(0) / 2 / spacing)
    box = within((low - beside).astype(int), (high + beside + 1).astype(int), image.grid.shape)
    shown = Volume(image.voxels[box], part_of(image.grid, box))
    best, along = stored, None
    for axis in (0, 1):  # left and right, front and back: an upright grid has them along its first two axes
        if (high - low)[axis] * spacing[axis] < LEAST_MM:
            continue
        for quarter_turns in range(4):
            arch = arch_in(turned(with_axis_up(shown, axis), quarter_turns))
            factor = MORE_BY if arch.mean_probability >= believed_from else FAR_MORE_BY
            if arch.mm3 > best.mm3 and arch.mm3 >= max(factor * stored.mm3, LEAST_ARCH_MM3):
                best, along = arch, axis
    return "" if along is None else f"{NOTES[along]}: {ADVICE}"


def runs_upwards(parts: NDArray[np.integer], grid: Grid) -> bool:
    """Whether bodies and discs form a column that runs up and down, and is long enough to tell."""
    column = np.argwhere(np.isin(parts, COLUMN)) * np.array(grid.spacing_mm)
    if len(column) * grid.voxel_volume_mm3 < UP_FROM_MM3:
        return False
    _, directions = np.linalg.eigh(np.cov(column.T))
    return bool(abs(directions[2, -1]) >= STEEP)


def with_axis_up(volume: Volume, axis: int) -> Volume:
    """The volume turned so that a horizontal axis of the world (0: to the right, 1: to the front) runs up and down."""
    world = volume.reoriented(WORLD)
    voxels = np.flip(np.swapaxes(world.voxels, axis, 2), axis)  # exchanged and mirrored: a turn
    spacing = list(world.grid.spacing_mm)
    spacing[axis], spacing[2] = spacing[2], spacing[axis]
    return Volume(np.ascontiguousarray(voxels), Grid.from_spacing(voxels.shape, spacing, (0.0, 0.0, 0.0), WORLD))
