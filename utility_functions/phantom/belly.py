"""Organs of the abdomen and pelvis: liver, spleen, stomach, kidneys, pancreas, bladder."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, loft, spindle, tube
from utility_functions.phantom.packing import ahead, at, fill, fill_within, packed, paint, paint_content, under_dome
from utility_functions.phantom.shapes import Shape, Vector, capsule, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def paint_belly(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the solid organs and the stomach, from back to front."""
    _paint_stomach(canvas, spine, torso, tissue, rng)
    _paint_pancreas(canvas, spine, tissue, rng)
    _paint_liver(canvas, torso, tissue, rng)
    for side in SIDES:
        _paint_kidney(canvas, spine, torso, tissue, rng, side)
    _paint_spleen(canvas, torso, tissue, rng)
    _paint_pelvis(canvas, spine, torso, tissue, rng)


def _paint_liver(canvas: Canvas, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints two lobes under the diaphragm with hepatic and portal veins, and the gall bladder."""
    s, big = torso.size, float(rng.uniform(0.88, 1.15))
    shift = rng.normal(0, 4, 3)
    rows = np.array([
        (62, 50, 24, 60, 60), (70, 46, -20, 78, 88), (76, 44, -65, 66 * big, 80 * big),
        (88, 38, -110, 46 * big, 60 * big), (98, 30, -140 * big, 27, 40), (102, 28, -175 * big, 7, 12),
    ])  # fmt: skip
    centres = np.array([under_dome(torso, *(row[:3] + shift)) for row in rows])
    right = loft(centres, rows[:, 3:] * s, 0.0, 14.0)
    left = ellipsoid(under_dome(torso, -2, 92, -50), np.array([78 * big, 44, 42 * big]) * s)
    found = packed(canvas, torso, [right, left], 14.0)
    paint(canvas, found, "liver", tissue.liver_hu, 6)
    hilum = under_dome(torso, 34, 46, -88)
    branches: list[Shape] = []
    for _ in range(9):
        end = under_dome(torso, *rng.uniform((20, 0, -125), (120, 95, -25)))
        bend = (hilum + end) / 2 + rng.normal(0, 9, 3) * s
        branches += tube(curve([hilum, bend, end], 16.0 * s), [4.6 * s, 1.2 * s])
    caval = under_dome(torso, 22, 22, -18)
    for _ in range(5):
        end = under_dome(torso, *rng.uniform((-20, 10, -80), (120, 90, -25)))
        branches += tube(curve([caval, (caval + end) / 2 + rng.normal(0, 7, 3) * s, end], 16.0 * s), [5.0 * s, 1.3 * s])
    lesions = [
        ellipsoid(under_dome(torso, *rng.uniform((30, 10, -120), (115, 90, -20))), rng.uniform(3, 16)) for _ in range(3)
    ]
    count = int(rng.choice([0, 0, 1, 3]))
    if found is not None:
        hu = 0.75 * tissue.vein_hu + 0.25 * tissue.liver_hu
        fill_within(canvas, branches, "liver", "vein", hu)
        fill_within(canvas, lesions[:count], "liver", "gallbladder", float(rng.uniform(0, 40)))
    radii = np.array([13, 17, 29]) * s * float(rng.uniform(0.6, 1.25))
    bile = under_dome(torso, *(np.array([58, 84, -122]) + rng.normal(0, 6, 3)))
    stones, stone_hu = rng.random() < 0.1, float(rng.uniform(90, 700))
    fill(canvas, [ellipsoid(bile, radii)], "gallbladder", float(rng.uniform(2, 18)))
    if stones:
        fill(
            canvas, [ellipsoid(bile - (0, radii[1] * 0.6, radii[2] * 0.3), (4 * s, 3 * s, 5 * s))], "stone", stone_hu, 0
        )


def _paint_spleen(canvas: Canvas, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    s, big = torso.size, float(rng.uniform(0.8, 1.25))
    rows = np.array(
        [
            (-78, -12, -50, 30, 40),
            (-92, -16, -85, 40, 56),
            (-96, -12, -125 * big, 37, 52),
            (-90, 0, -165 * big, 10, 18),
        ]
    )
    rows[:, :3] += rng.normal(0, 4, 3)
    centres = np.array([under_dome(torso, *row[:3]) for row in rows])
    paint(canvas, packed(canvas, torso, [loft(centres, rows[:, 3:] * s, 28.0)]), "spleen", tissue.spleen_hu, 5)


def _paint_stomach(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the stomach from the fundus to the duodenum, with gas above fluid or contrast."""
    s, full = torso.size, float(rng.uniform(0.5, 1.15))
    shift = rng.normal(0, 6, 3)
    spots = np.array([(-68, 8, -22), (-76, 34, -55), (-66, 66, -95), (-36, 84, -122), (0, 76, -126), (24, 56, -118)])
    path = curve(np.array([under_dome(torso, *(spot + shift)) for spot in spots]), 12.0 * s)
    radii = np.interp(np.linspace(0, 1, 6), np.linspace(0, 1, 6), (34, 39, 34, 27, 19, 12)) * s * full
    level = float(under_dome(torso, 0, rng.uniform(20, 90), 0)[1])
    kind = rng.random()
    name, hu, grain = "stomach", float(rng.uniform(0, 70)), float(rng.uniform(3, 30))
    if tissue.oral_hu and kind < 0.6:
        name, hu, grain = "oral contrast", 0.7 * tissue.oral_hu, 10.0
    found = packed(canvas, torso, tube(path, radii), 4.0)
    paint(canvas, found, "stomach", tissue.muscle_hu + 5, 5)
    paint_content(canvas, found, 3.5 * s, level, (name, hu, grain))
    loop = [under_dome(torso, *(np.array((24, 56, -118)) + shift)), at(spine, "L2", 46, 34), at(spine, "L3", 44, 28, 4)]
    loop += [ahead(spine, "L3", 30, x, up) for x, up in ((18, -12), (-6, -8), (-30, 8))]
    gut = curve(np.array(loop), 12.0 * s)
    fill(canvas, tube(gut, [12 * s, 11 * s, 8 * s]), "bowel", tissue.muscle_hu, 6)
    fill(canvas, tube(gut, [8.5 * s, 8 * s, 5.5 * s]), name if kind < 0.4 else "stomach", hu, 8)


def _paint_pancreas(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints a lobulated pancreas in front of the vessels at L1 and L2, thinner in the old, and both adrenal glands."""
    s = spine.scale
    spots = [
        at(spine, "L2", 32, 44),
        at(spine, "L1", 14, 58, -8),
        at(spine, "L1", -22, 56, 4),
        at(spine, "T12", -74, 18, -6),
    ]
    path = curve(np.array(spots) + rng.normal(0, 3, (4, 3)) * s, 7.0 * s)
    lobes = rng.uniform(0.75, 1.15, len(path)) * (1.05 - 0.3 * tissue.age)
    fill(
        canvas,
        tube(path, np.interp(np.linspace(0, 1, len(path)), [0, 0.3, 1], [15, 10, 9]) * lobes * s),
        "gland",
        tissue.gland_hu,
        10,
    )
    for side in SIDES:
        top = at(spine, "T12", side * 40, 4, -8)
        for step in ((-side * 6, 2, 14), (side * 7, -12, -8), (-side * 2, -14, -10)):
            fill(canvas, [capsule(top, top + np.array(step) * s, 3.0 * s, 2.2 * s)], "gland", tissue.gland_hu, 4)


def _paint_kidney(
    canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator, side: float
) -> None:
    """Paints a kidney with renal sinus fat and pelvis; pyramids are visible in the corticomedullary phase."""
    s, long = spine.scale, float(rng.uniform(92, 122))
    low, shift, turn = (-10.0 if side > 0 else 4.0), rng.normal(0, 4, 3), float(rng.uniform(25, 50))
    size = spindle(7, 0.25, 0.45) * float(rng.uniform(0.88, 1.12))
    up = np.linspace(0.5, -0.5, 7)
    middle = at(spine, "L1", side * 63, -7, low) + shift * s

    def spot(x: float, y: float, fraction: float) -> Vector:
        """A point lateral and anterior of the kidney's axis, at a fraction of its length."""
        return middle + np.array([side * (x - 15 * fraction), y + 10 * fraction, fraction * long]) * s

    rows = np.array([spot(0, 0, -fraction) for fraction in up])
    body = loft(rows, np.column_stack([27 * size, 23 * size]) * s, side * turn, 5.0)
    found = packed(canvas, torso, [body])
    paint(canvas, found, "kidney", tissue.kidney_hu, 4)
    pyramids = [
        ellipsoid(spot(5 * np.cos(a), 9 * np.sin(a), 0.33 * b), np.array([7, 7, 8]) * s)
        for a in (0, 2, 4.2)
        for b in (-1, 0, 1)
    ]
    if tissue.kidney_hu > 105:
        fill_within(canvas, pyramids, "kidney", "kidney", tissue.kidney_hu * 0.62)
    sinus = [
        ellipsoid(spot(-16, 7, 0.0), np.array([15, 10, 24]) * s),
        ellipsoid(spot(-5, 3, 0.0), np.array([9, 7, 20]) * s),
    ]
    fill(canvas, sinus, "fat", tissue.fat_hu + 10, 6)
    wide = float(rng.uniform(2.5, 7)) + (8.0 if rng.random() < 0.05 else 0.0)
    pelvis = tube([spot(2, 3, 0.2), spot(-8, 5, 0.0), spot(2, 3, -0.2)], [0.6 * wide * s, wide * s, 0.6 * wide * s])
    fill(
        canvas,
        [*pelvis, capsule(spot(-8, 5, 0), spot(-24, 9, -0.12), wide * s, 2.5 * s)],
        "kidney pelvis",
        tissue.kidney_pelvis_hu,
        3,
    )
    ureter = [
        spot(-24, 9, -0.12),
        at(spine, "L3", side * 36, 20),
        at(spine, "L5", side * 38, 26),
        at(spine, "S1", side * 46, 34, -60),
    ]
    fill(canvas, tube(curve(ureter, 25.0 * s), 2.4 * s), "kidney pelvis", tissue.kidney_pelvis_hu, 2)
    cysts, place, radius = (
        int(rng.random() < 0.1 + 0.35 * tissue.age),
        rng.uniform(-0.4, 0.4),
        float(rng.uniform(5, 24)),
    )
    if cysts:
        bubble = packed(canvas, torso, [ellipsoid(spot(20, 6, place), radius * s)])
        paint(canvas, bubble, "gallbladder", 8.0, 3)
    stones, where, stone_hu = rng.random() < 0.12, rng.uniform(-0.25, 0.25), float(rng.uniform(250, 1400))
    radii = rng.uniform(1.2, 4.5, 3)
    if stones:
        fill(canvas, [ellipsoid(spot(1, 3, where), radii * s)], "stone", stone_hu, 0)


def _paint_pelvis(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the bladder, with contrast at its back, and uterus or prostate."""
    s, full = spine.scale, float(rng.uniform(0.55, 1.3))
    floor = at(spine, "S1", 0, 68, -98)
    centre = floor + np.array([0, 0, 30 * full]) * s
    solid = ellipsoid(centre, np.array([44, 34, 32]) * s * full)
    x, y, z = rng.uniform(-8, 8), rng.uniform(26, 42), rng.uniform(0.9, 1.2)
    if torso.female:
        womb = ellipsoid(at(spine, "S1", x, y, -66), np.array([27, 22, 30]) * s * z)
        paint(canvas, packed(canvas, torso, [womb]), "gland", tissue.muscle_hu + 15, 5)
    else:
        gland = ellipsoid(floor + np.array([0, -4, -16]) * s, np.array([24, 19, 18]) * s * z)
        paint(canvas, packed(canvas, torso, [gland], gap_mm=-14), "gland", tissue.muscle_hu + 5, 5)
    found = packed(canvas, torso, [solid])
    paint(canvas, found, "muscle", tissue.muscle_hu, 4)
    if found is None:
        return
    box, field = found
    canvas.blend(box, canvas.cover(field + np.float32(2.5)), "urine", min(tissue.urine_hu, 15.0))
    if tissue.urine_hu > 15:
        surface = np.float32(centre[1] - 4 * s)
        low = canvas.axis(1)[box[1]][None, :, None] - surface
        canvas.blend(box, canvas.cover(np.maximum(field + np.float32(2.5), low), 6.0), "urine", tissue.urine_hu)
