"""Organs of chest and belly, airways and vessels: cues of the level that lie in front of the spine."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import OUTER, Shape, Vector, capsule, ellipsoid
from utility_functions.phantom.skeleton import along
from utility_functions.phantom.tissue import Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def paint_organs(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Everything before the spine, in the order in which one covers the other."""
    _paint_bowel(canvas, spine, torso, tissue, rng)
    _paint_belly(canvas, spine, tissue, rng)
    _paint_chest(canvas, spine, tissue, rng)
    _paint_airway(canvas, spine)
    _paint_aorta(canvas, spine, tissue, rng)
    _paint_veins(canvas, spine, tissue)


def blobs(canvas: Canvas, solids: list[Shape], name: str, hu: float, grain: float = 5.0) -> None:
    """Solids of one tissue, each painted in its own box."""
    for solid in solids:
        canvas.fill(OUTER, [solid], name, hu, grain=grain)


def _at(spine: Spine, level: str, x: float, y: float, z: float = 0.0) -> Vector:
    """A place in mm of a mean patient from the body centre of a level, upright."""
    return spine[level].frame.origin + np.array([x, y, z]) * spine.scale


def _ahead(spine: Spine, level: str, ahead: float, x: float = 0.0, up: float = 0.0) -> Vector:
    """A place before the front of a vertebral body, in its own frame."""
    vertebra = spine[level]
    return vertebra.frame.out((x, vertebra.size.depth / 2 + ahead, up))


