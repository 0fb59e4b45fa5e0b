"""Everything soft: skin, fat, muscles, lungs, heart, organs, vessels, airways and the contents of the canal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import OUTER, Shape, Vector, capsule, ellipsoid
from utility_functions.phantom.skeleton import along
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


@dataclass(frozen=True)
class Tissue:
    """HU of one patient's tissues, and how thick and grainy bone is."""

    fat_hu: float
    muscle_hu: float
    lung_hu: float
    organ_hu: float
    blood_hu: float
    disc_hu: float
    csf_hu: float
    cord_hu: float
    cortex_hu: float
    marrow_hu: float
    cortex_mm: float
    grain_hu: float
    calcified: bool


def draw_tissue(rng: np.random.Generator) -> Tissue:
    """Tissues of a patient drawn at random: dense or porous bone, with or without contrast."""
    density = rng.uniform(0, 1)
    contrast = rng.random() < 0.5
    return Tissue(
        fat_hu=rng.normal(-102, 6),
        muscle_hu=rng.normal(52, 7),
        lung_hu=rng.uniform(-880, -780),
        organ_hu=rng.uniform(85, 125) if contrast else rng.normal(52, 6),
        blood_hu=rng.uniform(120, 330) if contrast else rng.normal(42, 5),
        disc_hu=rng.uniform(65, 105),
        csf_hu=rng.uniform(5, 20),
        cord_hu=rng.uniform(30, 42),
        cortex_hu=450 + 500 * density + rng.normal(0, 60),
        marrow_hu=70 + 190 * density + rng.normal(0, 20),
        cortex_mm=rng.uniform(0.7, 1.3),
        grain_hu=rng.uniform(20, 55),
        calcified=bool(rng.random() < 0.35),
    )


