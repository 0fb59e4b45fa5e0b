"""Additional bone: osteophytes, bridges, facet hypertrophy, transitional transverse processes, cervical ribs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.column import taper_of
from utility_functions.phantom.discs import disc_frame
from utility_functions.phantom.shapes import OUTER, Frame, Shape, Vector, bar, capsule, ellipsoid
from utility_functions.phantom.spine_model import Spine, Vertebra
from utility_functions.phantom.tissue import Tissue

SIDES = (-1.0, 1.0)


def paint_spurs(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints all additional bone; the vertebrae are painted over it."""
    sick = spine.pathology
    for upper, lower in zip(spine.vertebrae[1:-1], spine.vertebrae[2:], strict=True):
        rng = sick.details(upper.number, 1)
        if upper.name in sick.spurs:
            _paint_beaks(canvas, upper, lower, sick.spurs[upper.name], tissue, rng)
        if upper.name in sick.bridges:
            _paint_bridge(canvas, upper, lower, sick.bridges[upper.name], sick.thin_bridges, tissue, rng)
        if upper.name in sick.facets:
            _paint_joints(canvas, upper, sick.facets[upper.name], tissue, rng)
    _paint_wings(canvas, spine, tissue)
    for side, length in zip(SIDES, spine.variant.neck_ribs, strict=True):
        if length > 0:
            _paint_neck_rib(canvas, spine["C7"], side, length, tissue)


def _bone(canvas: Canvas, frame: Frame, solids: Sequence[Shape], tissue: Tissue, owner: Vertebra | None) -> None:
    found = canvas.distances(frame, solids, blend_mm=1.5)
    if found is None:
        return
    kind = "rib" if owner is None else "sacrum" if owner.name == "S1" else "vertebra"
    canvas.bone(*found, kind, tissue.cortex_hu, tissue.marrow_hu + 120, tissue.cortex_mm, tissue.grain_hu)
    if owner is not None:
        canvas.label(*found, owner.number)


def rim_point(vertebra: Vertebra, angle: float, end: float, outside: float = 0.0) -> Vector:
    """A point of the rim of an end plate (end 1 upper, -1 lower), ``angle`` from right to front, ``outside`` by mm."""
    half = vertebra.height / vertebra.scale / 2
    across, along = np.cos(angle), np.sin(angle)
    reach = (abs(across) ** 2.4 + abs(along) ** 2.4) ** (-1 / 2.4)
    x = (vertebra.size.width / 2 * reach + outside) * across
    y = (vertebra.size.depth / 2 * reach + outside) * along
    x /= 1 + taper_of(vertebra) * max(-0.3, min(1.0, float(along * reach)))
    slope = np.tan(np.radians(vertebra.wedge) / 2)
    return vertebra.frame.out((x, y, end * (half + slope * y)))


def _paint_beaks(
    canvas: Canvas, upper: Vertebra, lower: Vertebra, reach: float, tissue: Tissue, rng: np.random.Generator
) -> None:
    """Paints osteophytes on both sides of a disc, anterior and lateral."""
    size = min(1.0, upper.size.width / 40)
    towards = disc_frame(upper, lower)[0].axes[:, 2]
    for angle in rng.uniform(-0.2, np.pi + 0.2, int(rng.integers(2, 6))):
        for vertebra, end in ((upper, -1.0), (lower, 1.0)):
            out = reach * size * rng.uniform(0.5, 1.0)
            root = rim_point(vertebra, angle, end, -5.0 * size) - end * 4.0 * size * towards
            edge = rim_point(vertebra, angle, end, 0.5) - end * 2.2 * size * towards
            tip = rim_point(vertebra, angle, end, out) + end * rng.uniform(-1.0, 0.6) * towards
            tangent = np.array([-np.sin(angle), np.cos(angle), 0]) @ vertebra.frame.axes.T
            breadth = rng.uniform(6.0, 11.0) * size
            solids = [
                bar(root, edge, (breadth, 4.0 * size), (0.9 * breadth, 3.2 * size), wide=tangent),
                bar(edge, tip, (0.9 * breadth, 3.2 * size), (0.5 * breadth, 1.3), wide=tangent),
            ]
            _bone(canvas, OUTER, solids, tissue, vertebra)


