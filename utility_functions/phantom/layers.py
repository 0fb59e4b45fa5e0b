"""The trunk in layers: skin, subcutaneous fat, muscles, lungs above the diaphragm, visceral fat below."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.tissue import TISSUE_CODES, Tissue
from utility_functions.phantom.torso import Torso

SLAB = 8  # planes painted at once, so that they fit in the processor's cache
F32 = np.float32


def paint_layers(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Fills the canvas from the skin inwards, without organs, paraspinal muscles and bone."""
    y, z = canvas.axis(1)[None, :, None], canvas.axis(2)[None, None, :]
    waves = _waves(canvas, rng)
    effusion = float(rng.uniform(4, 45)) if rng.random() < 0.1 else 0.0
    sag = float(rng.uniform(0, 90))
    planes = np.arange(canvas.shape[2])
    middle = _middle(spine, canvas.axis(2), torso.size)
    cavity = planes[(canvas.axis(2) > torso.floor) & (canvas.axis(2) < torso.apex + 6)]
    deep = slice(int(cavity[0]), int(cavity[-1]) + 1) if len(cavity) else slice(0, 0)
    for start in range(0, canvas.shape[0], SLAB):
        part = slice(start, start + SLAB)
        x = canvas.axis(0)[part][:, None, None]
        grain = canvas.texture[part]
        depth, sheath = torso.depth(x, y, z), torso.depth(x, y, z, "fascia")
        flesh = canvas.cover(-np.minimum(sheath, depth - 3)) * _septa(waves, part, sheath, tissue.muscle_fat)
        hu = F32(tissue.fat_hu) + F32(6) * grain
        hu += flesh * (F32(tissue.muscle_hu) + F32(6) * grain - hu)
        rind = canvas.cover(depth - F32(1.8))
        hu += rind * (F32(tissue.skin_hu) - hu)
        inside = canvas.cover(-depth)
        canvas.hu[part] += inside * (hu - canvas.hu[part])
        names = np.where(flesh > F32(0.5), TISSUE_CODES["muscle"], TISSUE_CODES["fat"]).astype(np.uint8)
        names[rind > 0.5] = TISSUE_CODES["skin"]
        canvas.tissues[part] = np.where(inside > F32(0.5), names, TISSUE_CODES["air"])
        if len(cavity):
            _fill_cavity(canvas, torso, tissue, (part, deep), sheath[..., deep], middle, effusion, sag)


def _fill_cavity(
    canvas: Canvas,
    torso: Torso,
    tissue: Tissue,
    where: tuple[slice, slice],
    sheath: Field,
    middle: list[Field],
    effusion: float,
    sag: float,
) -> None:
    """Visceral fat, and lungs above the diaphragm; ``sag``: HU by which the dependent lung is denser."""
    part, deep = where
    x, y, z = canvas.axis(0)[part][:, None, None], canvas.axis(1)[None, :, None], canvas.axis(2)[deep][None, None, :]
    grain = canvas.texture[part, :, deep]
    room = np.minimum(torso.room(x, y, z), sheath - F32(5))
    room = np.minimum(room, torso.pelvic_floor(x, y, z))
    hollow = canvas.cover(-room)
    hu, names = canvas.hu[part, :, deep], canvas.tissues[part, :, deep]
    hu += hollow * (F32(tissue.fat_hu + 6) + F32(10) * grain - hu)
    names[hollow > F32(0.5)] = TISSUE_CODES["fat"]

    across, along, wide, far = (values[deep] for values in middle)
    apex = _apex(torso, x)
    between = 1 - np.sqrt(((x - across) / wide) ** 2 + ((y - along) / far) ** 2)
    air = np.minimum(z - torso.diaphragm(x, y), -between * wide)
    air = np.minimum(air, room - F32(1.5))
    air = np.minimum(air, F32(torso.apex) - z - ((x - apex[0]) ** 2 + (y - apex[1]) ** 2) * apex[2])
    lung = canvas.cover(-air)
    if not lung.any():
        return
    low = F32(torso.dome[1] - 35 * torso.size)
    dense = F32(sag) * np.clip((low + F32(70) - y) / F32(110), 0, 1)
    vessels = F32(420) * np.clip(grain - F32(1.5), 0, 1)
    hu += lung * (F32(tissue.lung_hu) + dense + F32(22) * grain + vessels - hu)
    open_lung = np.where(vessels > F32(190), TISSUE_CODES["lung vessel"], TISSUE_CODES["lung"])
    np.copyto(names, open_lung, where=lung > F32(0.5), casting="unsafe")
    if effusion:
        water = lung * canvas.cover(y - low - F32(effusion - 20) - F32(0.35) * (np.abs(x - across) - 60))
        hu += water * (F32(8) - hu)
        names[water > F32(0.5)] = TISSUE_CODES["effusion"]


def _apex(torso: Torso, x: Field) -> tuple[Field, np.float32, np.float32]:
    """The position of the apices of the lungs (x by side, y), and their curvature (per mm)."""
    cx, cy = (F32(np.interp(torso.apex, torso.heights, column)) for column in torso.centres.T)
    s = F32(torso.size)
    return cx + np.sign(x - cx) * 36 * s, cy + 18 * s, F32(0.026) / s


def _middle(spine: Spine, z: Field, size: float) -> list[Field]:
    """Centre (x, y), half width and half depth of the mediastinum at heights z."""
    levels = ("T12", "T10", "T8", "T6", "T4", "T2", "T1")
    origins = np.array([spine[name].frame.origin for name in levels])
    ahead = np.array([40, 42, 46, 44, 36, 30, 24]) * size
    wide = np.array([34, 30, 27, 30, 33, 34, 36]) * size
    far = np.array([62, 68, 72, 68, 54, 42, 34]) * size
    columns = (origins[:, 0] - 4 * size, origins[:, 1] + ahead, wide, far)
    return [np.interp(z, origins[:, 2], column).astype(F32) for column in columns]


def _waves(canvas: Canvas, rng: np.random.Generator) -> list[list[Field]]:
    """Two irregular families of fat planes, as phases along the three axes."""
    families = []
    for _ in range(2):
        turn, period = rng.uniform(0, np.pi), rng.uniform(26, 48)
        phases = []
        for axis, fraction in enumerate((np.cos(turn), np.sin(turn), 0.2)):
            along = canvas.axis(axis)
            wander = 1.3 * np.sin(along / rng.uniform(12, 30) + rng.uniform(0, 6)) * (0.4 + abs(fraction))
            phases.append((along * fraction * np.pi / period + wander).astype(F32))
        families.append(phases)
    return families


def _septa(waves: list[list[Field]], part: slice, sheath: Field, fatty: float) -> Field:
    """1 within muscles, towards 0 on the fat planes between them, parallel to the wall or through it."""
    (a, b, c), (d, e, f) = waves
    first = a[part][:, None, None] + (b[:, None] + c[None, :])[None]
    second = d[part][:, None, None] + (e[:, None] + f[None, :])[None]
    sheet = np.abs(np.sin(F32(0.35) * first + np.minimum(sheath, F32(34)) * F32(np.pi / 15)))
    dark = np.clip(F32(1) - sheet * F32(4 - 2 * fatty), 0, 1) * np.clip(np.sin(second), 0, 1)
    return np.asarray(1 - F32(0.3 + 0.4 * fatty) * dark)
