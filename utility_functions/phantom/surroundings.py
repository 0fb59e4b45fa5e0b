"""The surroundings of the patient: couch, mattress, head rest, clothes or blanket, leads and lines."""

from __future__ import annotations

import numpy as np

from utility_functions.geometry.boxes import Box
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.lofts import curve, tube
from utility_functions.phantom.shapes import OUTER, Field, Vector
from utility_functions.phantom.tissue import TISSUE_CODES
from utility_functions.phantom.torso import Torso

F32 = np.float32


def paint_surroundings(canvas: Canvas, torso: Torso, rng: np.random.Generator) -> None:
    """Paints all surroundings; random numbers do not depend on the canvas."""
    has_couch, has_rest, has_cloth, has_leads = rng.random(4) < (0.85, 0.6, 0.55, 0.3)
    _paint_head_rest(canvas, torso, bool(has_rest), rng)
    _paint_cloth(canvas, torso, bool(has_cloth), rng)
    _paint_leads(canvas, torso, bool(has_leads), rng)
    _paint_couch(canvas, torso, bool(has_couch), rng)


def _mix(canvas: Canvas, box: Box, fraction: Field, name: str, hu: float) -> None:
    """Blends a ``fraction`` of a tissue into the air of a box."""
    part, tissues = canvas.hu[box], canvas.tissues[box]
    fraction = np.where((tissues == 0) | (tissues == TISSUE_CODES[name]), fraction, F32(0))
    part += fraction * (F32(hu) - part)
    tissues[fraction > F32(0.4)] = TISSUE_CODES[name]


def _rows(canvas: Canvas, low: float, high: float) -> slice:
    y = canvas.axis(1)
    return slice(int(np.searchsorted(y, low)), int(np.searchsorted(y, high)))


def _paint_head_rest(canvas: Canvas, torso: Torso, there: bool, rng: np.random.Generator) -> None:
    """Paints a concave foam pillow under neck and head; its cover is a faint line."""
    thick, foam_hu, skin_hu = rng.uniform(15, 45), rng.uniform(-985, -930), rng.uniform(-700, -200)
    hollow, half, low = rng.uniform(20, 90), rng.uniform(110, 170), torso.apex + rng.uniform(15, 50)
    if not there:
        return
    head = torso.heights > torso.apex + 60
    back = float((torso.centres[head, 1] - torso.outer[head, 1]).min())
    x = (canvas.axis(0) - F32(torso.centres[head, 0].mean()))[:, None, None]
    rows = _rows(canvas, back - thick - 3, back + hollow + 3)
    y, z = canvas.axis(1)[rows][None, :, None], canvas.axis(2)
    planes = slice(int(np.searchsorted(z, low)), len(z))
    if rows.stop <= rows.start or planes.stop <= planes.start:
        return
    top = back - 1 + hollow * (np.minimum(np.abs(x), half) / 120) ** 2
    inside = np.maximum(np.maximum(y - top, back - thick - y), np.abs(x) - half)
    inside = np.maximum(inside, F32(low) - z[planes][None, None, :]).astype(F32)
    width = max(2.0, float(canvas.spacing[1]))
    part = (slice(None), rows, planes)
    edge = np.clip(1 - np.abs(inside) / F32(width), 0, 1) * F32(0.6)
    _mix(canvas, part, canvas.cover(inside, width), "couch", foam_hu)
    _mix(canvas, part, edge, "couch", skin_hu)


def _paint_couch(canvas: Canvas, torso: Torso, there: bool, rng: np.random.Generator) -> None:
    """Paints a mattress on a curved carbon-fibre shell with foam; few patients are prone."""
    prone, soft = rng.random() < 0.03, rng.uniform(2, 35) * float(rng.random() < 0.7)
    gap, hollow, half, thick = rng.uniform(-2, 4), rng.uniform(0, 0.0013), rng.uniform(190, 265), rng.uniform(12, 60)
    wall, wall_hu, foam_hu, soft_hu = rng.uniform(1.2, 4), rng.uniform(-300, 350), rng.uniform(-985, -900), -960.0
    if not there:
        return
    up = F32(-1 if prone else 1)
    skin = torso.centres[:, 1] + torso.outer[:, 2] if prone else torso.centres[:, 1] - torso.outer[:, 1]
    rest = -float(skin.max()) if prone else float(skin.min())
    off = (canvas.axis(0) - F32(torso.centres[:, 0].mean()))[:, None]
    depth = F32(rest - gap) + F32(hollow) * off * off - up * canvas.axis(1)[None, :]
    edge = np.abs(off) - F32(half)
    hull = F32(thick) * np.sqrt(np.clip(1 - (off / F32(half)) ** 2, 0, 1))
    under = depth - F32(soft)
    width = float(canvas.spacing[1])
    shapes = [(np.maximum(np.maximum(-depth, under), edge + F32(0.1 * half)), soft_hu)]
    outside = np.maximum(np.maximum(-under, under - hull), edge)
    shapes += [(outside, wall_hu), (outside + F32(wall), foam_hu)]
    there_y = np.flatnonzero((np.minimum(shapes[0][0], outside) < width).any(axis=0))
    if not len(there_y):
        return
    rows = slice(int(there_y[0]), int(there_y[-1]) + 1)
    for field, hu in shapes:
        fraction = canvas.cover(field[:, rows], width)[:, :, None]
        _mix(canvas, (slice(None), rows, slice(None)), fraction, "couch", float(hu))


