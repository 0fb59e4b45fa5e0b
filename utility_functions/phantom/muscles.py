"""Muscles of the back, hips, shoulders and neck; and the content of the spinal canal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import beside, curve, loft, spindle, tube
from utility_functions.phantom.shapes import OUTER, Shape, Vector, capsule
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import TISSUE_CODES, Tissue

SIDES = (-1.0, 1.0)
# Right and forward of the body centre, half width and half depth of psoas (mm of a mean patient).
PSOAS = {
    "T12": (22, -6, 3, 5),
    "L1": (28, -6, 6, 9),
    "L2": (33, -5, 10, 14),
    "L3": (38, -3, 14, 18),
    "L4": (44, 0, 18, 21),
    "L5": (54, 6, 20, 21),
}
NECK = (
    # Right and forward of the body centres at the level of C2 and of C7, half width and half depth there.
    ((13, -36, 9, 7), (13, -44, 10, 9)),  # semispinalis
    ((11, -24, 7, 6), (15, -30, 8, 7)),  # multifidus and the short rotators
    ((28, -40, 13, 5), (22, -52, 18, 4)),  # splenius
    ((38, -22, 9, 9), (46, -30, 12, 9)),  # levator scapulae
    ((24, 2, 5, 6), (32, 4, 10, 10)),  # scalenes
    ((8, 12, 6, 4), (8, 14, 7, 4)),  # longus colli and longus capitis
)


def paint_muscles(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints the muscles round the spine, with fatty infiltration."""
    fatty = tissue.muscle_fat
    bulk = float(rng.uniform(0.85, 1.15)) * (1 - 0.2 * fatty)
    uneven = rng.normal(1, 0.05, 2)
    for side, own in zip(SIDES, uneven, strict=True):
        _paint_back(canvas, spine, tissue, side, bulk * float(own))
        _paint_loin(canvas, spine, tissue, side, bulk * float(own))
        _paint_neck(canvas, spine, tissue, side, bulk * float(own))
    _paint_ligaments(canvas, spine, tissue)


def _belly(canvas: Canvas, solids: Shape | list[Shape], tissue: Tissue, fat: float = 0.0, sheath: float = 1.0) -> None:
    """Paints muscles in one sheath of fat, with streaks of fat by the degree of fatty infiltration."""
    found = canvas.distances(OUTER, solids if isinstance(solids, list) else [solids], 6.0)
    if found is None:
        return
    box, field = found
    grain = canvas.texture[box]
    field = field + np.float32(0.3 + 0.9 * fat) * grain
    fraction = canvas.cover(field + np.float32(0.8))
    streaks = np.clip(grain * np.float32(0.8) + np.float32(2.6 * fat - 1.6), 0, 1)
    flesh = np.float32(tissue.muscle_hu + 3) + np.float32(6) * grain
    hu = flesh + streaks * (np.float32(tissue.fat_hu + 15) - flesh)
    fatty = np.float32(sheath * (0.3 + 0.6 * tissue.muscle_fat))
    canvas.blend(box, canvas.cover(field - np.float32(0.9)) * fatty, "fat", tissue.fat_hu + 12.0)
    canvas.blend(box, fraction, "muscle", hu)
    canvas.tissues[box][(fraction > 0.5) & (streaks > 0.6)] = TISSUE_CODES["fat"]


def _levels(spine: Spine, first: str, last: str) -> list[str]:
    names = list(spine.names)
    low, high = (names.index(name) if name in names else names.index("T11") for name in (first, last))
    return names[low : high + 1]


