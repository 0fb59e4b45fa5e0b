"""Pharynx and neck: airway, tongue, larynx, thyroid and submandibular glands."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, loft, tube
from utility_functions.phantom.packing import ahead, at, fill
from utility_functions.phantom.shapes import OUTER, Vector, capsule, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue

SIDES = (-1.0, 1.0)


def paint_neck(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the organs between mandible and clavicles."""
    s = spine.scale
    _paint_mouth(canvas, spine, tissue, rng)
    _paint_larynx(canvas, spine, tissue, rng)
    big = float(rng.uniform(0.75, 1.35))
    for side in SIDES:
        own = float(rng.uniform(0.85, 1.15))
        lobe = [ahead(spine, name, y, side * x) for name, x, y in (("C5", 15, 20), ("C7", 17, 18), ("T1", 13, 18))]
        sizes = np.array([[4, 5], [9, 10], [5, 6]]) * s * big * own
        canvas.fill(OUTER, [loft(np.array(lobe), sizes)], "thyroid", tissue.thyroid_hu, grain=10)
    bridge = [ahead(spine, "C7", 27, x) for x in (-12, 0, 12)]
    fill(canvas, tube(np.array(bridge), 4.0 * s), "thyroid", tissue.thyroid_hu, 8)
    nodule, spot, hu = rng.random() < 0.15, rng.normal(0, 4, 3), float(rng.choice([20.0, 60.0, 500.0]))
    if nodule:
        fill(canvas, [ellipsoid(ahead(spine, "C7", 18, 17) + spot * s, (5 * s, 5 * s, 7 * s))], "thyroid", hu, 8)


def _throat(spine: Spine) -> Vector:
    """The centre line of the airway from the nasopharynx to the trachea."""
    knots = [
        ahead(spine, "C1", 24, up=16),
        ahead(spine, "C2", 12, up=6),
        ahead(spine, "C3", 12),
        ahead(spine, "C4", 14),
        ahead(spine, "C5", 17),
        ahead(spine, "C6", 19),
    ]
    return curve(knots, 8.0 * spine.scale)


def _paint_mouth(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the tongue, the floor of the mouth, sometimes air over the tongue, and glands."""
    s = spine.scale
    fat, flesh = tissue.fat_hu, tissue.muscle_hu
    fill(
        canvas, [ellipsoid(at(spine, "C2", 0, 52, -12), np.array([32, 32, 30]) * s)], "fat", 0.3 * fat + 0.7 * flesh, 12
    )
    fill(canvas, [ellipsoid(at(spine, "C2", 0, 54, 0), np.array([22, 30, 22]) * s)], "tongue", flesh + 8, 8)
    fill(canvas, [ellipsoid(at(spine, "C2", 0, 56, -24), np.array([16, 24, 9]) * s)], "tongue", flesh, 8)
    gap, open_mouth = float(rng.uniform(1.5, 7)), rng.random() < 0.6
    if open_mouth:
        fill(canvas, [ellipsoid(at(spine, "C2", 0, 54, 23), np.array([15, 24, gap]) * s)], "airway", -950.0, 3)
    for side in SIDES:
        fill(
            canvas,
            [ellipsoid(at(spine, "C3", side * 33, 36, 4), np.array([9, 15, 13]) * s)],
            "gland",
            tissue.gland_hu,
            8,
        )
        parotid = 0.5 * fat + 0.5 * tissue.gland_hu
        fill(canvas, [ellipsoid(at(spine, "C1", side * 52, 12, -8), np.array([11, 19, 24]) * s)], "gland", parotid, 12)


def _paint_larynx(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the airway in its muscular tube, thyroid cartilage and cricoid; both calcify with age."""
    s, path = spine.scale, _throat(spine)
    radii = np.interp(np.linspace(0, 1, len(path)), [0, 0.25, 0.5, 0.7, 0.86, 1], [9, 5, 8.5, 6.5, 3.5, 8.5]) * s
    fill(canvas, tube(path, radii + 4.5 * s), "muscle", tissue.muscle_hu, 5)
    top, low = ahead(spine, "C4", 20), ahead(spine, "C6", 24, up=6)
    middle = np.array([top, (top + low) / 2, low])
    outer = loft(middle, np.array([[19, 17], [17, 16], [12, 12]]) * s, 0.0, 4.0)
    found = canvas.distances(OUTER, [outer])
    patches, hardness = rng.random(), tissue.cartilage_hu
    if found is not None:
        box, field = found
        y = canvas.axis(1)[box[1]][None, :, None]
        back = np.float32(middle[:, 1].mean() - 6 * s) - y
        canvas.blend(box, canvas.cover(field), "muscle", tissue.muscle_hu + np.float32(8) * canvas.texture[box])
        shell = np.maximum(np.maximum(field, -field - np.float32(2.4 * s)), back)
        hu = np.float32(hardness) + np.float32(150 * patches * tissue.age) * np.maximum(canvas.texture[box], -0.5)
        canvas.blend(box, canvas.cover(shell), "cartilage", hu)
    ring = ahead(spine, "C6", 19, up=2)
    fill(canvas, [ellipsoid(ring, np.array([13, 13, 7]) * s)], "cartilage", 0.8 * hardness, 15)
    fill(canvas, tube(path, radii), "airway", -985.0, 3)
    flap = ahead(spine, "C3", 17, up=-4)
    fill(canvas, [capsule(flap, flap + np.array([0, 8, -20]) * s, 1.6 * s)], "cartilage", tissue.muscle_hu + 10, 3)
