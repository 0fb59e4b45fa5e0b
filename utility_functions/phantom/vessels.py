"""Great vessels with or without contrast, with calcified plaques; wider and tortuous in the old."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.packing import ahead, at, fill, under_dome
from utility_functions.phantom.shapes import Field, Frame, Shape, Vector
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)
STEP_MM = 8.0


def paint_vessels(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints veins, then arteries, then calcified plaques."""
    _paint_veins(canvas, spine, torso, tissue)
    _paint_neck(canvas, spine, tissue, rng)
    _paint_aorta(canvas, spine, torso, tissue, rng)


def plaque(
    place: Vector, way: Vector, radius: float, turn: float, span: float, length: float, thick: float
) -> tuple[Frame, Shape]:
    """A curved plaque in the wall of a vessel along ``way``, over ``span`` radians round ``turn``."""
    up = way / np.linalg.norm(way)
    side = np.cross(up, (0.0, 1.0, 0.02))
    side /= np.linalg.norm(side)
    frame = Frame(np.column_stack([side, np.cross(up, side), up]), place)
    cos, sin, half = np.float32(np.cos(turn)), np.float32(np.sin(turn)), np.float32(np.cos(span / 2))

    def distance(x: Field, y: Field, z: Field) -> Field:
        r = np.sqrt(x * x + y * y)
        sheet = np.abs(r - np.float32(radius)) - np.float32(thick / 2)
        aside = r * half - (x * cos + y * sin)
        return np.maximum(np.maximum(sheet, aside), np.abs(z) - np.float32(length / 2))

    reach = np.array([radius + thick, radius + thick, length / 2])
    return frame, Shape(distance, -reach, reach)


def _paint_plaques(
    canvas: Canvas, path: Vector, radii: Vector, count: int, tissue: Tissue, rng: np.random.Generator
) -> None:
    """Paints plaques along a vessel, more and larger ones with more calcification."""
    for _ in range(count):
        i = int(rng.integers(0, len(path) - 1))
        fraction, turn = float(rng.random()), float(rng.uniform(0, 2 * np.pi))
        span, length = (
            float(rng.uniform(0.2, 0.9 + 2.2 * tissue.calcification)),
            float(rng.uniform(2, 8 + 14 * tissue.calcification)),
        )
        thick, hu = float(rng.uniform(0.8, 2.8)), float(rng.uniform(300, 1300))
        place = path[i] + fraction * (path[i + 1] - path[i])
        frame, solid = plaque(place, path[i + 1] - path[i], float(radii[i]) + 0.3, turn, span, length, thick)
        canvas.fill(frame, [solid], "calcification", hu)


def _vessel(canvas: Canvas, path: Vector, radii: Vector, name: str, hu: float, wall_hu: float | None = None) -> None:
    if wall_hu is not None:
        fill(canvas, tube(path, radii + 1.6), name, wall_hu, 3)
    fill(canvas, tube(path, radii), name, hu, 3)


