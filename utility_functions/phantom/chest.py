"""Organs of the chest: heart, airways, pulmonary vessels and oesophagus."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.packing import ahead, at, fill, fill_within, packed, paint, under_dome
from utility_functions.phantom.posture import rotation
from utility_functions.phantom.shapes import OUTER, Frame, Shape, Vector, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def paint_chest(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints heart, oesophagus, trachea, bronchi and pulmonary vessels."""
    _paint_heart(canvas, torso, tissue, rng)
    _paint_oesophagus(canvas, spine, tissue, rng)
    _paint_trachea(canvas, spine, tissue)
    for side in SIDES:
        _paint_tree(canvas, spine, torso, tissue, rng, side)


def heart_frame(torso: Torso) -> Frame:
    """The frame of the heart at its centre: x points to its base (right, posterior), y to its front, z up."""
    return Frame(rotation(0, 22, -38), under_dome(torso, -16, 74, 20), torso.size)


def _paint_heart(canvas: Canvas, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints pericardial fat, myocardium, chambers, and calcified coronary arteries."""
    frame = heart_frame(torso)
    big, fat_mm = (
        float(rng.uniform(0.9, 1.15)) * (1 + 0.12 * tissue.age),
        3 + 9 * torso.build * float(rng.uniform(0.4, 1.2)),
    )
    radii = np.array([57, 40, 44]) * big
    outside = packed(canvas, torso, [ellipsoid((4, 0, 2), radii + fat_mm)], 0.0, 5.0, True, frame)
    paint(canvas, outside, "fat", tissue.fat_hu + 8, 8)
    muscle = packed(canvas, torso, [ellipsoid((0, 0, 0), radii)], 0.0, 7.0, True, frame)
    muscle_hu = 0.65 * tissue.muscle_hu + 0.35 * min(tissue.chamber_hu, 180.0)
    paint(canvas, muscle, "heart", muscle_hu, 5)
    chambers = (
        ((-10, -12, 2), (32, 15, 20)), ((-4, 20, -4), (38, 13, 24)),  # left and right ventricle
        ((32, -14, 12), (18, 20, 19)), ((34, 14, -2), (17, 17, 24)),  # left and right atrium
    )  # fmt: skip
    for i, (centre, size) in enumerate(chambers):
        hu = tissue.chamber_hu if i % 2 == 0 else 0.6 * tissue.chamber_hu + 0.4 * tissue.vein_hu
        found = packed(canvas, torso, [ellipsoid(np.array(centre) * big, np.array(size) * big)], 0.0, 12.0, True, frame)
        paint(canvas, found, "chamber", hu, 4)
    groove = np.array([(34, 4, 34), (8, 26, 35), (-22, 32, 22), (-44, 22, 2)]) * big
    right = np.array([(36, 26, 22), (34, 36, -4), (28, 26, -28), (16, 8, -40)]) * big
    starts, lengths, thick = rng.random(24), rng.uniform(0.02, 0.16, 24), rng.uniform(0.7, 1.9, 24)
    hus, count = rng.uniform(250, 1100, 24), round(24 * tissue.calcification * float(rng.uniform(0.2, 1)))
    for i in range(count):
        path = frame.out(curve(groove if i % 3 else right, 3.0))
        part = path[int(starts[i] * len(path)) : int((starts[i] + lengths[i]) * len(path)) + 2]
        if len(part) > 1:
            fill(canvas, tube(part, thick[i]), "calcification", float(hus[i]), 0)


def _paint_oesophagus(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the oesophagus from the pharynx to the stomach, in places with air in it."""
    s = spine.scale
    names = ("C6", "T1", "T3", "T5", "T7", "T9")
    path = curve([*(ahead(spine, name, 7, -4) for name in names), ahead(spine, "T11", 26, -16)], 14.0 * s)
    air = (rng.random(len(path)) < 0.25) * rng.uniform(1.5, 5.5, len(path))
    fill(canvas, tube(path, 7.0 * s), "gullet", tissue.muscle_hu - 8, 5)
    for a, b, radius in zip(path[:-1], path[1:], air[:-1], strict=True):
        if radius > 0:
            fill(canvas, tube([a, b], radius * s), "gas", -850.0, 3)


def _paint_trachea(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints the trachea, with rings that calcify with age, and the two main bronchi."""
    s = spine.scale
    trunk = curve([ahead(spine, *spot) for spot in (("C6", 19.0), ("T1", 21.0), ("T3", 23.0), ("T5", 22.0))], 12.0 * s)
    hu = 0.6 * tissue.muscle_hu + 0.4 * min(tissue.cartilage_hu, 250)
    fork = trunk[-1]
    roots = [curve([fork, fork + np.array([side * 16, -4, -16]) * s, hilum(spine, side)], 9.0 * s) for side in SIDES]
    paths = [(trunk, 9.0), *((root, 6.5) for root in roots)]
    for path, radius in paths:
        fill(canvas, tube(path, (radius + 1.8) * s), "cartilage", hu, 5)
    for path, radius in paths:
        fill(canvas, tube(path, radius * s), "airway", -995.0, 3)


def hilum(spine: Spine, side: float) -> Vector:
    """The hilum of a lung, where vessels and airways enter."""
    return at(spine, "T6", side * 46, 38, 2)


def _paint_tree(
    canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator, side: float
) -> None:
    """Paints vessels that branch from the hilum, and the first bronchi beside them."""
    s, root = spine.scale, hilum(spine, side)
    stem = tube([root - np.array([side * 16, -8, 6]) * s, root + np.array([side * 8, 0, -8]) * s], 10 * s)
    fill(canvas, stem, "artery", 0.5 * (tissue.chamber_hu + tissue.vein_hu), 4)
    vessels: list[Shape] = []
    airways: list[Shape] = []
    tips = [
        (root, np.array(way, float), 6.5)
        for way in ((0.5, 0.2, 0.9), (0.9, 0.6, 0.2), (0.9, -0.5, 0.1), (0.5, 0.3, -0.9), (0.5, -0.6, -0.8))
    ]
    for generation in range(4):
        grown = []
        for start, way, radius in tips:
            noise = rng.normal(0, 0.45, (2, 3))
            reach = (34, 27, 22, 18)[generation] * s * float(rng.uniform(0.75, 1.2))
            for turn in noise:
                heading = way + turn * (0.6 if generation == 0 else 1.0)
                heading = heading / np.linalg.norm(heading)
                end = start + heading * np.array([side, 1, 1]) * reach
                vessels += tube([start, end], [radius * s, 0.66 * radius * s])
                if generation < 2:
                    off = np.array([0, 3.5 + radius * 0.6, 2.0]) * s
                    airways += tube([start + off, end + off], [0.6 * radius * s, 0.42 * radius * s])
                grown.append((end, heading, 0.66 * radius))
        tips = grown
    hu = min(0.5 * (tissue.chamber_hu + tissue.vein_hu), 300.0)
    fill_within(canvas, vessels, "lung", "lung vessel", hu)
    for solid in airways:
        found = canvas.distances(OUTER, [solid])
        if found is None:
            continue
        x, y, z = canvas.coordinates(OUTER, found[0])
        field = np.maximum(found[1], np.float32(8) - torso.room(x, y, z))
        canvas.blend(found[0], canvas.cover(field - np.float32(1.0)), "bronchus", -150.0)
        canvas.blend(found[0], canvas.cover(field), "airway", -980.0)
