"""CT scans that show no vertebra and no sacrum: limbs, other parts of a patient, test objects, noise and air."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.scanner import Boxed, make_phantom
from utility_functions.phantom.shapes import OUTER, Shape, Vector, bar, block, capsule, ellipsoid
from utility_functions.phantom.solid_frames import Field
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue, draw_tissue
from utility_functions.phantom.torso import Torso

SPACING_MM = 1.5
AIR_HU = -1000.0
FREE_MM = 62.0
"""Farther aside than this from the middle of the bodies lie neither processes nor the sacrum."""

Paint = Callable[[np.random.Generator], Volume]


def painted_spineless(kind: str, rng: np.random.Generator) -> Volume:
    """A random CT of a kind of SPINELESS, in HU, at SPACING_MM."""
    if kind not in SPINELESS:
        raise ValueError(f"A scan without a spine shows one of {', '.join(SPINELESS)}. Received: {kind!r}.")
    return SPINELESS[kind](rng)


def _scanned(hu: Field, rng: np.random.Generator) -> Volume:
    """HU with blur and noise, in whole numbers."""
    blurred = ndimage.gaussian_filter(hu, rng.uniform(0.2, 0.6), mode="nearest")
    coarse = ndimage.gaussian_filter(rng.normal(0, 1, hu.shape).astype(np.float32), rng.uniform(0.4, 0.9))
    blurred += coarse * np.float32(rng.uniform(5, 45) / max(float(coarse.std()), 1e-6))
    voxels = np.rint(np.clip(blurred, -1024, 3071)).astype(np.int16)
    return Volume(voxels, Grid.from_spacing(hu.shape, SPACING_MM, rng.uniform(-150, 150, 3)))


def _canvas(size_mm: tuple[float, float, float]) -> Canvas:
    """Air round the origin."""
    x, y, z = (max(int(size / SPACING_MM), 8) for size in size_mm)
    return Canvas((x, y, z), SPACING_MM, -SPACING_MM * (np.array([x, y, z]) - 1) / 2)


# --- limbs


def _limb(canvas: Canvas, points: Vector, girth_mm: Vector, fat_mm: float, tissue: Tissue) -> None:
    """Skin, fat and muscle along a curve through points (N, 3), of these radii (N,) without the fat."""
    path = curve(points, 30.0)
    radii = np.interp(np.linspace(0, 1, len(path)), np.linspace(0, 1, len(girth_mm)), girth_mm)
    for more, name, hu in (
        (fat_mm + 2.0, "skin", tissue.skin_hu),
        (fat_mm, "fat", tissue.fat_hu),
        (0.0, "muscle", tissue.muscle_hu),
    ):
        for solid in tube(path, radii + more):
            canvas.fill(OUTER, [solid], name, hu)


def _bone(canvas: Canvas, solids: list[Shape], tissue: Tissue, shell_mm: float, marrow: float) -> None:
    """A bone of a shell and, inside, fat with a fraction of cancellous bone."""
    found = canvas.distances(OUTER, solids, 3.0)
    if found is not None:
        hu = tissue.fat_hu + marrow * (tissue.marrow_hu - tissue.fat_hu)
        canvas.bone(*found, "femur", tissue.cortex_hu, hu, shell_mm, tissue.grain_hu * marrow)


def _thighs(rng: np.random.Generator) -> Volume:
    canvas, tissue = _canvas((420, 260, rng.uniform(120, 300))), draw_tissue(rng)
    fat, girth = rng.uniform(4, 30), rng.uniform(55, 75)
    for side in (-1.0, 1.0):
        ends = np.array([(side * 105, 0, 200), (side * 90, 10, 0), (side * 75, 0, -200)]) + rng.normal(0, 6, (3, 3))
        _limb(canvas, ends, np.array([girth, girth * 0.95, girth * 0.75]), fat, tissue)
        _bone(canvas, [capsule(ends[0], ends[1], 14, 13), capsule(ends[1], ends[2], 13, 15)], tissue, 5.0, 0.1)
    return _scanned(canvas.hu, rng)


def _knees(rng: np.random.Generator) -> Volume:
    canvas, tissue = _canvas((320, 220, rng.uniform(160, 260))), draw_tissue(rng)
    fat = rng.uniform(3, 18)
    for side in (-1.0, 1.0):
        x = side * rng.uniform(62, 75)
        _limb(canvas, np.array([(x, 0, 180), (x, 0, 0), (x, -10, -180)]), np.array([58.0, 50, 48]), fat, tissue)
        shaft = [capsule((x, 0, 180), (x, 0, 50), 14, 20), ellipsoid((x, 2, 26), (38, 28, 24))]
        condyles = [ellipsoid((x + way * 22, -4, 18), (19, 30, 20)) for way in (-1, 1)]
        _bone(canvas, [*shaft, *condyles], tissue, 1.5 + tissue.cortex_mm, 0.8)
        plateau = [ellipsoid((x, -2, -20), (38, 26, 18)), capsule((x, 0, -30), (x, -4, -180), 19, 14)]
        _bone(canvas, plateau, tissue, 1.5 + tissue.cortex_mm, 0.8)
        _bone(canvas, [ellipsoid((x, 44, 20), (22, 10, 22))], tissue, 1.5 + tissue.cortex_mm, 0.8)
        _bone(canvas, [capsule((x + side * 36, -20, -34), (x + side * 34, -22, -180), 9, 6)], tissue, 3.0, 0.3)
    return _scanned(canvas.hu, rng)


def _foot(rng: np.random.Generator) -> Volume:
    canvas, tissue = _canvas((130, 290, rng.uniform(150, 230))), draw_tissue(rng)
    fat = rng.uniform(2, 8)
    _limb(canvas, np.array([(0, -70, 130), (0, -70, 0), (0, -72, -55)]), np.array([46.0, 34, 30]), fat, tissue)
    _limb(canvas, np.array([(0, -95, -55), (0, 0, -50), (0, 125, -68)]), np.array([28.0, 32, 16]), fat, tissue)
    _bone(canvas, [capsule((-4, -70, 130), (-2, -70, 4), 14, 20)], tissue, 4.0, 0.3)
    _bone(canvas, [capsule((20, -80, 130), (24, -78, -14), 8, 10)], tissue, 3.0, 0.3)
    tarsus = [
        ellipsoid((0, -62, -18), (20, 27, 17)),
        bar((4, -108, -58), (6, -40, -48), (18, 17), (15, 15)),
        *(block((x, -8, -40), (9, 12, 10), rounding=4.0) for x in (-20, 0, 20)),
        *(block((x, 16, -46), (7, 11, 9), rounding=3.0) for x in (-24, -8, 8)),
    ]
    for solid in tarsus:
        _bone(canvas, [solid], tissue, 1.0 + tissue.cortex_mm, 0.9)
    for toe in np.linspace(-30, 30, 5):
        _bone(canvas, [capsule((toe * 0.8, 30, -48), (toe, 88, -64), 7, 6)], tissue, 2.0, 0.5)
        _bone(canvas, [capsule((toe, 94, -65), (toe * 1.1, 128, -68), 5, 4)], tissue, 1.5, 0.6)
    return _scanned(canvas.hu, rng)


def _arm(rng: np.random.Generator) -> Volume:
    canvas, tissue = _canvas((150, 150, rng.uniform(180, 320))), draw_tissue(rng)
    bend = rng.uniform(-20, 20)
    points = np.array([(0, 0, 200), (bend, 0, 0), (0, 10, -200)], float)
    _limb(canvas, points, np.array([45.0, 38, 26]), rng.uniform(2, 20), tissue)
    _bone(canvas, [capsule(points[0], (bend, 0, 14), 12, 14)], tissue, 3.5, 0.2)
    _bone(canvas, [ellipsoid((bend, 0, 8), (30, 14, 16))], tissue, 2.0, 0.8)
    for way, wide, narrow in ((-1, 12, 7), (1, 9, 12)):
        start = points[1] + np.array([way * 12, 0, -14])
        _bone(canvas, [capsule(start, points[2] + np.array([way * 14, 0, 0]), wide, narrow)], tissue, 3.0, 0.3)
    return _scanned(canvas.hu, rng)


# --- parts of a patient


def _part(boxed: Boxed) -> Paint:
    """A part of a random patient, in a box that holds no vertebra."""

    def painted(rng: np.random.Generator) -> Volume:
        for _ in range(20):
            scan = make_phantom(rng, "spineless", None, SPACING_MM, "RAS", boxed=boxed)
            if not scan.label_map.voxels.any():
                return scan.volume
        raise ValueError("Every patient that was drawn shows a vertebra in this box.")

    return painted


def _top(spine: Spine, name: str) -> NDArray[np.float64]:
    return np.asarray(spine[name].frame.origin)


def _aside(spine: Spine, side: float, upper: float, lower: float, wide: float) -> tuple[Vector, Vector]:
    """A box between two heights beside the spine: from FREE_MM aside of all bodies there, ``wide`` mm wide."""
    centres = spine.centres[(spine.centres[:, 2] < upper + 30) & (spine.centres[:, 2] > lower - 30)]
    centres = centres if len(centres) else spine.centres[-1:]
    edge = (centres[:, 0].max() if side > 0 else -centres[:, 0].min()) + FREE_MM * spine.scale
    ends = sorted((side * edge, side * (edge + wide)))
    middle = float(centres[:, 1].mean())
    return np.array([ends[0], middle - 90, lower]), np.array([ends[1], middle + 150, upper])


def _head(spine: Spine, torso: Torso) -> tuple[Vector, Vector]:
    top = _top(spine, "C1") + np.array([0, 0, 22.0 * spine.scale])
    return top + np.array([-95.0, -115, 0]), top + np.array([95.0, 115, 150])


def _chest_wall(side: float) -> Boxed:
    return lambda spine, torso: _aside(spine, side, _top(spine, "T4")[2], _top(spine, "T10")[2], 100.0)


def _shoulder(side: float) -> Boxed:
    return lambda spine, torso: _aside(spine, side, _top(spine, "T1")[2] + 20, _top(spine, "T6")[2], 170.0)


def _hip(side: float) -> Boxed:
    return lambda spine, torso: _aside(spine, side, _top(spine, "S1")[2] + 40, _top(spine, "S1")[2] - 190, 130.0)


def _below_the_pelvis(spine: Spine, torso: Torso) -> tuple[Vector, Vector]:
    centre = _top(spine, "S1") + np.array([0, 0, -150.0 * spine.scale])
    return centre + np.array([-190.0, -110, -90]), centre + np.array([190.0, 130, 0])


def _belly(spine: Spine, torso: Torso) -> tuple[Vector, Vector]:
    """In front of the bodies: bowel, with contrast or without."""
    top, low = _top(spine, "T12" if "T12" in spine.names else "T11"), _top(spine, "L5")
    front = float(spine.centres[:, 1].max()) + 32 * spine.scale
    return np.array([top[0] - 120, front, low[2]]), np.array([top[0] + 120, front + 110, top[2]])


# --- test objects


def _water(rng: np.random.Generator) -> Volume:
    """A cylinder of water with rods of plastics, lungs and bone, as quality is measured with."""
    canvas = _canvas((260, 260, rng.uniform(60, 320)))
    radius, long = rng.uniform(80, 115), 400.0
    canvas.fill(OUTER, [capsule((0, 0, -long), (0, 0, long), radius)], "couch", rng.uniform(80, 140))
    canvas.fill(OUTER, [capsule((0, 0, -long), (0, 0, long), radius - 6)], "fluid", rng.uniform(-5, 5))
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(4, 9)), endpoint=False):
        x, y = 0.6 * radius * np.cos(angle), 0.6 * radius * np.sin(angle)
        hu = float(rng.choice([-1000, -700, -100, 120, 200, 340, 800, 990]))
        canvas.fill(OUTER, [capsule((x, y, -long), (x, y, long), rng.uniform(6, 18))], "couch", hu)
    return _scanned(canvas.hu, rng)


def _bottles(rng: np.random.Generator) -> Volume:
    """Round things of water and bone's density in a row, such as bottles and batteries in a box."""
    canvas = _canvas((220, 160, rng.uniform(120, 300)))
    for place in np.arange(-180, 180, rng.uniform(34, 60)):
        radius, high = rng.uniform(10, 28), rng.uniform(8, 24)
        x, y = rng.uniform(-70, 70), rng.uniform(-40, 40)
        found = canvas.distances(OUTER, [block((x, y, place), (radius, radius, high), rounding=4.0)])
        if found is not None:
            canvas.bone(*found, "arm", float(rng.uniform(100, 1200)), float(rng.uniform(-20, 400)), 2.0, 5.0)
    return _scanned(canvas.hu, rng)


