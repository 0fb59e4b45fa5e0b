"""A synthetic CT scan: a random patient, a random field of view, noise and blur, stored in a random orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid, direction_matrix
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.imaging import image
from utility_functions.phantom.painting import atlas_centre, paint_patient
from utility_functions.phantom.posture import draw_spine, rotation
from utility_functions.phantom.torso import Torso, draw_torso

V = TypeVar("V", bound=Volume)

REGIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cervical": (("head", "C1"), ("C7", "T1", "T2", "T3")),
    "cervicothoracic": (("C1", "C2", "C3", "C4"), ("T4", "T5", "T6", "T7", "T8")),
    "thoracic": (("C6", "C7", "T1", "T2"), ("T11", "T12", "L1", "L2")),
    "thoracolumbar": (("T6", "T7", "T8", "T9", "T10"), ("L4", "L5", "S1", "hip")),
    "lumbar": (("T10", "T11", "T12", "L1"), ("L5", "S1", "S1", "hip")),
    "trunk": (("C7", "T1", "T2", "T3"), ("S1", "hip")),
    "whole": (("head", "head", "C1"), ("S1", "hip")),
}
"""Fields of view by name: the levels that their top and bottom edges are drawn from."""
SHARES = {
    "lumbar": 0.2,
    "thoracolumbar": 0.17,
    "thoracic": 0.13,
    "cervical": 0.14,
    "cervicothoracic": 0.1,
    "trunk": 0.07,
    "whole": 0.09,
    "window": 0.1,
}
VOXEL_BUDGET = 7e6


@dataclass(frozen=True, eq=False)
class PhantomScan:
    """A scan with its truth.

    volume: int16 HU. label_map: uint8 VerSe ids. tissues: uint8 codes of tissue.TISSUES. landmarks: the body centres.
    """

    name: str
    volume: Volume
    label_map: LabelMap
    tissues: LabelMap
    landmarks: Landmarks


def make_phantom(
    rng: np.random.Generator,
    name: str = "phantom",
    region: str | None = None,
    spacing_mm: ArrayLike | None = None,
    axcodes: str | None = None,
) -> PhantomScan:
    """A phantom scan drawn from ``rng``.

    region: one of REGIONS; drawn at random when not given.
    spacing_mm: along right, anterior, superior (or one number); drawn at random when not given.
    axcodes: how the array is stored; one of the 48 orientations at random when not given.
    """
    if region is not None and region not in REGIONS:
        raise ValueError(f"A region is one of {', '.join(REGIONS)}. Received: {region!r}.")
    if axcodes is not None:
        direction_matrix(axcodes)
    if spacing_mm is not None:
        asked = np.broadcast_to(np.asarray(spacing_mm, float), 3)
        if not (np.isfinite(asked).all() and (asked > 0).all()):
            raise ValueError(f"Voxel spacing must be above zero. Received: {spacing_mm!r} mm.")
    oblique = rotation(*rng.normal(0, 6, 3)) if rng.random() < 0.3 else np.eye(3)
    tilt = rotation(*rng.normal(0, (3, 2.5, 4)))
    spine = draw_spine(rng, oblique.T @ tilt)
    torso = draw_torso(spine, rng)
    low, high = _field_of_view(spine, torso, rng, region)
    drawn = _draw_spacing(rng, high - low)
    spacing = drawn if spacing_mm is None else asked
    shape = np.maximum(np.round((high - low) / spacing), 8).astype(int)
    canvas = Canvas((int(shape[0]), int(shape[1]), int(shape[2])), spacing, low + spacing / 2)
    paint_patient(canvas, spine, torso, rng)
    landmarks = _landmarks(spine, canvas)
    seen = np.array([point for name, point in landmarks]).reshape(-1, 3)
    image(canvas, torso, seen if len(seen) else spine.centres, rng)

    place = rng.uniform(-150, 150, 3)
    affine = np.eye(4)
    affine[:3, :3] = oblique * spacing
    affine[:3, 3] = oblique @ canvas.origin + place
    grid = Grid(canvas.shape, affine)
    stored = ALL_ORIENTATIONS[int(rng.integers(48))] if axcodes is None else axcodes

    def stored_as(voxels: NDArray[np.generic], kind: type[V]) -> V:
        turned = kind(voxels, grid).reoriented(stored)
        return kind(np.ascontiguousarray(turned.voxels), turned.grid)

    return PhantomScan(
        name,
        stored_as(canvas.hu.astype(np.int16), Volume),
        stored_as(canvas.labels, LabelMap),
        stored_as(canvas.tissues, LabelMap),
        Landmarks(landmarks.names, landmarks.points_mm @ oblique.T + place),
    )


def _landmarks(spine: Spine, canvas: Canvas) -> Landmarks:
    """Body centres inside the canvas, in its frame; C1 has no body and is marked at the middle of its ring."""
    lowest = canvas.origin - canvas.spacing / 2
    highest = lowest + np.array(canvas.shape) * canvas.spacing
    points = {vertebra.name: vertebra.frame.origin for vertebra in spine.vertebrae}
    points["C1"] = atlas_centre(spine["C1"])
    inside = {name: point for name, point in points.items() if (point > lowest).all() and (point < highest).all()}
    return Landmarks(tuple(inside), np.array(list(inside.values())).reshape(-1, 3))


def _field_of_view(
    spine: Spine, torso: Torso, rng: np.random.Generator, region: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest corner in mm of the box that is scanned."""
    drawn = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    region = region or drawn
    names = list(spine.names)
    heights = {vertebra.name: vertebra.frame.origin[2] for vertebra in spine.vertebrae}
    heights["head"] = heights["C1"] + rng.uniform(25, 90)
    heights["hip"] = heights["S1"] - rng.uniform(50, 130)
    if region == "window":
        count = int(rng.integers(4, 14))
        start = int(rng.integers(0, len(names) - count + 1))
        top, bottom = names[start], names[start + count - 1]
    else:
        tops, bottoms = REGIONS[region]
        top, bottom = str(rng.choice(tops)), str(rng.choice(bottoms))
    high_z = heights[top] + rng.uniform(2, 26)
    low_z = heights[bottom] - rng.uniform(2, 26)
    if high_z - low_z < 115:
        low_z = high_z - 115

    centres = spine.centres
    seen = centres[(centres[:, 2] < high_z) & (centres[:, 2] > low_z)]
    seen = seen if len(seen) else centres
    near, far = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    z = np.linspace(low_z, high_z, 32)
    x, y, wide, back, front, _ = torso.skin(z)
    body_low = np.array([(x - wide).min(), (y - back).min()]) - rng.uniform(0, 25, 2)
    body_high = np.array([(x + wide).max(), (y + front).max()]) + rng.uniform(0, 25, 2)
    body_low[0], body_high[0] = max(body_low[0], near[0] - 210), min(body_high[0], far[0] + 210)
    tight_low = near - rng.uniform((38, 55), (60, 80))
    tight_high = far + rng.uniform((38, 25), (60, 55))
    kind = rng.random()
    # A spine reconstruction, something between, or the whole body.
    share = rng.uniform(0, 0.15) if kind < 0.4 else rng.uniform(0.2, 0.6) if kind < 0.7 else 1.0
    low = tight_low + share * (np.minimum(body_low, tight_low) - tight_low)
    high = tight_high + share * (np.maximum(body_high, tight_high) - tight_high)
    return np.array([*low, low_z]), np.array([*high, high_z])


def _draw_spacing(rng: np.random.Generator, extent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sagittal, axial or isotropic voxels; coarser where the scan would pass the voxel budget."""
    kind = rng.random()
    plane, slices = rng.uniform(0.75, 1.3), rng.uniform(1.0, 3.0)
    if kind < 0.35:
        spacing = np.array([slices, plane, plane])
    elif kind < 0.8:
        spacing = np.array([plane, plane, slices])
    else:
        spacing = np.full(3, rng.uniform(0.9, 1.5))
    excess = float(np.prod(extent / spacing)) / VOXEL_BUDGET
    return spacing * max(1.0, excess ** (1 / 3))