def _paint_bowel(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Loops of bowel, a third of them with gas; the colon along both flanks."""
    s = spine.scale
    low, high = spine["S1"].frame.origin[2] - 50 * s, spine["L1"].frame.origin[2] + 20 * s
    for _ in range(90):
        z = float(rng.uniform(low, high))
        centre, across, deep, _ = torso.chest(z)
        angle, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0.02, 0.65))
        place = np.array([centre[0] + far * across * np.cos(angle), centre[1] + far * deep * np.sin(angle), z])
        front_of_spine = np.interp(z, spine.centres[::-1, 2], spine.centres[::-1, 1]) + 30 * s
        if place[1] < front_of_spine:
            place[1] = front_of_spine + rng.uniform(5, 40) * s
        radii = rng.uniform(7, 19, 3) * s
        blobs(canvas, [ellipsoid(place, radii)], "bowel", rng.uniform(10, 60), 8)
        if rng.random() < 0.35:
            gas = place + np.array([0, radii[1] * 0.3, 0])
            blobs(canvas, [ellipsoid(gas, radii * rng.uniform(0.4, 0.75))], "gas", -rng.uniform(300, 980), 30)


def _paint_belly(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Liver, spleen, stomach, kidneys, pancreas, bladder."""
    s = spine.scale
    jitter = rng.normal(0, 5, (6, 3)) * s
    organ = tissue.organ_hu
    liver = _at(spine, "T11", 66, 55) + jitter[0]
    blobs(canvas, [ellipsoid(liver, np.array([66, 72, 70]) * s)], "liver", organ + 5)
    blobs(canvas, [ellipsoid(_at(spine, "T11", 5, 88) + jitter[0], np.array([62, 34, 36]) * s)], "liver", organ + 5)
    for x, y, z in rng.uniform(-45, 45, (8, 3)) * s:
        blobs(canvas, [ellipsoid(liver + np.array([x, y, z]), (4, 4, 12))], "vein", tissue.blood_hu * 0.5 + organ * 0.5)
    blobs(canvas, [ellipsoid(_at(spine, "T11", -92, 4) + jitter[1], np.array([24, 40, 46]) * s)], "spleen", organ)
    stomach = _at(spine, "T12", -52, 68) + jitter[2]
    blobs(canvas, [ellipsoid(stomach, np.array([42, 36, 46]) * s)], "bowel", rng.uniform(15, 60), 10)
    blobs(canvas, [ellipsoid(stomach + np.array([0, 16, 12]) * s, np.array([24, 14, 20]) * s)], "gas", -850.0)
    for side in SIDES:
        kidney = _at(spine, "L1" if side < 0 else "L2", side * 62, -10, 8) + jitter[3]
        blobs(canvas, [ellipsoid(kidney, np.array([26, 27, 52]) * s)], "kidney", organ * 1.25)
        blobs(canvas, [ellipsoid(kidney - np.array([side * 11, 0, 0]) * s, np.array([12, 10, 25]) * s)], "fat", -70.0)
    pancreas = np.array([_at(spine, "L2", 30, 48), _at(spine, "L1", -10, 52), _at(spine, "T12", -60, 30)])
    blobs(canvas, along(pancreas, 13 * s), "gland", organ * 0.9)
    blobs(canvas, [ellipsoid(_at(spine, "S1", 0, 66, -88) + jitter[4], np.array([38, 34, 34]) * s)], "urine", 10.0)


def _paint_chest(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Heart, great vessels above it, gullet."""
    s = spine.scale
    heart = _at(spine, "T8", -16, 82) + rng.normal(0, 4, 3) * s
    blobs(canvas, [ellipsoid(heart, np.array([52, 44, 50]) * s)], "heart", 45.0)
    for x, y in ((-20, 8), (18, 4)):
        chamber = ellipsoid(heart + np.array([x, y, 0]) * s, np.array([23, 28, 36]) * s)
        blobs(canvas, [chamber], "heart", tissue.blood_hu * rng.uniform(0.8, 1.0))
    trunk = np.array([_at(spine, "T6", -14, 80), _at(spine, "T6", -6, 58), _at(spine, "T6", 32, 48)])
    blobs(canvas, along(trunk, 12 * s), "artery", tissue.blood_hu * 0.95)
    gullet = np.array([_ahead(spine, name, 6, -5) for name in ("C6", "T1", "T3", "T5", "T7", "T9", "T11")])
    blobs(canvas, along(gullet, 6.5 * s), "gullet", 35.0)
    thyroid = [ellipsoid(_ahead(spine, "C7", 20, side * 17), np.array([9, 10, 20]) * s) for side in SIDES]
    blobs(canvas, thyroid, "gland", 110.0)


def _paint_airway(canvas: Canvas, spine: Spine) -> None:
    """Throat, windpipe and main bronchi."""
    s = spine.scale
    throat = np.array(
        [_ahead(spine, "C1", 26, up=14), _ahead(spine, "C2", 14), _ahead(spine, "C4", 13), _ahead(spine, "C6", 18)]
    )
    blobs(canvas, along(throat, 7.5 * s, end_radius=6.0 * s), "airway", -990.0, 3)
    windpipe = np.array([_ahead(spine, *spot) for spot in (("C6", 18.0), ("T1", 20.0), ("T3", 22.0), ("T5", 20.0))])
    blobs(canvas, along(windpipe, 8.5 * s), "airway", -990.0, 3)
    for side in SIDES:
        bronchus = np.array([windpipe[-1], windpipe[-1] + np.array([side * 38, -2, -28]) * s])
        blobs(canvas, along(bronchus, 6.0 * s), "airway", -990.0, 3)


def _paint_aorta(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """The aorta on the left of the bodies, from its arch at T4 to where it forks at L4; chalk in some walls."""
    s = spine.scale
    spots = (("T4", 2, -17), ("T6", 4, -20), ("T8", 6, -18), ("T10", 10, -13), ("T12", 13, -8), ("L2", 13, -8))
    aorta = np.array([*(_ahead(spine, *spot) for spot in spots), _ahead(spine, "L4", 12, -5)])
    arch = np.array(
        [aorta[0], _ahead(spine, "T4", 30, -8, 14), _ahead(spine, "T4", 52, 8, 4), _ahead(spine, "T6", 58, 8)]
    )
    blobs(canvas, along(arch, 13.0 * s), "artery", tissue.blood_hu, 4)
    blobs(canvas, along(aorta, 11.5 * s, end_radius=9.0 * s), "artery", tissue.blood_hu, 4)
    for side in SIDES:
        ends = (spine["L5"].frame.out((side * 25, 26, -8)), spine["S1"].frame.out((side * 48, 20, -30)))
        blobs(canvas, along(np.array([aorta[-1], *ends]), 6.5 * s), "artery", tissue.blood_hu, 4)
    if not tissue.calcified:
        return
    for a, b in pairwise(aorta[3:]):
        for _ in range(int(rng.integers(2, 9))):
            share, turn = rng.random(), rng.uniform(0, 2 * np.pi)
            spot = a + share * (b - a) + np.array([np.cos(turn), np.sin(turn), 0]) * 9.6 * s
            blobs(
                canvas,
                [ellipsoid(spot, rng.uniform((1.2, 1.2, 2), (2.5, 2.5, 8)))],
                "calcification",
                rng.uniform(400, 1000),
                0,
            )


def _paint_veins(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Both caval veins on the right, and the vessels of the neck beside the airway."""
    s = spine.scale
    hu = tissue.blood_hu * 0.7 + 15
    lower = np.array([_ahead(spine, name, 10, 18) for name in ("T10", "T12", "L2", "L4")])
    upper = np.array([_at(spine, "T2", 24, 42), _at(spine, "T4", 26, 48), _at(spine, "T6", 28, 58)])
    blobs(canvas, along(lower, 10.5 * s) + along(upper, 9.0 * s), "vein", hu, 4)
    for side in SIDES:
        carotid = np.array([_ahead(spine, "C2", 10, side * 24), _ahead(spine, "C5", 10, side * 24), upper[0]])
        jugular = carotid[:2] + np.array([side * 9, -3, 0]) * s
        blobs(canvas, along(carotid, 3.8 * s), "artery", tissue.blood_hu, 2)
        blobs(canvas, [capsule(jugular[0], jugular[1], 5.5 * s)], "vein", hu, 2)