def _couch(rng: np.random.Generator) -> Volume:
    canvas = _canvas((430, 200, rng.uniform(100, 400)))
    for y, half, hu in ((-40, 12, -960.0), (-40, 2, rng.uniform(-300, 300)), (-60, 2, rng.uniform(-300, 300))):
        canvas.fill(OUTER, [block((0, y, 0), (200, half, 500), rounding=2.0)], "couch", float(hu))
    return _scanned(canvas.hu, rng)


def _noise(rng: np.random.Generator) -> Volume:
    shape = tuple(int(n) for n in rng.integers(60, 140, 3))
    wide = ndimage.gaussian_filter(rng.normal(0, 1, shape).astype(np.float32), rng.uniform(0.0, 6.0))
    return _scanned(rng.uniform(-200, 200) + wide * np.float32(rng.uniform(100, 600) / wide.std()), rng)


def _air(rng: np.random.Generator) -> Volume:
    shape = tuple(int(n) for n in rng.integers(40, 160, 3))
    return _scanned(np.full(shape, AIR_HU, np.float32), rng)


SPINELESS: Mapping[str, Paint] = MappingProxyType(
    {
        "thighs": _thighs,
        "knees": _knees,
        "foot": _foot,
        "arm": _arm,
        "head": _part(_head),
        "left chest wall": _part(_chest_wall(-1.0)),
        "right chest wall": _part(_chest_wall(1.0)),
        "left shoulder": _part(_shoulder(-1.0)),
        "right hip": _part(_hip(1.0)),
        "left hip": _part(_hip(-1.0)),
        "below the pelvis": _part(_below_the_pelvis),
        "belly": _part(_belly),
        "water": _water,
        "bottles": _bottles,
        "couch": _couch,
        "noise": _noise,
        "air": _air,
    }
)
"""The kinds of scans, by what they show."""
