"""The heights, end plates and core of one vertebral body, from its mask.

Quantitative morphometry takes the heights in the mid-sagittal plane of the body (Genant et al., J Bone Miner Res
1993;8:1137). Here they come from the whole strip of 10 mm round that plane, so that a single voxel decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.grid import Grid

Vector = NDArray[np.float64]

STEP_MM = 0.75
"""The spacing at which a body is sampled in its own frame."""
STRIP_MM = 10.0
"""The width of the mid-sagittal strip."""
ANTERIOR, MIDDLE, POSTERIOR = 0.1, 0.5, 0.9
"""Where heights are taken, as fractions of the body's depth from its front to its back."""
EDGE = 0.06
"""The rounded edges of a body, as a fraction of its depth, do not count in the curve of its end plates."""
OUTLINE_DEGREE = 3
"""The degree of the curve that stands for an end plate in the strip; single voxels would be steps."""
LEAST_COLUMNS = 4
"""Fewer columns of voxels beside each other are no end of the body."""
WAIST_FRACTION = 0.4
"""The middle part of a body's height that tells its depth and width; spurs at the rims do not count."""
PLATE_FRACTION = 0.7
"""The part of the width and the depth of a body on which its end plates are fitted."""
OUTLIER_MM = 2.0
"""Points farther from an end plate than this do not count in its second fit."""
LEAST_VOXELS = 100
LEAST_MM = 4.0
"""The smallest height and depth of a body that is measured."""
CORE_FRACTION = 0.55
"""The part of a body's width, depth and height that is its trabecular core."""
CORE_MM = 3.0
"""The core keeps this distance from the outline."""


@dataclass(frozen=True)
class EndPlate:
    """A plane: its centre on the mid-sagittal line, and its unit normal, which points up. RAS+ mm."""

    centre_mm: Vector
    normal: Vector

    def angle_to(self, other: EndPlate, across: Vector) -> float:
        """Degrees from this plate to another in the plane perpendicular to ``across``; positive for the right-hand
        turn about it."""
        first, second = (_flattened(plate.normal, across) for plate in (self, other))
        return float(np.degrees(np.arctan2(np.dot(np.cross(first, second), across), np.dot(first, second))))


@dataclass(frozen=True)
class BodyShape:
    """One body.

    right, anterior, up: its axes, unit vectors in RAS+. anterior_mm, middle_mm, posterior_mm: the distance of the end
    plates along ``up``. depth_mm, width_mm: at half the height. upper, lower: the end plates.
    """

    centre_mm: Vector
    right: Vector
    anterior: Vector
    up: Vector
    anterior_mm: float
    middle_mm: float
    posterior_mm: float
    depth_mm: float
    width_mm: float
    upper: EndPlate
    lower: EndPlate

    @property
    def wedge_deg(self) -> float:
        """The angle between the end plates in the sagittal plane; positive where the front is taller."""
        return self.lower.angle_to(self.upper, self.right)

    def corner(self, upper: bool, front: bool) -> Vector:
        """A corner of the mid-sagittal section: where an end plate ends in front or behind."""
        plate, sign = (self.upper if upper else self.lower), (0.5 if front else -0.5)
        along = _flattened(np.cross(plate.normal, self.right), self.right)
        along = along if np.dot(along, self.anterior) > 0 else -along
        return plate.centre_mm + sign * self.depth_mm * along


def body_shape(mask: NDArray[np.bool_], grid: Grid, up: Vector, back: Vector) -> BodyShape | None:
    """The shape of a body's mask; None where too little of it is there.

    up: about the direction of the spine there, upwards. back: a vector from the body towards its arch. RAS+.
    """
    if mask.sum() < LEAST_VOXELS:
        return None
    box = tuple(slice(max(a.start - 1, 0), a.stop + 1) for a in ndimage.find_objects(mask.astype(np.uint8))[0])
    first = np.array([a.start for a in box])
    inside = np.pad(mask[box].astype(np.float32), 1)
    part = grid.window(first - 1, inside.shape)
    points = part.to_mm(np.argwhere(inside > 0))
    centre = points.mean(axis=0)
    axes = _axes(up, back)
    shape = None
    for _ in range(3):  # the end plates give the axes of the next round
        shape = _measured(inside, part, points, centre, axes)
        if shape is None:
            return None
        axes = _axes(_unit(shape.upper.normal + shape.lower.normal), -shape.anterior)
    return shape


def core_intensities(
    voxels: NDArray[np.number], mask: NDArray[np.bool_], grid: Grid, shape: BodyShape
) -> NDArray[np.float64]:
    """The intensities (n,) of the trabecular core: the middle of the body, away from its outline and end plates.

    voxels, mask: the image and the mask of the body, both on ``grid``.
    """
    where = np.argwhere(mask)
    distance = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    local = (grid.to_mm(where) - (shape.upper.centre_mm + shape.lower.centre_mm) / 2) @ np.column_stack(
        [shape.right, shape.anterior, shape.up]
    )
    half = 0.5 * CORE_FRACTION * np.array([shape.width_mm, shape.depth_mm, shape.middle_mm])
    core = (np.abs(local) <= half).all(axis=1) & (distance[tuple(where.T)] >= CORE_MM)
    return np.asarray(voxels[tuple(where[core].T)], np.float64)


