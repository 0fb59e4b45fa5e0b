"""The trunk in layers: skin, fat, muscle wall with fat between its muscles, lungs above the diaphragm, fat below."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.tissue import TISSUE_CODES, Tissue
from utility_functions.phantom.torso import Torso

SLAB = 8  # planes painted at once: what they need stays in the processor's cache
F32 = np.float32


def paint_layers(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Fill the canvas from the skin inwards, all but organs, muscles round the spine, and bone."""
    size = spine.scale
    z = canvas.axis(2).astype(float)
    sx, sy, wide, back, front, fat = (v.astype(F32) for v in torso.skin(z))
    cx, cy, c_wide, c_back, c_front = (v.astype(F32) for v in torso.cavity(z))
    c_wide = c_wide - F32(4 * size)
    c_half, c_middle = (c_back + c_front) / 2 - F32(4 * size), (c_front - c_back) / 2
    half, middle = (back + front) / 2, (front - back) / 2
    y = canvas.axis(1)[None, :, None]
    flat_skin = ((y - (sy + middle)) / half) ** 2
    flat_cavity = ((y - (cy + c_middle)) / c_half) ** 2
    skin_mm, cavity_mm = np.sqrt(half * wide), np.sqrt(c_half * c_wide)

    heights = [spine.centres[-1, 2] - 45 * size, *spine.centres[::-1, 2]]  # the sacrum soon leaves the column's line
    bodies = [0.0, *(vertebra.size.width / 2 * vertebra.scale for vertebra in spine.vertebrae[::-1])]
    column = np.interp(z, heights, bodies).astype(F32) + F32(5 * size)
    from_spine = y - cy
    behind = from_spine + F32(18 * size)  # arch and its muscles, which the lungs leave free
    top, dome = F32(spine["T1"].frame.origin[2] + 16 * size), F32(spine["T10"].frame.origin[2] + 22 * size)
    pelvic_floor = F32(spine["S1"].frame.origin[2] - 118 * size)
    in_heart = _rise(spine["T4"].frame.origin[2] - z, 25 * size).astype(F32)
    # The space between the lungs, round a point before the spine, wider where the heart is.
    between_wide, between_x = (F32(24) + 22 * in_heart) * F32(size), cx - 8 * in_heart
    between_flat = ((from_spine - F32(55 * size)) / F32(80 * size)) ** 2
    waves = _waves(canvas, rng)
    z32 = z.astype(F32)
    for start in range(0, canvas.shape[0], SLAB):
        part = slice(start, start + SLAB)
        x = canvas.axis(0)[part][:, None, None]
        grain = canvas.texture[part]
        depth = (1 - np.sqrt(((x - sx) / wide) ** 2 + flat_skin)) * skin_mm
        muscle = canvas.cover(fat - depth) * _septa(waves, part)
        hu = F32(tissue.fat_hu) + F32(5) * grain + muscle * F32(tissue.muscle_hu - tissue.fat_hu)
        hu += F32(80) * canvas.cover(depth - F32(1.5))  # the skin itself

        room = (1 - np.sqrt(((x - cx) / c_wide) ** 2 + flat_cavity)) * cavity_mm
        room = np.minimum(room, depth - fat - F32(6))
        aside = np.abs(x - cx)
        bulge = np.sqrt(aside * aside + from_spine * from_spine) - column
        bulge = np.minimum(bulge, np.maximum(aside - F32(27 * size), behind))
        lateral, ahead = aside / F32(size), from_spine / F32(size)
        bowl = pelvic_floor + (lateral * lateral + (ahead - 55) ** 2) * F32(0.011 * size)
        hollow = canvas.cover(-np.minimum(np.minimum(room, bulge), z32 - bowl)) * (z32 < top)
        floor = dome - ((lateral - 70) ** 2 * F32(0.006) + (ahead - 75) ** 2 * F32(0.0085)) * F32(size)
        apex = top - np.clip((lateral - 34) ** 2 * F32(0.02), 0, 50)
        lung = canvas.cover(np.maximum(floor - z32, z32 - apex))
        between = (np.sqrt(((x - between_x) / between_wide) ** 2 + between_flat) - 1) * between_wide
        lung = lung * canvas.cover(-between)
        filled = F32(tissue.fat_hu + 8) + F32(14) * grain
        vessels = F32(380) * np.clip(grain - F32(1.5), 0, 1)
        filled += lung * (F32(tissue.lung_hu) + F32(25) * grain + vessels - filled)
        hu += hollow * (filled - hu)
        inside = canvas.cover(-depth)
        canvas.hu[part] += inside * (hu - canvas.hu[part])

        names = np.where(muscle > F32(0.5), TISSUE_CODES["muscle"], TISSUE_CODES["fat"]).astype(np.uint8)
        names[depth < F32(1.5)] = TISSUE_CODES["skin"]
        open_lung = np.where(vessels > F32(190), TISSUE_CODES["lung vessel"], TISSUE_CODES["lung"])
        within = np.where(lung > F32(0.5), open_lung, TISSUE_CODES["fat"])
        names = np.where(hollow > F32(0.5), within, names)
        canvas.tissues[part] = np.where(inside > F32(0.5), names, TISSUE_CODES["air"])


def _rise(values: np.ndarray, over: float) -> np.ndarray:
    return np.clip(values / over, 0, 1)


def _waves(canvas: Canvas, rng: np.random.Generator) -> list[list[Field]]:
    """Two wandering families of sheets, as phases along the three axes."""
    families = []
    for _ in range(2):
        turn = rng.uniform(0, np.pi)
        period = rng.uniform(20, 34)
        phases = []
        for axis, share in enumerate((np.cos(turn), np.sin(turn), 0.15)):
            along = canvas.axis(axis)
            wander = 1.2 * np.sin(along / rng.uniform(9, 25) + rng.uniform(0, 6)) * (0.4 + abs(share))
            phases.append((along * share * np.pi / period + wander).astype(F32))
        families.append(phases)
    return families


def _septa(waves: list[list[Field]], part: slice) -> Field:
    """1 within muscles, towards 0 on the thin sheets of fat between them."""
    kept: Field = np.ones(1, F32)
    for across, along, up in waves:
        phase = across[part][:, None, None] + along[None, :, None]
        sheet = np.abs(np.sin(phase)) if up.size == 0 else np.abs(np.sin(phase + up[None, None, :]))
        kept = kept * np.clip(sheet * F32(9), F32(0.35), 1)
    return kept