def _paint_back(canvas: Canvas, spine: Spine, tissue: Tissue, side: float, bulk: float) -> None:
    """Paints multifidus, longissimus and iliocostalis, and their thin thoracic part."""
    s, fatty = spine.scale, tissue.muscle_fat
    lumbar = _levels(spine, "T9", "S1")
    count = len(lumbar)
    fraction = np.linspace(0, 1, count)
    size = spindle(count, 0.4)
    behind = np.interp(fraction, [0, 0.3, 0.75, 1], [-44, -48, -52, -42])

    def chain(x: ArrayLike, y: ArrayLike) -> Vector:
        places = np.column_stack([np.broadcast_to(side * np.asarray(x), count), np.broadcast_to(y, count)])
        return beside(spine, lumbar, np.column_stack([places, np.zeros(count)]))

    sacrum = beside(spine, ["S1"], (side * 12, -38, -52))
    lateral = np.interp(fraction, [0, 0.8, 1], [35, 47, 40])
    mass: list[Shape] = []
    for x, y, wide, deep in (
        (lateral + 16, behind + 6, 20 * bulk, 15 * bulk * size),  # iliocostalis
        (lateral - 9, behind, 21 * bulk, 17 * bulk * size),  # longissimus
        (np.interp(fraction, [0, 1], [11, 17]), behind + 1, np.interp(fraction, [0, 1], [9, 18]), 15.5),  # multifidus
    ):
        sizes = np.column_stack([np.broadcast_to(wide, count), np.broadcast_to(deep, count)]) * s
        tail = sacrum + np.array([side * (float(np.mean(x)) - 14) * 0.4 * s, 0, 0])
        points = np.vstack([chain(x, y), tail])
        mass.append(loft(points, np.concatenate([sizes, [[5 * s, 4 * s]]]), 0.0, 12.0))
    _belly(canvas, mass, tissue, 0.8 * fatty)
    _belly(canvas, mass[2], tissue, 1.15 * fatty, 0.4)
    upper: list[Shape] = []
    thoracic = _levels(spine, "T1", "T12")
    down = np.linspace(0, 1, len(thoracic))
    for inner, outer, back, wide, deep in (
        (10, 10, -37, 8, 9),  # spinalis and the rotators beside the spinous processes
        (26, 27, np.interp(down, [0, 1], [-42, -45]), np.interp(down, [0, 1], [11, 17]), 8 + 6 * down),
        (44, 47, np.interp(down, [0, 1], [-50, -42]), np.interp(down, [0, 1], [7, 13]), 5 + 6 * down),
    ):
        n = len(thoracic)
        places = np.column_stack([side * np.linspace(inner, outer, n), np.broadcast_to(back, n), np.zeros(n)])
        points = beside(spine, thoracic, places)
        sizes = np.column_stack([np.broadcast_to(wide, n), np.broadcast_to(deep, n)]) * s * bulk
        sizes *= spindle(n, 0.6)[:, None]
        upper.append(loft(points, sizes, 0.0, 12.0))
    _belly(canvas, upper, tissue, 0.7 * fatty)


def _paint_loin(canvas: Canvas, spine: Spine, tissue: Tissue, side: float, bulk: float) -> None:
    """Paints psoas, iliacus and quadratus lumborum."""
    s = spine.scale
    rows = np.array([row for name, row in PSOAS.items() if name in spine.names], float)
    levels = [name for name in PSOAS if name in spine.names]
    points = beside(spine, levels, rows[:, :3] * (side, 1, 0))
    brim = spine["S1"].frame.origin
    points = np.concatenate(
        [points, brim + s * np.array([[side * 72, 32, -28], [side * 90, 46, -85], [side * 96, 22, -135]])]
    )
    sizes = np.concatenate([rows[:, 2:] * bulk, [[19, 19], [17, 14], [9, 9]]]) * s
    _belly(canvas, loft(points, sizes, 0.0, 10.0), tissue, 0.45 * tissue.muscle_fat)
    iliac = brim + s * np.array([[side * 104, 8, 26], [side * 98, 12, 0], [side * 88, 20, -40], [side * 90, 40, -75]])
    _belly(canvas, loft(iliac, np.array([[5, 22], [9, 30], [10, 24], [8, 8]]) * s, side * -55.0), tissue)
    crus = [
        spine[name].frame.out((side * x, spine[name].size.depth / 2 + y, 0))
        for name, x, y in (("T11", 11, 12), ("T12", 12, 6), ("L1", 12, 3), ("L2", 11, 1))
    ]
    for solid in tube(curve(crus, 12.0 * s), [4.5 * s, 5.0 * s, 2.5 * s]):
        canvas.fill(OUTER, [solid], "muscle", tissue.muscle_hu, grain=5)
    square = [name for name in ("T12", "L1", "L2", "L3", "L4") if name in spine.names]
    x = np.linspace(44, 72, len(square))
    places = np.column_stack([side * x, np.full(len(x), -26.0), np.zeros(len(x))])
    sizes = np.column_stack([np.linspace(9, 19, len(x)), spindle(len(x), 0.6) * 9]) * s * bulk
    _belly(canvas, loft(beside(spine, square, places), sizes, side * -18.0), tissue, 0.5 * tissue.muscle_fat)