def _axes(up: Vector, back: Vector) -> NDArray[np.float64]:
    """Columns right, anterior and up."""
    up = _unit(up)
    anterior = _flattened(-np.asarray(back, float), up)
    return np.column_stack([np.cross(anterior, up), anterior, up])


def _measured(
    inside: NDArray[np.float32], grid: Grid, points: Vector, centre: Vector, axes: NDArray[np.float64]
) -> BodyShape | None:
    local = (points - centre) @ axes
    reach = np.abs(local).max(axis=0) + 2 * STEP_MM
    lines = [np.arange(-edge, edge + STEP_MM, STEP_MM) for edge in reach]
    first = grid.to_index(centre + axes @ -reach)
    steps = STEP_MM * np.linalg.inv(grid.affine[:3, :3]) @ axes
    sampled = ndimage.affine_transform(inside, steps, first, tuple(map(len, lines)), order=1)
    top, bottom = _surface(sampled, lines[2]), -_surface(sampled[..., ::-1], -lines[2][::-1])
    there = np.isfinite(top) & np.isfinite(bottom)
    if not there.any():
        return None
    waist = sampled[..., np.abs(lines[2]) <= WAIST_FRACTION * np.nanmedian(top - bottom) / 2].mean(axis=2) >= 0.5
    if not waist.any():
        return None
    ends = [lines[axis][waist.sum(axis=1 - axis) >= LEAST_COLUMNS] for axis in (0, 1)]
    if not all(map(len, ends)):
        return None
    ends = [each[[0, -1]] for each in ends]
    middle = np.array([each.mean() for each in ends])
    strip = np.abs(lines[0] - middle[0]) <= STRIP_MM / 2
    along = lines[1][(waist & strip[:, None]).any(axis=0)]
    if not len(along):
        return None
    front, back = float(along.max()), float(along.min())
    depth, width = front - back + STEP_MM, float(np.ptp(ends[0])) + STEP_MM
    near_front = (front + STEP_MM / 2 - lines[1]) / depth
    height = _fitted_height((top - bottom)[strip], near_front)
    in_front, between, behind = height(ANTERIOR), height(MIDDLE), height(POSTERIOR)
    if depth < LEAST_MM or min(in_front, between, behind) < LEAST_MM:
        return None
    middle[1] = (front + back) / 2
    footprint = np.abs(lines[0] - middle[0])[:, None] <= PLATE_FRACTION * width / 2
    footprint = footprint & (np.abs(lines[1] - middle[1]) <= PLATE_FRACTION * depth / 2)[None] & there
    upper, lower = (_plate(surface, footprint, lines, middle, centre, axes) for surface in (top, bottom))
    right, anterior, up = axes.T
    return BodyShape(centre, right, anterior, up, in_front, between, behind, depth, width, upper, lower)


def _fitted_height(heights: NDArray[np.float64], places: Vector) -> Callable[[float], float]:
    """The curve through heights (x, y), NaN where there is none, over places (y,) from 0 in front to 1 behind."""
    place, height = np.broadcast_to(places, heights.shape), heights
    there = np.isfinite(height) & (place > EDGE) & (place < 1 - EDGE)
    if len(np.unique(place[there])) <= OUTLINE_DEGREE:
        return lambda fraction: 0.0  # too short to be measured
    curve = Polynomial.fit(place[there], height[there], OUTLINE_DEGREE, domain=(0, 1))
    return lambda fraction: float(curve(fraction))


def _surface(sampled: NDArray[np.float32], heights: Vector) -> NDArray[np.float64]:
    """The height (x, y) of the uppermost crossing of one half in each column; NaN without one."""
    inside = sampled >= 0.5
    last = inside.shape[2] - 1 - np.argmax(inside[..., ::-1], axis=2)
    there = inside.any(axis=2) & (last + 1 < inside.shape[2])
    above = np.minimum(last + 1, inside.shape[2] - 1)
    here, beyond = (np.take_along_axis(sampled, place[..., None], axis=2)[..., 0] for place in (last, above))
    step = (here - 0.5) / np.maximum(here - beyond, 1e-6)
    return np.where(there, heights[last] + step * STEP_MM, np.nan)


def _plate(
    surface: NDArray[np.float64],
    footprint: NDArray[np.bool_],
    lines: list[Vector],
    middle: Vector,
    centre: Vector,
    axes: NDArray[np.float64],
) -> EndPlate:
    """The plane through a surface: least squares, then once more without outliers."""
    x, y = np.meshgrid(lines[0], lines[1], indexing="ij")
    chosen = footprint & np.isfinite(surface)
    for _ in range(2):
        table = np.column_stack([x[chosen], y[chosen], np.ones(int(chosen.sum()))])
        fit, *_rest = np.linalg.lstsq(table, surface[chosen], rcond=None)
        residual = np.abs(surface - (fit[0] * x + fit[1] * y + fit[2]))
        chosen = chosen & (residual <= OUTLIER_MM)
        if chosen.sum() < 3:
            break
    normal = _unit(axes @ np.array([-fit[0], -fit[1], 1.0]))
    place = np.array([middle[0], middle[1], fit[0] * middle[0] + fit[1] * middle[1] + fit[2]])
    return EndPlate(centre + axes @ place, normal)


def _unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector))


def _flattened(vector: Vector, across: Vector) -> Vector:
    """The unit vector of the part perpendicular to ``across``."""
    flat = vector - np.dot(vector, across) * across
    return _unit(flat)