def _paint_bridge(
    canvas: Canvas,
    upper: Vertebra,
    lower: Vertebra,
    strength: float,
    thin: bool,
    tissue: Tissue,
    rng: np.random.Generator,
) -> None:
    """Paints bone across a disc: thick and flowing at the right anterior side, or a thin shell all round."""
    if thin:
        angles, radius, bulge = np.linspace(-0.4, np.pi + 0.4, 11), 1.2, 0.8
    else:
        start = rng.uniform(-0.1, 0.7)
        angles, radius, bulge = np.linspace(start, start + rng.uniform(0.8, 1.7), 5), 3.2 * strength, 5.0 * strength
    for vertebra, other, end in ((upper, lower, -1.0), (lower, upper, 1.0)):
        solids = []
        for angle in angles:
            body = rim_point(vertebra, angle, end, 0.0) - end * vertebra.frame.axes[:, 2] * 0.35 * vertebra.height
            edge = rim_point(vertebra, angle, end, bulge * 0.6)
            middle = (rim_point(vertebra, angle, end, bulge) + rim_point(other, angle, -end, bulge)) / 2
            solids += [capsule(body, edge, 0.6 * radius, radius), capsule(edge, middle, radius, radius)]
        _bone(canvas, OUTER, solids[1::2] if thin else solids, tissue, vertebra)


def _paint_joints(canvas: Canvas, upper: Vertebra, swollen: float, tissue: Tissue, rng: np.random.Generator) -> None:
    """Paints arthrotic facet joints: dense bone on both sides, sometimes with gas in the gap."""
    size, half = upper.size, upper.height / upper.scale / 2
    neck = upper.name[0] == "C"
    across = size.canal_width / 2 + (5.0 if neck else 4.0)
    back = -size.depth / 2 - size.canal_depth * (0.3 if neck else 0.85)
    for side in SIDES:
        radius = (4.5 if neck else 6.0) + swollen * rng.uniform(0.4, 1.0)
        place = np.array([side * across, back, -half - (1.0 if neck else 4.0)]) + rng.normal(0, 1, 3)
        found = canvas.distances(upper.frame, [ellipsoid(place, (radius, radius * 0.9, radius * 1.25))])
        if found is not None:
            hu = 0.75 * tissue.cortex_hu
            canvas.bone(*found, "vertebra", tissue.cortex_hu, hu, tissue.cortex_mm, tissue.grain_hu)
            canvas.label(*found, upper.number)


def _paint_wings(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Paints transitional transverse processes of the last free vertebra, broad and close to the alae of the sacrum."""
    last, sacrum = spine.vertebrae[-2:]
    for side, grown in zip(SIDES, spine.variant.wings, strict=True):
        if grown <= 0:
            continue
        size = last.size
        root = last.frame.out((side * size.width * 0.42, -size.depth * 0.42, 1.0))
        wing = sacrum.frame.out((side * 38.0, -9.0, 9.0))
        outer = last.frame.out((side * (size.span / 2 - 4), -size.depth * 0.6, -2.0))
        knee = root + (outer - root) * 0.75
        end = knee + (wing - knee) * (0.55 * grown if grown < 1 else 1.0)
        s = last.scale
        solids = [
            capsule(root, knee, 8.0 * s, 8.5 * s, tall=1.25),
            capsule(knee, end, 8.5 * s, 9.0 * s),
            capsule(root, (root + end) / 2, 7.0 * s, 8.0 * s, tall=1.4),
        ]
        _bone(canvas, OUTER, solids, tissue, last)


def _paint_neck_rib(canvas: Canvas, vertebra: Vertebra, side: float, length: float, tissue: Tissue) -> None:
    size = vertebra.size
    start = np.array([side * (size.span / 2 - 5), -size.depth * 0.3, -2.0])
    way = np.array([side * 0.55, 0.62, -0.56])
    points = [
        start + way * length * fraction + np.array([0, 0, -6.0]) * fraction**2 for fraction in (0.0, 0.4, 0.75, 1.0)
    ]
    solids = [capsule(a, b, 3.4, 2.8) for a, b in pairwise(points)]
    _bone(canvas, vertebra.frame, solids, tissue, None)