def paint_soft_tissue(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Skin to canal, in the order in which one lies in the other."""
    _paint_layers(canvas, spine, torso, tissue)
    _paint_belly(canvas, spine, torso, tissue, rng)
    _paint_muscles(canvas, spine, tissue, rng)
    _paint_airway(canvas, spine)
    _paint_vessels(canvas, spine, tissue, rng)
    _paint_canal(canvas, spine, tissue)


def _paint_layers(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue) -> None:
    """Skin, fat, muscle wall, and inside it lungs above the diaphragm, fat below; slab by slab to stay in cache."""
    f32 = np.float32
    soft = f32(canvas.softness)
    y, z = canvas.axis(1)[None, :, None], canvas.axis(2)
    sx, sy, wide, back, front, fat = (v.astype(f32) for v in torso.skin(z.astype(float)))
    cx, cy, c_wide, c_back, c_front = (v.astype(f32) for v in torso.cavity(z.astype(float)))
    scale = f32(spine.scale)
    top = f32(spine["T1"].frame.origin[2] + 8)
    dome = f32(spine["T10"].frame.origin[2])
    neck = f32(spine["C7"].frame.origin[2])
    pelvis_floor = f32(spine["S1"].frame.origin[2] - 60)
    half, mid = (back + front) / 2, (front - back) / 2
    v_skin = (y - (sy + mid)) / half
    c_half, c_mid = (c_back + c_front) / 2, (c_front - c_back) / 2
    c_half, c_wide = c_half - 4 * scale, c_wide - 4 * scale
    v_cavity = (y - (cy + c_mid)) / c_half
    heart_top, heart_low = f32(spine["T5"].frame.origin[2]), f32(spine["T10"].frame.origin[2])
    in_heart = np.clip((heart_top - z) / 25, 0, 1) * np.clip((z - heart_low + 20) / 20, 0, 1)
    heart_wide, heart_deep = (26 + 32 * in_heart) * scale, (40 + 10 * in_heart) * scale
    heart_y = cy + c_front - heart_deep - 8 * scale
    heart_x = cx - 14 * in_heart * scale
    skin_mean, cavity_mean = np.sqrt(half * wide), np.sqrt(c_half * c_wide)
    open_top = np.clip((neck - z) / (20 * scale), 0, 1) * 0 + (z < top + 10)
    for start in range(0, canvas.shape[0], 8):
        part = slice(start, start + 8)
        x = canvas.axis(0)[part][:, None, None]
        hu = canvas.hu[part]
        depth = (1 - np.sqrt(((x - sx) / wide) ** 2 + v_skin * v_skin)) * skin_mean
        inside = np.clip(depth / soft + f32(0.5), 0, 1)
        muscle = np.clip((depth - fat) / soft + f32(0.5), 0, 1)
        grain = canvas.texture[part]
        layer = f32(tissue.fat_hu) + f32(6) * grain + muscle * f32(tissue.muscle_hu - tissue.fat_hu)
        room = (1 - np.sqrt(((x - cx) / c_wide) ** 2 + v_cavity * v_cavity)) * cavity_mean
        room = np.minimum(room, depth - fat - 6)
        hollow = np.clip(room / soft + f32(0.5), 0, 1) * (z > pelvis_floor)
        # The spine and what lies round it bulges into the chest from behind.
        bulge = np.sqrt((x - cx) ** 2 * f32(1.1) + (y - cy + 6 * scale) ** 2) - 27 * scale
        hollow = hollow * np.clip(bulge / soft + f32(0.5), 0, 1)
        side = np.abs(x - cx) / scale
        floor = dome + 22 * scale - ((side - 70) ** 2 * f32(0.006) + ((y - cy) / scale - 75) ** 2 * f32(0.0085)) * scale
        air = np.clip((z - floor) / soft, 0, 1) * open_top
        centre = np.sqrt(((x - heart_x) / heart_wide) ** 2 + ((y - heart_y) / heart_deep) ** 2) - 1
        centre = np.minimum(centre * 30, (np.abs(x - cx) - 20 * scale))
        middle = np.clip(0.5 - centre / soft, 0, 1)
        lung = air * (1 - middle)
        filled = f32(tissue.fat_hu + 8) + f32(14) * grain
        filled = filled + air * middle * (f32(tissue.muscle_hu - 12) - filled)
        filled = filled + lung * (f32(tissue.lung_hu) + f32(25) * grain - filled)
        no_cavity = 1 - (z < top + 10)
        layer = layer + hollow * (1 - no_cavity) * (filled - layer)
        hu += inside * (layer - hu)


def _blobs(canvas: Canvas, solids: list[Shape], hu: float, grain: float = 5.0) -> None:
    for solid in solids:
        canvas.fill(OUTER, [solid], hu, grain=grain)


def _paint_belly(canvas: Canvas, spine: Spine, torso: Torso, tissue: Tissue, rng: np.random.Generator) -> None:
    """Liver, spleen, kidneys, stomach, bowel with gas, bladder."""
    s = spine.scale

    def at(level: str, x: float, y: float, z: float = 0.0) -> Vector:
        return spine[level].frame.origin + np.array([x, y, z]) * s

    jitter = rng.normal(0, 4, (6, 3))
    for _ in range(70):
        z = rng.uniform(spine["S1"].frame.origin[2] - 40 * s, spine["L1"].frame.origin[2] + 10)
        centre, across, deep, _ = torso.chest(float(z))
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.75)
        place = centre + far * np.array([np.cos(angle) * across, abs(np.sin(angle)) * deep * 0.9])
        if place[1] < spine["L3"].frame.origin[1] + 30 * s:
            place[1] = spine["L3"].frame.origin[1] + rng.uniform(35, 70) * s
        radii = rng.uniform(9, 22, 3) * s
        _blobs(canvas, [ellipsoid([*place, z], radii)], rng.uniform(15, 55), 6)
        if rng.random() < 0.3:
            gas = np.array([*place, z]) + np.array([0, radii.min() * 0.3, 0])
            _blobs(canvas, [ellipsoid(gas, radii * 0.55)], -rng.uniform(500, 980), 20)
    liver = at("T11", 68, 55) + jitter[0]
    _blobs(
        canvas,
        [ellipsoid(liver, np.array([66, 72, 72]) * s), ellipsoid(at("T11", 5, 85), np.array([60, 34, 36]) * s)],
        tissue.organ_hu + 5,
    )
    _blobs(canvas, [ellipsoid(at("T11", -92, 5) + jitter[1], np.array([24, 40, 48]) * s)], tissue.organ_hu)
    stomach = at("T12", -55, 70) + jitter[2]
    _blobs(canvas, [ellipsoid(stomach, np.array([42, 36, 46]) * s)], rng.uniform(20, 60), 10)
    _blobs(canvas, [ellipsoid(stomach + np.array([0, 16, 12]), np.array([24, 14, 20]) * s)], -850.0)
    for side in SIDES:
        kidney = at("L1" if side < 0 else "L2", side * 58, -8) + jitter[3]
        _blobs(canvas, [ellipsoid(kidney, np.array([27, 28, 52]) * s)], tissue.organ_hu * 1.2)
        _blobs(canvas, [ellipsoid(kidney - (side * 10, 0, 0), np.array([12, 9, 24]) * s)], tissue.fat_hu + 20)
    _blobs(canvas, [ellipsoid(at("S1", 0, 62, -85), np.array([38, 34, 34]) * s)], 12.0)


def _paint_muscles(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Psoas beside the lumbar bodies, erector muscles behind the arches with fat between, long muscles of the neck."""
    names = spine.names
    fatty = rng.uniform(0, 1)

    def chain(levels: list[str], place: tuple[float, float, float]) -> Vector:
        return np.array([spine[name].frame.out(place) for name in levels])

    back = [name for name in names if name not in ("C1",)]
    for side in SIDES:
        psoas = [("L1", 25, 4.0), ("L2", 30, 10.0), ("L3", 36, 15.0), ("L4", 42, 19.0), ("L5", 50, 21.0)]
        points = [spine[name].frame.out((side * x, 0, 0)) for name, x, _ in psoas]
        radii = [radius * spine.scale for _, _, radius in psoas]
        points.append(spine["S1"].frame.origin + np.array([side * 75, 35, -30]) * spine.scale)
        radii.append(20 * spine.scale)
        rods = [
            capsule(a, b, ra, rb) for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
        ]
        _blobs(canvas, rods, tissue.muscle_hu + 3, 6)
        lumbar = [name for name in back if name[0] in "L" or name in ("T10", "T11", "T12")] + ["S1"]
        for place, radius in (((side * 22, -52, 0), 17.0), ((side * 42, -48, 0), 15.0)):
            _blobs(canvas, along(chain(lumbar, place), radius * spine.scale), tissue.muscle_hu, 6 + 18 * fatty)
        thoracic = [name for name in back if name[0] == "T"]
        _blobs(canvas, along(chain(thoracic, (side * 20, -42, 0)), 11 * spine.scale), tissue.muscle_hu, 6 + 12 * fatty)
    streak = [name for name in back if name[0] in "TL"]
    gap = 1.5 + 2.5 * fatty
    _blobs(canvas, along(chain(streak, (0, -55, 0)), gap * spine.scale), tissue.fat_hu, 6)
    if fatty > 0.3:
        for side in SIDES:
            _blobs(canvas, along(chain(streak, (side * 32, -44, 0)), 2.5 * fatty), tissue.fat_hu + 20, 10)


def _paint_airway(canvas: Canvas, spine: Spine) -> None:
    """Pharynx, trachea and main bronchi, gullet beside them."""
    s = spine.scale

    def before(name: str, ahead: float, up: float = 0.0) -> Vector:
        vertebra = spine[name]
        front = vertebra.frame.origin + np.array([0, vertebra.size.depth / 2 * s, 0])
        return front + np.array([0, ahead, up]) * s

    throat = np.array([before("C1", 25, up=14), before("C2", 14), before("C4", 13), before("C6", 17)])
    _blobs(canvas, along(throat, 7.0 * s), -990.0, 3)
    windpipe = np.array([before(name, ahead) for name, ahead in (("C6", 17), ("T1", 20), ("T3", 22), ("T5", 20))])
    _blobs(canvas, along(windpipe, 8.5 * s), -990.0, 3)
    for side in SIDES:
        bronchus = np.array([windpipe[-1], windpipe[-1] + np.array([side * 38, -2, -28]) * s])
        _blobs(canvas, along(bronchus, 6.0 * s), -990.0, 3)


def _paint_vessels(canvas: Canvas, spine: Spine, tissue: Tissue, rng: np.random.Generator) -> None:
    """Aorta on the left of the front of the bodies, from its arch to where it forks at L4; vena cava on the right."""
    s = spine.scale

    def front(name: str, x: float, ahead: float, up: float = 0.0) -> Vector:
        vertebra = spine[name]
        return vertebra.frame.out((x, vertebra.size.depth / 2 + ahead, up))

    spots = [
        ("T4", -17, 2),
        ("T6", -19, 4),
        ("T8", -17, 6),
        ("T10", -13, 10),
        ("T12", -8, 13),
        ("L2", -8, 13),
        ("L4", -6, 12),
    ]
    aorta = np.array([front(*spot) for spot in spots])
    arch = np.array([aorta[0], front("T4", -8, 30, 14), front("T4", 8, 52, 4), front("T6", 8, 58)])
    wall = tissue.calcified
    if wall:
        found = canvas.distances(OUTER, along(aorta[3:], 10.2 * s))
        if found is not None:
            box, field = found
            canvas.blend(box, canvas.cover(field) * (canvas.texture[box] > 0.9), 650.0)
    _blobs(canvas, along(arch, 13.0 * s), tissue.blood_hu, 4)
    _blobs(canvas, along(aorta, 11.5 * s, end_radius=9.0 * s), tissue.blood_hu, 4)
    if wall:
        for a, b in pairwise(aorta[3:]):
            for _ in range(3):
                share, turn = rng.random(), rng.uniform(0, 2 * np.pi)
                spot = a + share * (b - a) + np.array([np.cos(turn), np.sin(turn), 0]) * 9.8 * s
                _blobs(canvas, [ellipsoid(spot, (2.2, 2.2, 5.0))], rng.uniform(400, 900), 0)
    for side in SIDES:
        fork = np.array(
            [aorta[-1], spine["L5"].frame.out((side * 25, 26, -8)), spine["S1"].frame.out((side * 48, 20, -30))]
        )
        _blobs(canvas, along(fork, 6.5 * s), tissue.blood_hu, 4)
    cava = np.array([front(name, 17, 10) for name in ("T10", "T12", "L2", "L4")])
    _blobs(canvas, along(cava, 10.5 * s), tissue.blood_hu * 0.7 + 15, 4)


def _paint_canal(canvas: Canvas, spine: Spine, tissue: Tissue) -> None:
    """Fat round the sac, the sac with its fluid, and the cord down to L1."""
    middle, radii = [], []
    for vertebra in spine.vertebrae:
        size = vertebra.size
        inside = -13.0 if vertebra.name == "C1" else -(size.depth + size.canal_depth) / 2
        middle.append(vertebra.frame.out((0, inside, 0)))
        radii.append(min(size.canal_depth, 18.0) / 2 * vertebra.scale)
    path = np.array(middle)
    top = path[0] + (path[0] - path[1]) * 1.2
    path, radii = np.vstack([top, path]), [radii[0], *radii]
    end = len(path) - 1
    cord_end = spine.names.index("L1") + 2
    for share, hu, last in (
        (1.15, tissue.fat_hu + 30, end),
        (0.95, tissue.csf_hu, end),
        (0.5, tissue.cord_hu, cord_end),
    ):
        for i in range(last):
            _blobs(canvas, [capsule(path[i], path[i + 1], radii[i] * share, radii[i + 1] * share)], hu, 4)