def _paint_aorta(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the aorta from the heart over the arch at T4 to the bifurcation at L4, with its branches."""
    s, age = spine.scale, tissue.age
    wide = float(rng.uniform(0.85, 1.1)) * (1 + 0.3 * age)
    wind = rng.normal(0, 1.0 + 6.0 * age**2, (14, 2)) * s
    heart = under_dome(torso, -4, 84, 52)
    arch = [
        heart,
        heart + np.array([12, 4, 22]) * s,
        at(spine, "T5", 12, 68),
        at(spine, "T4", 2, 56, 10),
        at(spine, "T4", -14, 28, 6),
        ahead(spine, "T5", 4, -20),
    ]
    spots = [
        ("T7", 5, -20),
        ("T9", 7, -18),
        ("T11", 9, -12),
        ("L1", 12, -8),
        ("L2", 12, -7),
        ("L3", 12, -7),
        ("L4", 11, -5),
    ]
    knots = np.array([*arch, *(ahead(spine, *spot) for spot in spots)])
    knots[6:-1, :2] += wind[: len(knots) - 7]
    path = curve(knots, STEP_MM * s)
    along = np.linspace(0, 1, len(path))
    radii = np.interp(along, [0, 0.15, 0.3, 0.6, 0.85, 1], [15.5, 15, 12.5, 11, 9, 8.5]) * s * wide
    bulge, where, reach = float(rng.uniform(6, 24)), float(rng.uniform(0.72, 0.95)), float(rng.uniform(0.03, 0.06))
    swollen, clotted = rng.random() < 0.16 * age, rng.random() < 0.7
    lumen = radii.copy()
    if swollen:
        swell = bulge * np.exp(-(((along - where) / reach) ** 2))
        radii, lumen = radii + swell, radii + swell * (0.35 if clotted else 1.0)
        path[:, 1] += 0.6 * swell
    fill(canvas, tube(path, radii + 1.6), "thrombus", tissue.muscle_hu - 5, 4)
    fill(canvas, tube(path, lumen), "artery", tissue.blood_hu, 4)
    plates = float(rng.uniform(0.5, 1.3)) * tissue.calcification
    _paint_plaques(canvas, path, radii, int(70 * plates), tissue, rng)
    low = curve(knots[-5:], STEP_MM * s)
    _paint_plaques(
        canvas,
        low,
        np.interp(np.linspace(0, 1, len(low)), along[-len(low) :] - along[-len(low)], radii[-len(low) :]),
        int(45 * plates),
        tissue,
        rng,
    )
    fork = path[-1]
    for side in SIDES:
        kink = rng.normal(0, 1 + 3 * age, 3) * s
        ends = [
            fork,
            spine["L5"].frame.out((side * 23, 27, -6)) + kink,
            at(spine, "S1", side * 46, 26, -26),
            at(spine, "S1", side * 66, 50, -70),
            at(spine, "S1", side * 74, 86, -112),
        ]
        leg = curve(ends, STEP_MM * s)
        girth = np.linspace(6.8, 4.5, len(leg)) * s * wide
        _vessel(canvas, leg, girth, "artery", tissue.blood_hu, tissue.muscle_hu)
        _paint_plaques(canvas, leg[:-3], girth, int(26 * plates), tissue, rng)
        inner = curve([ends[2], at(spine, "S1", side * 52, 4, -62), at(spine, "S1", side * 56, 6, -90)], STEP_MM * s)
        _vessel(canvas, inner, np.linspace(4, 2.5, len(inner)) * s, "artery", tissue.blood_hu)
        _paint_plaques(canvas, inner, np.full(len(inner), 3.3 * s), int(8 * plates), tissue, rng)
        renal = curve(
            [
                ahead(spine, "L1", 12, -7, -14),
                ahead(spine, "L1", 2, side * 22, -16),
                at(spine, "L1", side * 44, -2, -6),
            ],
            STEP_MM * s,
        )
        _vessel(canvas, renal, np.full(len(renal), 2.8 * s), "artery", tissue.blood_hu)
        branch = curve(
            [
                at(spine, "T4", -2 + side * 8, 52, 14),
                at(spine, "T2", side * 18, 44, 6),
                at(spine, "T1", side * 34, 34, 8),
                at(spine, "T1", side * 90, 30, 6),
            ],
            12 * s,
        )
        _vessel(canvas, branch, np.linspace(5.5, 4.2, len(branch)) * s, "artery", tissue.blood_hu)
        _paint_plaques(canvas, branch, np.full(len(branch), 4.8 * s), int(5 * plates), tissue, rng)
    gut = curve(
        [
            ahead(spine, "L1", 20, -6, 8),
            ahead(spine, "L1", 38, -4, -6),
            ahead(spine, "L3", 38, 6),
            ahead(spine, "L4", 42, 14),
        ],
        STEP_MM * s,
    )
    _vessel(canvas, gut, np.linspace(4.2, 2.5, len(gut)) * s, "artery", tissue.blood_hu)
    coeliac = curve(
        [
            ahead(spine, "T12", 18, -8, -8),
            ahead(spine, "T12", 34, -6, -6),
            at(spine, "T12", -30, 42),
            at(spine, "T12", -82, 6),
        ],
        STEP_MM * s,
    )
    _vessel(canvas, coeliac, np.linspace(3.6, 2.6, len(coeliac)) * s, "artery", tissue.blood_hu)
    _paint_plaques(canvas, coeliac, np.full(len(coeliac), 3.0 * s), int(9 * plates), tissue, rng)


def _paint_veins(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue) -> None:
    """Paints both caval veins, the portal, azygos and pelvic veins."""
    s, hu = spine.scale, tissue.vein_hu
    lower = [
        ahead(spine, "L5", 9, 12, 8),
        ahead(spine, "L3", 9, 17),
        ahead(spine, "L1", 10, 19),
        ahead(spine, "T12", 14, 20),
        under_dome(torso, 20, 34, -30),
        under_dome(torso, 14, 50, 12),
    ]
    path = curve(lower, STEP_MM * s)
    _vessel(canvas, path, np.interp(np.linspace(0, 1, len(path)), [0, 0.4, 1], [9, 11, 13]) * s, "vein", hu)
    upper = curve(
        [at(spine, "T2", 20, 46), at(spine, "T4", 27, 52), at(spine, "T6", 28, 60), under_dome(torso, 24, 66, 40)],
        STEP_MM * s,
    )
    _vessel(canvas, upper, np.full(len(upper), 8.5 * s), "vein", hu)
    cross = curve([at(spine, "T2", 20, 46), at(spine, "T2", -8, 60, 2), at(spine, "T1", -34, 48, 2)], STEP_MM * s)
    _vessel(canvas, cross, np.full(len(cross), 6.5 * s), "vein", hu)
    azygos = curve([ahead(spine, name, 2, 8) for name in ("L1", "T11", "T9", "T7", "T5")], 20 * s)
    _vessel(canvas, azygos, np.linspace(2.2, 4.0, len(azygos)) * s, "vein", hu)
    portal = curve(
        [ahead(spine, "L2", 40, 14), ahead(spine, "L1", 36, 16), under_dome(torso, 34, 46, -88)], STEP_MM * s
    )
    _vessel(canvas, portal, np.full(len(portal), 6.0 * s), "vein", hu)
    for side in SIDES:
        ends = [
            lower[0],
            at(spine, "S1", side * 36, 12, -20),
            at(spine, "S1", side * 62, 38, -68),
            at(spine, "S1", side * 68, 82, -112),
        ]
        leg = curve(ends, STEP_MM * s)
        _vessel(canvas, leg, np.linspace(7.5, 6, len(leg)) * s, "vein", hu)
        renal = curve([ahead(spine, "L1", 12, 15, -12), at(spine, "L1", side * 44, 4, -8)], STEP_MM * s)
        _vessel(canvas, renal, np.full(len(renal), 4.6 * s), "vein", hu)


def _paint_neck(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints carotid and vertebral artery and jugular vein of both sides, with plaques at the carotid bifurcation."""
    s = spine.scale
    names = ("C1", "C2", "C4", "C6", "T1")
    for side in SIDES:
        wide = float(rng.uniform(0.7, 1.25))
        places = ((27, 12), (26, 12), (25, 16), (23, 18), (22, 24))
        carotid = curve([ahead(spine, name, y, side * x) for name, (x, y) in zip(names, places, strict=True)], 10.0 * s)
        jugular = carotid + np.array([side * 10, -5, 0]) * s
        _vessel(canvas, jugular, np.full(len(jugular), 5.8 * s * wide), "vein", tissue.vein_hu)
        _vessel(canvas, carotid, np.full(len(carotid), 3.7 * s), "artery", tissue.blood_hu)
        count = int(7 * tissue.calcification * rng.random())
        _paint_plaques(canvas, carotid[3:8], np.full(len(carotid), 3.4 * s), count, tissue, rng)
        spots = [spine[name].frame.out((side * 15.5, -4.5, 0)) for name in ("C6", "C4", "C2")]
        _vessel(canvas, curve(spots, 12.0 * s), np.full(1, 1.9 * s), "artery", tissue.blood_hu)
