"""Bowel: the colon with gas, stool or contrast, and loops of small bowel."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.packing import at, packed, paint, paint_content
from utility_functions.phantom.shapes import Shape, Vector, capsule, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

LOOPS = 84


def paint_bowel(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the small bowel, then the colon."""
    _paint_loops(canvas, spine, torso, tissue, rng)
    _paint_colon(canvas, spine, torso, tissue, rng)


def _spot(torso: Torso, z: float, across: float, forward: float) -> Vector:
    """A point in the abdomen at a height; across, forward: fractions of the cavity's half width and half depth."""
    centre, wide, half, _ = torso.chest(z)
    return np.array([centre[0] + across * wide, centre[1] + forward * half, z])


def _paint_loops(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints short curved loops in front of the spine, each with fluid, gas or contrast."""
    s = torso.size
    low, high = spine["S1"].frame.origin[2] - 62 * s, spine["L2"].frame.origin[2] + 12 * s
    gassy, airy = float(rng.beta(1.2, 4)), float(rng.uniform(0.3, 1.3))
    collapsed = float(rng.uniform(0.75, 1.1))
    for i in range(LOOPS):
        fraction, turn, far = (i + rng.random()) / LOOPS, 2.4 * i + rng.normal(0, 0.5), np.sqrt(rng.uniform(0.0, 1.0))
        radius = float(rng.uniform(8, 14)) * s * collapsed
        bend, kind, hu = rng.normal(0, 1, (3, 3)), rng.random(), float(rng.uniform(5, 60))
        level_fraction, length = float(rng.uniform(-1.1, 1.1)), float(rng.uniform(14, 30)) * s
        place = _spot(torso, low + fraction * (high - low), 0.55 * far * np.cos(turn), 0.30 + 0.48 * far * np.sin(turn))
        path = curve(place + np.cumsum(bend / np.linalg.norm(bend, axis=1)[:, None] * length, axis=0), 9.0 * s)
        found = packed(canvas, torso, tube(path, radius), 1.0, 4.0)
        paint(canvas, found, "bowel", tissue.muscle_hu + 12, 6)
        level = float(path[:, 1].mean() + level_fraction * radius) if kind < gassy * airy else np.inf
        if tissue.oral_hu and kind > 0.35:
            paint_content(canvas, found, 2.0 * s, level, ("oral contrast", tissue.oral_hu * (0.5 + 0.5 * kind), 12.0))
        else:
            paint_content(canvas, found, 2.2 * s, level, ("bowel", hu, 8.0))


def _paint_colon(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the haustra of the colon from the caecum to the rectum."""
    s = torso.size
    brim, flexure = float(spine["S1"].frame.origin[2]), float(spine["L1"].frame.origin[2])
    droop = float(rng.uniform(5, 75)) * s
    jitter = rng.normal(0, 0.025, (9, 2))
    plan = (
        (brim - 14 * s, 0.66, 0.20), (brim + 45 * s, 0.74, -0.02), (flexure - 22 * s, 0.72, 0.0),
        (flexure - 6 * s, 0.62, 0.35), (flexure - 20 * s - droop, 0.0, 0.76), (flexure + 24 * s, -0.66, 0.30),
        (flexure + 8 * s, -0.78, -0.12), (brim + 50 * s, -0.78, -0.04), (brim - 4 * s, -0.66, 0.28),
    )  # fmt: skip
    knots = [_spot(torso, z, a + da, b + db) for (z, a, b), (da, db) in zip(plan, jitter, strict=True)]
    loop = rng.uniform(0, 26)
    knots += [
        at(spine, "S1", x, y, z)
        for x, y, z in ((-34, 52, -34 + loop), (4, 58, -26 + loop), (10, 24, -52), (0, 14, -84), (0, 30, -112))
    ]
    path = curve(np.array(knots), 13.0 * s)
    wide = float(rng.uniform(0.75, 1.2))
    swell = np.interp(
        np.linspace(0, 1, len(path)), [0, 0.1, 0.3, 0.5, 0.65, 0.85, 0.93, 1], [25, 23, 19, 18, 15, 13, 17, 15]
    )
    phase, style = rng.uniform(0, 10, 3), rng.random()
    pouches = swell * s * wide * rng.uniform(0.8, 1.12, len(path))
    draws = rng.random((len(path), 3))
    found = []
    for i, (place, radius) in enumerate(zip(path, pouches, strict=True)):
        solids: list[Shape] = [ellipsoid(place, radius)]
        if i + 1 < len(path):
            solids.append(capsule(place, path[i + 1], radius * 0.86, pouches[i + 1] * 0.86))
        found.append(packed(canvas, torso, solids, 3.0, 2.5))
        paint(canvas, found[-1], "bowel", tissue.muscle_hu + 6, 5)
    for i, (place, radius) in enumerate(zip(path, pouches, strict=True)):
        # The content changes slowly along the colon.
        full = 0.5 + 0.5 * np.sin(i / 6.0 + phase[0]) * np.cos(i / 11.0 + phase[1]) + 0.1 * (draws[i, 0] - 0.5)
        level = float(place[1] + radius * (1.6 * full - 0.9)) if style < 0.8 else np.inf
        if tissue.oral_hu and np.sin(i / 9.0 + phase[2]) > -0.2:
            content = ("oral contrast", tissue.oral_hu * (0.7 + 0.5 * draws[i, 1]), 40.0)
        else:
            content = ("faeces", -40 + 60 * draws[i, 1], 70.0)
        paint_content(canvas, found[i], 2.0 * s, level, content)