def _paint_cloth(canvas: Canvas, torso: Torso, there: bool, rng: np.random.Generator) -> None:
    """Paints a gown or blanket with folds over chest and abdomen."""
    waves, phases = rng.uniform(18, 60, (4, 2)), rng.uniform(0, 6.3, (4, 2))
    lift, thick, hu = rng.uniform(1, 9), rng.uniform(0.8, 2.4), rng.uniform(-900, -450)
    top, low = np.sort(rng.uniform(torso.floor - 80, torso.apex + 20, 2))[::-1]
    if not there or top - low < 60:
        return
    levels = canvas.axis(2)
    cx, cy, wide, _, front, _ = (v.astype(F32) for v in torso.skin(levels.astype(float)))
    x = canvas.axis(0)[:, None]
    over = np.sqrt(np.clip(1 - ((x - cx) / (wide + 12)) ** 2, 0, 1))
    drape = sum(np.sin(x / a + levels / b + p + 0.01 * q * x) for (a, b), (p, q) in zip(waves, phases, strict=True))
    height = cy + (front + 2) * over + lift * (1 + np.maximum(np.asarray(drape), -0.8))
    height = np.where((levels < top) & (levels > low) & (over > 0.05), height, -1e4).astype(F32)
    shown = height > -1e3
    if not shown.any():
        return
    rows = _rows(canvas, float(height[shown].min()) - 3, float(height.max()) + 3)
    width = max(thick, float(canvas.spacing[1]))
    off = np.abs(canvas.axis(1)[rows][None, :, None] - height[:, None, :])
    fraction = np.clip(1 - off / F32(width), 0, 1) * F32(min(1.0, thick / width))
    _mix(canvas, (slice(None), rows, slice(None)), fraction, "blanket", hu)


def _paint_leads(canvas: Canvas, torso: Torso, there: bool, rng: np.random.Generator) -> None:
    """Paints leads with electrodes, and lines, on the skin of the chest."""
    count = int(rng.integers(1, 5))
    starts, ends = rng.uniform(-0.8, 0.8, (5, 2)), rng.uniform(-0.8, 0.8, (5, 2))
    hus, radii = rng.uniform(200, 2500, 5), rng.uniform(0.5, 1.4, 5)
    if not there:
        return
    middle, reach = torso.dome[2] + 25, 90 * torso.size
    for (a, b), (c, d), hu, radius in list(zip(starts, ends, hus, radii, strict=True))[:count]:
        fraction = np.linspace(0, 1, 7)
        across, z = a + (c - a) * fraction + 0.1 * np.sin(5 * fraction), middle + reach * (b + (d - b) * fraction)
        path = curve(_on_chest(torso, across, z), 12.0)
        for solid in tube(path, radius):
            canvas.fill(OUTER, [solid], "lead", float(hu))
        for solid in tube(path[:1] + np.array([[0, 0, 0], [0, 2.5, 0]]), 7.0):
            canvas.fill(OUTER, [solid], "lead", -200.0 + 0.2 * float(hu))


def _on_chest(torso: Torso, across: Vector, z: Vector) -> Vector:
    """Points just outside the anterior skin, at fractions of the body's half width to the right."""
    cx, cy, wide, _, front, _ = torso.skin(z)
    reach = np.abs(across) ** 4
    height = np.sqrt(np.maximum(-0.65 * across**2 + np.sqrt(np.maximum(0.4225 * across**4 + 1 - reach, 0)), 0))
    return np.column_stack([cx + across * wide, cy + height * front + 3.0, z])
