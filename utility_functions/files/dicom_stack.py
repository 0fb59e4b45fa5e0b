"""Slices of a DICOM series put in order by their places; a stack that is not regular is refused."""

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


@dataclass(frozen=True, eq=False)
class Slice:
    """The header of one file.

    position_mm: centre of the first pixel (3,), LPS. directions: (2, 3), along a row and down a column, LPS.
    spacing_mm and shape: along a row, down a column. None where the file does not say.
    inverted_from: where the reader inverts what is stored, what the two values of a pixel add up to.
    """

    path: Path
    series_uid: str
    localiser: bool
    position_mm: NDArray[np.float64] | None
    directions: NDArray[np.float64] | None
    spacing_mm: tuple[float, float] | None
    shape: tuple[int, int]
    inverted_from: float | None = None

    @property
    def placed(self) -> bool:
        """Whether the file says where in the patient it lies."""
        return self.position_mm is not None and self.directions is not None and self.spacing_mm is not None


def without_strays(path: Path, slices: Sequence[Slice]) -> tuple[list[Slice], list[Slice]]:
    """The slices of the stack, and single images of another direction or size among them (scouts, key images).

    An image is stray where it is not parallel to the others, or has another size and lies where a slice is already.
    Raises: BrokenFile, naming a file, where more than a quarter is stray, and where an image of another size lies
    beyond the others.
    """
    first, *others = _alike(slices, lambda one, other: bool(_turned(one, other) <= DIFFERENT_DIRECTION))
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


def stacked(path: Path, slices: Sequence[Slice]) -> tuple[list[Slice], Grid]:
    """Placed slices of one series in order along row x column, and the grid they make up.

    Raises: BrokenFile for slices that are not parallel, missing, duplicate, unevenly spaced or tilted.
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
    shape = three_axes(path, (*shapes.pop(), len(slices)))
    step_mm = _regular_step(path, ordered, positions @ normal)
    _require_upright(path, positions, normal, spacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[0], column * spacing[1]
    affine[:3, 2] = normal * step_mm
    affine[:3, 3] = positions[0]
    return ordered, grid_of(path, shape, swap_lps_ras(affine))


def _regular_step(path: Path, slices: Sequence[Slice], along_mm: NDArray[np.float64]) -> float:
    """Distance of neighbouring slices, whose places along the normal are given in order."""
    steps = np.diff(along_mm)
    usual = float(np.median(steps))
    closest, widest = int(steps.argmin()), int(steps.argmax())
    if steps[closest] < SAME_PLACE_MM:
        pair = f"{slices[closest].path.name} and {slices[closest + 1].path.name}"
        raise BrokenFile(
            f"{path}: two slices lie at the same place ({pair}); remove copies, and keep one time point or echo."
        )
    if steps[widest] > 1.5 * usual:
        missing = round(float(steps[widest]) / usual) - 1
        pair = f"{slices[widest].path.name} and {slices[widest + 1].path.name}"
        raise BrokenFile(
            f"{path}: {missing} {'slice is' if missing == 1 else 'slices are'} missing between {pair} "
            f"({steps[widest]:.4g} mm apart, the others {usual:.4g} mm)."
        )
    even = np.linspace(along_mm[0], along_mm[-1], len(along_mm))
    if np.abs(along_mm - even).max() > min(UNEVEN_FRACTION * usual, UNEVEN_MM):
        span = f"{steps.min():.4g} to {steps.max():.4g} mm"
        raise BrokenFile(f"{path}: its slices are unevenly spaced ({span}); resample them to even steps.")
    return float(along_mm[-1] - along_mm[0]) / len(steps)


def _require_upright(
    path: Path, positions: NDArray[np.float64], normal: NDArray[np.float64], spacing: tuple[float, float]
) -> None:
    """Raise a BrokenFile when the slices do not follow each other along their normal (gantry tilt)."""
    offsets = positions - positions[0]
    along = offsets @ normal
    aside = np.linalg.norm(offsets - along[:, None] * normal, axis=1)
    if aside.max() > TILT_PIXELS * min(spacing):
        degrees = np.degrees(np.arctan2(aside.max(), along[aside.argmax()]))
        raise BrokenFile(
            f"{path}: its slices do not follow each other at right angles (gantry tilt of {degrees:.3g} degrees); "
            "correct the tilt first."
        )
