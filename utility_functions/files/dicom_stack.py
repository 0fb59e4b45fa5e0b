"""Slices of a DICOM series put in order by their places.

A stack that leans (gantry tilt), lacks single slices or has uneven steps is made regular by interpolation; where too
much is missing it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.files.stored_image import grid_of, require_spacing, three_axes
from utility_functions.geometry.grid import Grid

DIFFERENT_DIRECTION = 1e-3  # radians between the axes of two slices that are not parallel
SAME_PLACE_MM = 1e-3
# How far a slice may lie from its regular place: the smaller of a fraction of the step and a length.
UNEVEN_FRACTION, UNEVEN_MM = 0.1, 0.2
MOST_STRAY = 0.25  # of a series' images
TILT_PIXELS = 0.25  # how far a stack may lean along its slices before it counts as tilted
MOST_STEPS = 3.5  # the widest gap that is filled, in usual steps
MOST_GAP_MM = 10.0  # and in mm, where it is more than a usual step
MOST_FILLED = 0.2  # of the slices of the regular stack
MOST_TILT_DEGREES = 45.0


@dataclass(frozen=True, eq=False)
class Slice:
    """One image of a series: a file, or one frame of it.

    position_mm: centre of the first pixel (3,), LPS. directions: (2, 3), along a row and down a column, LPS.
    spacing_mm and shape: along a row, down a column. None where the file does not say.
    frame: its number in the file from 0 on, None where the file is one image. kinds: what tells acquisitions apart.
    intensity = stored * slope + intercept.
    """

    path: Path
    series_uid: str
    localiser: bool
    position_mm: NDArray[np.float64] | None
    directions: NDArray[np.float64] | None
    spacing_mm: tuple[float, float] | None
    shape: tuple[int, int]
    series_number: int = 0
    frame: int | None = None
    kinds: tuple[str, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def placed(self) -> bool:
        """Whether the file says where in the patient it lies."""
        return self.position_mm is not None and self.directions is not None and self.spacing_mm is not None


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of a scan in order, and how its voxels come from theirs.

    grid: of the scan. leaning: that of the slices where it is another one (gantry tilt), else None.
    places: (n,) for each slice of the regular stack its place among the slices, such as 2.5 between two of them.
    notes: what was made regular, in sentences without the file.
    """

    slices: list[Slice]
    grid: Grid
    leaning: Grid | None
    places: NDArray[np.float64]
    notes: tuple[str, ...]


def without_strays(path: Path, slices: Sequence[Slice]) -> tuple[list[Slice], list[Slice]]:
    """The slices of the stack, and single images of another direction or size among them (scouts, key images).

    An image is stray where it is not parallel to the others, or has another size and lies where a slice is already.
    Raises: BrokenFile, naming a file, where more than a quarter is stray, and where an image of another size lies
    beyond the others.
    """
    first, *others = parallel(slices)
    strays = [one for group in others for one in group]
    kept, *unlike = _alike(first, lambda one, other: (one.shape, one.spacing_mm) == (other.shape, other.spacing_mm))
    normal = np.cross(*_axes_of(kept[0]))
    along = [float(np.dot(one.position_mm, normal)) for one in kept if one.position_mm is not None]
    for one in (one for group in unlike for one in group):
        if one.position_mm is None or not min(along) <= float(np.dot(one.position_mm, normal)) <= max(along):
            what = "pixel counts" if one.shape != kept[0].shape else "pixel spacings"
            theirs, ours = (
                (one.shape, kept[0].shape) if one.shape != kept[0].shape else (one.spacing_mm, kept[0].spacing_mm)
            )
            raise BrokenFile(f"{path}: its slices have different {what} ({ours}, but {one.path.name} has {theirs}).")
        strays.append(one)
    if len(strays) > MOST_STRAY * len(slices):
        raise BrokenFile(
            f"{path}: its slices do not lie parallel to each other ({kept[0].path.name} and {strays[0].path.name})."
        )
    return kept, strays


