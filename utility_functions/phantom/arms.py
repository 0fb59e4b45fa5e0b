"""Arms, raised beside the head or down beside the trunk: soft tissue, and bones below the shoulder."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.packing import at
from utility_functions.phantom.shapes import OUTER, Shape, Vector, ellipsoid
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import TISSUE_CODES, Tissue
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def paint_arms(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints both arms: mostly raised in scans of the trunk, and down in scans of the neck."""
    for side in SIDES:
        shoulder, elbow, wrist, fingers = _joints(spine, torso, rng, side)
        _paint_soft_tissue(canvas, np.array([shoulder, elbow, wrist, fingers]), torso, tissue)
        s = torso.size
        for solids, marrow in _bones(shoulder, elbow, wrist, fingers, s, side):
            for solid in solids:
                found = canvas.distances(OUTER, [solid])
                if found is not None:
                    hu = tissue.fat_hu + marrow * (tissue.marrow_hu - tissue.fat_hu)
                    thick = tissue.cortex_mm + 2.2 * (1 - marrow)
                    canvas.bone(*found, "arm", tissue.cortex_hu, hu, thick, tissue.grain_hu * marrow)


def _joints(spine: Spine, torso: Torso, rng: np.random.Generator, side: float) -> tuple[Vector, Vector, Vector, Vector]:
    """The positions of shoulder, elbow, wrist and finger tips."""
    sway = rng.normal(0, 12, (3, 3))
    crossed = float(rng.random())
    shoulder = at(spine, "T3", side * 168, 2, 8)
    if torso.arms_up:
        elbow = shoulder + (np.array([side * 34, 40, 225]) + sway[0]) * torso.size
        wrist = elbow + (np.array([-side * (60 + 110 * crossed), 0, 190]) + sway[1]) * torso.size
        return shoulder, elbow, wrist, wrist + np.array([-side * 60, 0, 90]) * torso.size
    low = spine["L2"].frame.origin
    across, along, wide = (float(v) for v in torso.skin(np.array(low[2]))[:3])
    off = max(wide + (30 + 8 * torso.build) * torso.size, 168 * torso.size)
    elbow = np.array([across + side * off, along - 14 * torso.size, low[2]]) + sway[0] * (0.4, 0.8, 1.5)
    if crossed < 0.35:  # hands on the abdomen
        front = float(torso.skin(np.array(low[2] - 90.0))[4])
        wrist = np.array([across + side * 95 * torso.size, along + 0.86 * front + 20, low[2] - 95 * torso.size])
        return shoulder, elbow, wrist, wrist + np.array([-side * 70, 4, -40]) * torso.size
    wrist = elbow + (np.array([side * 14, 26, -235]) + sway[1] * (0.4, 0.8, 0.5)) * torso.size
    return shoulder, elbow, wrist, wrist + np.array([0, 6, -150]) * torso.size


def _paint_soft_tissue(canvas: Canvas, joints: Vector, torso: Torso, tissue: Tissue) -> None:
    """Paints skin, fat and muscle over air only, so that arms do not overlap the trunk."""
    s, fat_mm = torso.size, 3 + 16 * torso.build
    path = curve(joints, 26.0 * s)
    fraction = np.linspace(0, 3, len(path))
    girth = np.interp(fraction, [0, 0.35, 1, 1.3, 2, 2.4, 3], [43, 40, 33, 35, 24, 28, 9]) * s
    for grown, name, hu in (
        (fat_mm + 2, "skin", tissue.skin_hu),
        (fat_mm, "fat", tissue.fat_hu),
        (0.0, "muscle", tissue.muscle_hu),
    ):
        for solid in tube(path, girth + grown * np.interp(fraction, [0, 1.5, 3], [1, 0.7, 0.1])):
            found = canvas.distances(OUTER, [solid])
            if found is not None:
                box, field = found
                codes = canvas.tissues[box]
                free = (codes == 0) | (codes == TISSUE_CODES["skin"])
                if grown != fat_mm + 2:
                    free |= codes == TISSUE_CODES["fat"]
                canvas.blend(box, canvas.cover(field) * free, name, hu + np.float32(6) * canvas.texture[box])


def _bones(
    shoulder: Vector, elbow: Vector, wrist: Vector, fingers: Vector, s: float, side: float
) -> list[tuple[list[Shape], float]]:
    """The solids of each bone, and its fraction of cancellous bone; the rest is fatty marrow."""
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    aside = np.cross(along, (0.0, 1.0, 0.0))
    aside = aside / max(float(np.linalg.norm(aside)), 1e-6) * 9 * s
    upper = curve([shoulder, (shoulder + elbow) / 2 + np.array([side * 4, 4, 0]) * s, elbow], 60.0 * s)
    back = elbow - along * 16 * s
    hand = wrist + np.linspace(0.1, 1, 3)[:, None] * (fingers - wrist)
    return [
        (tube(upper, np.array([13, 11.5, 11, 12]) * s), 0.15),
        ([ellipsoid(elbow, np.array([21, 13, 17]) * s)], 0.9),
        (tube([back + aside, wrist + aside], np.array([11, 6.0]) * s), 0.3),
        (tube([elbow - aside, wrist - aside], np.array([8, 9.5]) * s), 0.3),
        ([ellipsoid(wrist + (fingers - wrist) * 0.08, np.array([19, 12, 16]) * s)], 0.8),
        *((tube(hand + aside * k, 4.0 * s), 0.5) for k in (-1.6, -0.5, 0.6, 1.7)),
    ]
