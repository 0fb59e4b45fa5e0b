"""The field of view of a scan: regions, boxes, spacings, and parts that were not reconstructed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.torso import Torso

FloatArray = NDArray[np.float64]

EDGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cervical": (("head", "C1"), ("C7", "T1", "T2", "T3")),
    "cervicothoracic": (("C1", "C2", "C3", "C4"), ("T4", "T5", "T6", "T7", "T8")),
    "thoracic": (("C6", "C7", "T1", "T2"), ("T11", "T12", "L1", "L2")),
    "thoracolumbar": (("T6", "T7", "T8", "T9", "T10"), ("L4", "L5", "S1", "hip")),
    "lumbar": (("T10", "T11", "T12", "L1"), ("L5", "S1", "S1", "hip")),
    "trunk": (("C7", "T1", "T2", "T3"), ("S1", "hip")),
    "whole": (("head", "head", "C1"), ("S1", "hip")),
}
"""Levels from which the upper and lower edges of a region are sampled."""
HEIGHTS = {"field": (110.0, 200.0), "window": (100.0, 330.0), "slab": (34.0, 90.0)}
"""The heights in mm of regions round any level: a small lumbar field, any window, a thin slab."""
USUAL = "usual"
"""A healthy spine of the usual levels in one of the regions of EDGES."""
REGIONS = (*EDGES, *HEIGHTS, USUAL)
"""Names of the fields of view."""
PROBABILITIES = {
    "lumbar": 0.17,
    "field": 0.13,
    "thoracolumbar": 0.14,
    "thoracic": 0.11,
    "cervical": 0.11,
    "cervicothoracic": 0.08,
    "trunk": 0.08,
    "whole": 0.08,
    "window": 0.06,
    "slab": 0.04,
}
SLAB_EDGES = {
    "cervical": (("head",), ("T2", "T3", "T4")),
    "thoracic": (("C6", "C7", "T1"), ("L1", "L2")),
    "lumbar": (("T8", "T9", "T10", "T11", "T12"), ("hip", "hip", "S1", "S1", "L5")),
    "trunk": (("C7", "T1", "T2", "T3"), ("S1", "hip")),
}
"""Levels from which the edges of a sagittal MR slab are sampled, where they differ from EDGES."""
SLAB_PROBABILITIES = {
    "lumbar": 0.54,
    "cervical": 0.12,
    "thoracic": 0.08,
    "thoracolumbar": 0.1,
    "cervicothoracic": 0.06,
    "whole": 0.06,
    "field": 0.04,
}
VOXEL_BUDGET = 7e6
"""The largest number of painted voxels where the spacing is random, so that many scans fit in memory."""
LARGEST_MM3 = 64e6
"""The largest volume of a scan. Tall scans of wide bodies are cropped at the sides, to fit memory at 1 mm."""
THICKEST_MM = 5.0
KEPT_MM = 45.0
"""All voxels within this distance of a body centre are reconstructed."""


@dataclass(frozen=True)
class FieldOfView:
    """The scanned box in mm: its lowest and highest corner, and whether it holds a complete circular field."""

    low: FloatArray
    high: FloatArray
    whole_circle: bool


def draw_field(spine: Spine, torso: Torso, rng: np.random.Generator, region: str | None) -> FieldOfView:
    """A random field of view of a region of REGIONS; region None: sampled by PROBABILITIES."""
    drawn = str(rng.choice(list(PROBABILITIES), p=list(PROBABILITIES.values())))
    if region == USUAL:
        fractions = np.array([PROBABILITIES[name] for name in EDGES])
        drawn = str(rng.choice(list(EDGES), p=fractions / fractions.sum()))
    region = drawn if region in (None, USUAL) else region
    low_z, high_z = _height(spine, rng, region)
    centres = spine.centres
    shown = centres[(centres[:, 2] < high_z) & (centres[:, 2] > low_z)]
    shown = shown if len(shown) else centres[np.argmin(np.abs(centres[:, 2] - (low_z + high_z) / 2))][None]
    near, far = shown[:, :2].min(axis=0), shown[:, :2].max(axis=0)
    x, y, wide, back, front, _ = torso.skin(np.linspace(low_z, high_z, 32))
    body_low = np.array([(x - wide).min(), (y - back).min()]) - rng.uniform(0, 25, 2)
    body_high = np.array([(x + wide).max(), (y + front).max()]) + rng.uniform(0, 25, 2)
    # Margins round the body centres in a reconstruction of the spine alone: (left, posterior), (right, anterior).
    tight_low, tight_high = rng.uniform((32, 52), (62, 85)), rng.uniform((32, 22), (62, 110))
    kind, cut, fraction, circle_mm = rng.random(), rng.random(), rng.uniform(0, 1), rng.uniform(320, 500)
    if cut < 0.06:
        tight_low[1] = 26 + 20 * fraction
    elif cut < 0.12:
        tight_high[1] = 6 + 12 * fraction
    spine_only, between = {"field": (0.9, 1.0), "slab": (0.2, 0.4)}.get(region, (0.42, 0.65))
    tight = near - tight_low, far + tight_high
    if kind < spine_only:
        low, high = tight
    elif kind < between:
        low = tight[0] + fraction * 0.6 * np.minimum(body_low - tight[0], 0)
        high = tight[1] + fraction * 0.6 * np.maximum(body_high - tight[1], 0)
    elif kind < between + (1 - between) * 0.6:  # the body without its arms
        low, high = np.minimum(body_low, tight[0]), np.maximum(body_high, tight[1])
        low[0], high[0] = max(low[0], near[0] - 220), min(high[0], far[0] + 220)
    else:
        middle = (body_low + body_high) / 2
        needed = 2 * max(float((far - middle).max()), float((middle - near).max())) + 2 * KEPT_MM + 20
        half = max(circle_mm, needed) / 2
        if 4 * half * half * (high_z - low_z) <= LARGEST_MM3:
            return FieldOfView(np.array([*(middle - half), low_z]), np.array([*(middle + half), high_z]), True)
        low, high = middle - half, middle + half
    wider, size = 1.0, high - low
    while size.prod() * (high_z - low_z) > LARGEST_MM3 and wider > 0:
        wider -= 0.02
        size = tight[1] - tight[0] + wider * (high - low - tight[1] + tight[0])
    low, high = tight[0] + wider * (low - tight[0]), tight[1] + wider * (high - tight[1])
    return FieldOfView(np.array([*low, low_z]), np.array([*high, high_z]), False)


def draw_slab(spine: Spine, rng: np.random.Generator, region: str | None, axis: int = 0) -> FieldOfView:
    """The slab of an MR scan in slices across ``axis``; sagittal: 50 to 90 mm wide, more where the spine is curved.

    Its height is that of a region of REGIONS; region None: sampled by SLAB_PROBABILITIES.
    """
    drawn = str(rng.choice(list(SLAB_PROBABILITIES), p=list(SLAB_PROBABILITIES.values())))
    region = drawn if region in (None, USUAL) else region
    low_z, high_z = _height(spine, rng, region, {**EDGES, **SLAB_EDGES})
    centres = spine.centres
    shown = centres[(centres[:, 2] < high_z) & (centres[:, 2] > low_z)]
    shown = shown if len(shown) else centres[np.argmin(np.abs(centres[:, 2] - (low_z + high_z) / 2))][None]
    wide, off = rng.uniform(50, 90), rng.normal(0, 4)
    wide = max(wide if axis == 0 else 2.2 * wide, float(np.ptp(shown[:, 0])) + 40)
    middle = (shown[:, 0].min() + shown[:, 0].max()) / 2 + off
    behind, ahead = rng.uniform(60, 120), rng.uniform(35, 150)
    if axis == 1:
        behind, ahead = 0.55 * behind, 0.35 * ahead + 15
    low = np.array([middle - wide / 2, shown[:, 1].min() - behind, low_z])
    return FieldOfView(low, np.array([middle + wide / 2, shown[:, 1].max() + ahead, high_z]), False)


def draw_mr_slices(rng: np.random.Generator) -> Slices:
    """Slices of 3 to 9 mm with gaps between them, pixels of 0.6 to 1.1 mm; mostly sagittal."""
    plane, gap = rng.uniform(0.6, 1.1), rng.uniform(0.0, 0.25)
    thick = float(np.clip(3.0 * np.exp(abs(rng.normal(0, 0.42))), 3.0, 9.0))
    axis = int(rng.choice(3, p=(0.86, 0.06, 0.08)))
    return Slices(axis, 1 / (1 + gap), np.where(np.arange(3) == axis, thick * (1 + gap), plane))


def _height(
    spine: Spine,
    rng: np.random.Generator,
    region: str,
    edges: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = EDGES,
) -> tuple[float, float]:
    """The lowest and highest z of a field of view; the edges may truncate a vertebra."""
    heights = {vertebra.name: float(vertebra.frame.origin[2]) for vertebra in spine.vertebrae}
    heights.setdefault("T12", heights["T11"])  # not every patient has one
    heights["head"] = heights["C1"] + rng.uniform(25, 90)
    heights["hip"] = heights["S1"] - rng.uniform(50, 130)
    margins, picks, names = rng.uniform(2, 26, 2), rng.random(3), spine.names
    if region in HEIGHTS:
        shortest, tallest = HEIGHTS[region]
        first = names.index("T9") if region == "field" else 0
        middle = heights[names[first + int(picks[0] * (len(names) - first))]] + 30 * (picks[1] - 0.5)
        tall = shortest + picks[2] * (tallest - shortest)
        return middle - tall / 2, middle + tall / 2
    tops, bottoms = ([name for name in levels if name in heights] for levels in edges[region])
    high = heights[tops[int(picks[0] * len(tops))]] + float(margins[0])
    low = heights[bottoms[int(picks[1] * len(bottoms))]] - float(margins[1])
    return min(low, high - 115), high


@dataclass(frozen=True)
class Slices:
    """The slices of a scan: the axis across them, the ratio of thickness to distance, and the spacing in mm.

    Slices are at most THICKEST_MM thick, or as thick as their distance.
    """

    axis: int
    overlap: float
    spacing: FloatArray

    def planes(self, spacing: FloatArray) -> int:
        """The number of painted planes in a slice: odd, and larger where slices are much thicker than their pixels."""
        pixel = float(np.sqrt(np.prod(np.delete(spacing, self.axis))))
        count = int(np.ceil(spacing[self.axis] * min(self.overlap, 1.0) / max(1.5 * pixel, 1.25)))
        return count + 1 - count % 2

    def overlap_at(self, spacing: FloatArray) -> float:
        """The ratio of thickness to distance at this spacing."""
        return min(self.overlap, max(1.0, THICKEST_MM / float(spacing[self.axis])))

    def affordable(self, extent: FloatArray) -> FloatArray:
        """The spacing; its finest axes become coarser until the painted voxels of ``extent`` mm fit VOXEL_BUDGET."""
        least, spacing = 0.0, self.spacing
        while np.prod(extent / spacing) * self.planes(spacing) > VOXEL_BUDGET:
            least += 0.04
            spacing = np.maximum(self.spacing, least)
        return spacing


def draw_slices(rng: np.random.Generator) -> Slices:
    """Axial, sagittal, coronal or isotropic voxels of 0.3 to 5 mm; slices may overlap or leave gaps."""
    kind, overlapping = rng.random(), rng.random()
    plane = rng.uniform(0.3, 0.6) if rng.random() < 0.3 else rng.uniform(0.6, 1.2)
    apart, even = np.exp(rng.uniform(np.log((0.6, 0.7)), np.log((5.0, 3.2))))
    if kind < 0.42:
        axis, spacing = 2, np.array([plane, plane, max(apart, plane * 0.8)])
    elif kind < 0.7:
        axis, spacing = 0, np.array([float(np.clip(apart, 1.0, 4.0)), plane, plane])
    elif kind < 0.75:
        axis, spacing = 1, np.array([plane, float(np.clip(apart, 1.0, 4.0)), plane])
    else:
        axis, spacing = 2, np.full(3, even)
    thick = float(np.exp(rng.uniform(np.log(1.2), np.log(3.5))))
    overlap = 1.0 if overlapping < 0.5 else thick if overlapping < 0.94 else 0.6
    return Slices(axis, overlap, spacing)


class NotReconstructed:
    """Voxels that were not reconstructed: outside a circle, or outside the oblique edges of a reformatted scan."""

    def __init__(self, canvas: Canvas, centres: FloatArray, field: FieldOfView, rng: np.random.Generator) -> None:
        x, y, z = (canvas.axis(axis).astype(float) for axis in range(3))
        kind, wider, edge = rng.random(), rng.uniform(1.0, 1.05), rng.uniform(0, 12, (2, 2))
        slant = rng.normal(0, 0.12, 2)
        self.rows: list[NDArray[np.bool_] | None] = [None] * len(x)
        self.corners: NDArray[np.bool_] | None = None
        self.sides: NDArray[np.bool_] | None = None
        middle, half = (field.low + field.high)[:2] / 2, (field.high - field.low)[:2].max() / 2
        if kind < (0.65 if field.whole_circle else 0.1):
            far = np.linalg.norm(centres[:, :2] - middle, axis=1).max() + KEPT_MM + 20
            radius = max(half * wider, far)
            self.corners = (x[:, None] - middle[0]) ** 2 + (y - middle[1]) ** 2 > radius**2
        elif kind > 0.87 and not field.whole_circle:
            self.sides = _outside(x, z, centres[:, [0, 2]], slant[0], edge[0])
            self.behind = _outside(y, z, centres[:, [1, 2]], slant[1], edge[1])

    def plane(self, number: int) -> NDArray[np.bool_] | None:
        """The mask of empty voxels (y, z) in one sagittal plane; None where there are none."""
        if self.corners is not None:
            rows = self.corners[number]
            return rows[:, None] if rows.any() else None
        if self.sides is not None:
            return np.asarray(self.behind | self.sides[number])
        return None


def _outside(
    along: FloatArray, z: FloatArray, centres: FloatArray, slant: float, edge: FloatArray
) -> NDArray[np.bool_]:
    """Whether voxels (along, z) lie outside two oblique edges, which keep their distance from the body centres."""
    rise = slant * (z - z.mean())
    shift = np.interp(centres[:, 1], z, rise)
    low = min(along[0] + edge[0], float((centres[:, 0] - KEPT_MM - shift).min()))
    high = max(along[-1] - edge[1], float((centres[:, 0] + KEPT_MM - shift).max()))
    return np.asarray((along[:, None] < low + rise) | (along[:, None] > high + rise))