def parallel(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Placed slices in groups of one direction each, the largest first."""
    return _alike(slices, lambda one, other: bool(_turned(one, other) <= DIFFERENT_DIRECTION))


def sagittal_share(one: Slice) -> float:
    """How nearly a slice lies sagittal: 1 for one that does, 0 for one at right angles to that."""
    return float(abs(np.cross(*_axes_of(one))[0]))


def _alike(slices: Sequence[Slice], same: Callable[[Slice, Slice], bool]) -> list[list[Slice]]:
    """The slices in groups, each like the first of its group, the largest group first."""
    groups: list[list[Slice]] = []
    for one in slices:
        group = next((group for group in groups if same(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return sorted(groups, key=len, reverse=True)


def _axes_of(one: Slice) -> NDArray[np.float64]:
    """The directions (2, 3) of a placed slice."""
    return np.zeros((2, 3)) if one.directions is None else one.directions


def _turned(one: Slice, other: Slice) -> float:
    return float(np.abs(_axes_of(one) - _axes_of(other)).max())


def stacked(path: Path, slices: Sequence[Slice]) -> Stack:
    """Placed slices of one series in order along row x column.

    Raises: BrokenFile for slices that are not parallel, duplicate, or of which too much is missing.
    """
    directions = np.array([one.directions for one in slices])
    if np.abs(directions - directions[0]).max() > DIFFERENT_DIRECTION:
        raise BrokenFile(f"{path}: its slices do not lie parallel to each other.")
    shapes, spacings = {one.shape for one in slices}, {one.spacing_mm or (0.0, 0.0) for one in slices}
    for what, values in (("pixel counts", shapes), ("pixel spacings", spacings)):
        if len(values) > 1:
            raise BrokenFile(f"{path}: its slices have different {what} ({', '.join(str(v) for v in sorted(values))}).")
    spacing = spacings.pop()
    require_spacing(path, spacing)
    row, column = directions[0] / np.linalg.norm(directions[0], axis=1, keepdims=True)
    normal = np.cross(row, column)
    positions = np.array([one.position_mm for one in slices])
    order = np.argsort(positions @ normal, kind="stable")
    ordered, positions = [slices[i] for i in order], positions[order]
    three_axes(path, (*next(iter(shapes)), len(slices)))
    places, notes = _regular_places(path, ordered, positions @ normal)
    shape = three_axes(path, (*shapes.pop(), len(places)))
    step = (positions[-1] - positions[0]) / (len(places) - 1)  # mm, from slice to slice, LPS
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[0], column * spacing[1]
    affine[:3, 2], affine[:3, 3] = normal * (step @ normal), positions[0]
    leaning = None
    if tilt := _tilt_degrees(path, positions, normal, spacing):
        leant = affine.copy()
        leant[:3, 2] = step
        leaning = Grid(shape, swap_lps_ras(leant))
        offset = positions[-1] - positions[0]
        across, down = float(offset @ row) / spacing[0], float(offset @ column) / spacing[1]  # pixels
        first = [min(0, int(np.floor(pixels))) for pixels in (across, down)]
        shape = (shape[0] + int(np.ceil(abs(across))), shape[1] + int(np.ceil(abs(down))), shape[2])
        affine[:3, 3] += affine[:3, :2] @ first
        notes = (*notes, f"the gantry was tilted by {tilt:.3g} degrees; the slices are resampled at right angles")
    return Stack(ordered, grid_of(path, shape, swap_lps_ras(affine)), leaning, places, notes)


def _regular_places(
    path: Path, slices: Sequence[Slice], along_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The places of evenly spaced slices among those whose places along the normal are given in order, and notes."""
    steps = np.diff(along_mm)
    usual = float(np.median(steps))
    closest, widest = int(steps.argmin()), int(steps.argmax())
    if steps[closest] < SAME_PLACE_MM:
        pair = f"{slices[closest].path.name} and {slices[closest + 1].path.name}"
        raise BrokenFile(
            f"{path}: two slices lie at the same place ({pair}); remove copies, and keep one time point or echo."
        )
    off = min(UNEVEN_FRACTION * usual, UNEVEN_MM)
    even = np.linspace(along_mm[0], along_mm[-1], len(along_mm))
    if np.abs(along_mm - even).max() <= off:
        return np.arange(len(along_mm), dtype=float), ()
    count = round(float(along_mm[-1] - along_mm[0]) / usual) + 1
    even = np.linspace(along_mm[0], along_mm[-1], count)
    nearest = np.abs(even[:, None] - along_mm).argmin(axis=1)
    places = np.interp(even, along_mm, np.arange(len(along_mm)))
    at_slice = np.abs(even - along_mm[nearest]) <= off
    places[at_slice] = nearest[at_slice]
    missing = sum(max(round(float(step) / usual) - 1, 0) for step in steps)
    pair = f"{slices[widest].path.name} and {slices[widest + 1].path.name}"
    gap = f"{steps[widest]:.4g} mm apart, the others {usual:.4g} mm"
    if steps[widest] > MOST_STEPS * usual or (missing and steps[widest] > MOST_GAP_MM) or missing > MOST_FILLED * count:
        raise BrokenFile(
            f"{path}: {missing} {'slice is' if missing == 1 else 'slices are'} missing, such as between {pair} ({gap})."
        )
    if missing:
        number = "1 slice is" if missing == 1 else f"{missing} slices are"
        return places, (f"{number} missing, such as between {pair} ({gap}), and filled by interpolation",)
    span = f"{steps.min():.4g} to {steps.max():.4g} mm"
    return places, (f"the slices are unevenly spaced ({span}) and resampled to even steps",)


def _tilt_degrees(
    path: Path, positions: NDArray[np.float64], normal: NDArray[np.float64], spacing: tuple[float, float]
) -> float:
    """By how much the slices lean as they follow each other (gantry tilt); 0 where they do not.

    Raises: BrokenFile where they lean by more than MOST_TILT_DEGREES, or not along a straight line.
    """
    offsets = positions - positions[0]
    along = offsets @ normal
    aside = offsets - along[:, None] * normal
    most = TILT_PIXELS * min(spacing)
    if np.linalg.norm(aside, axis=1).max() <= most:
        return 0.0
    lean = aside[-1] / along[-1]  # mm aside for each mm along
    if np.linalg.norm(aside - along[:, None] * lean, axis=1).max() > most:
        raise BrokenFile(f"{path}: its slices are moved sideways against each other.")
    degrees = float(np.degrees(np.arctan(np.linalg.norm(lean))))
    if degrees > MOST_TILT_DEGREES:
        raise BrokenFile(f"{path}: its slices lean by {degrees:.3g} degrees, more than a gantry can be tilted.")
    return degrees