def _paint_neck(canvas: Canvas, spine: Spine, tissue: Tissue, side: float, bulk: float) -> None:
    s, fat = spine.scale, 0.5 * tissue.muscle_fat
    levels: Sequence[str] = ("C1", "C2", "C4", "C6", "C7", "T1")
    fraction = np.array([-0.2, 0.0, 0.4, 0.8, 1.0, 1.15])[:, None]
    pad = beside(spine, levels, (side * 36, 10, 0))
    canvas.fill(
        OUTER, [loft(pad, np.array([[10, 14]] * 4 + [[17, 19], [20, 18]]) * s, side * 20)], "fat", tissue.fat_hu + 10
    )
    for above, below in NECK:
        row = np.asarray(above) + fraction * (np.asarray(below) - np.asarray(above))
        points = beside(spine, levels, np.column_stack([side * row[:, 0], row[:, 1], np.zeros(len(row))]))
        sizes = np.maximum(row[:, 2:], 2.5) * spindle(len(row), 0.75)[:, None] * bulk * s
        _belly(canvas, loft(points, sizes), tissue, fat)
    skull, throat = spine["C1"].frame.origin, spine["T2"].frame.origin
    strap = np.array([skull + s * np.array([side * 54, -16, 8]), throat + s * np.array([side * 14, 66, 4])])
    points = strap[0] + np.linspace(0, 1, 6)[:, None] * (strap[1] - strap[0])
    points[:, 0] += side * 7 * s * np.sin(np.linspace(0, np.pi, 6))
    sizes = np.column_stack([spindle(6, 0.5) * 7.5, spindle(6, 0.5) * 13]) * s * bulk
    _belly(canvas, loft(points, sizes, side * -25.0), tissue, fat)
    # Trapezius: a sheet from the neck to the shoulder.
    points = beside(
        spine, ("C3", "C5", "C7", "T1"), [(side * x, y, 0) for x, y in ((12, -40), (17, -42), (32, -46), (50, -50))]
    )
    sizes = np.array([[9, 2.5], [13, 3.5], [24, 5], [38, 7]]) * s * bulk
    _belly(canvas, loft(points, sizes, side * 22.0), tissue, fat)


def _paint_ligaments(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints the nuchal, interspinous and supraspinous ligaments."""
    names = [name for name in spine.names if name not in ("C1", "S1")]
    tips = np.array(
        [
            (0.0, -v.size.depth / 2 - v.size.canal_depth - 0.8 * v.size.spinous, -6.0)
            for v in map(spine.__getitem__, names)
        ]
    )
    path = beside(spine, names, tips)
    for a, b in pairwise(path):
        canvas.fill(OUTER, [capsule(a, b, 2.2 * spine.scale)], "ligament", 0.7 * tissue.muscle_hu + 0.3 * tissue.fat_hu)


def paint_canal(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints epidural fat, the thecal sac with its fluid, the cord down to L1, and the cauda equina."""
    middle, radii = [], []
    for vertebra in spine.vertebrae:
        size = vertebra.size
        inside = -13.0 if vertebra.name == "C1" else -(size.depth + size.canal_depth) / 2
        middle.append(vertebra.frame.out((0, inside, 0)))
        radii.append(min(size.canal_depth, 18.0) / 2 * vertebra.scale)
    path = np.array([middle[0] + (middle[0] - middle[1]) * 0.7, *middle])
    radii = [radii[0], *radii]
    end, cord_end = len(path) - 1, spine.names.index("L1") + 1
    tubes = (
        (1.25, "fat", tissue.fat_hu + 20, 1, end, 1.0),
        (0.92, "csf", tissue.csf_hu, 0, end, 1.0),
        (0.52, "cord", tissue.cord_hu, 0, cord_end, 1.0),
        (0.5, "csf", (tissue.cord_hu + tissue.csf_hu) / 2, cord_end, end, 0.55),
    )
    for fraction, name, hu, first, last, wet in tubes:
        for i in range(first, last):
            solid = capsule(path[i], path[i + 1], radii[i] * fraction, radii[i + 1] * fraction)
            canvas.fill(OUTER, [solid], name, hu, grain=4, wet=wet)
