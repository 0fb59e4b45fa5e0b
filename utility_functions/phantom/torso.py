"""The outlines of skin, muscles and cavity round a spine, by slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from utility_functions.phantom.shapes import Field, Vector
from utility_functions.phantom.spine_model import Spine

STEP_MM = 4.0
F32 = np.float32
# Half width, distance from the body centre of the spine behind and in front, to the outside of the muscles; then the
# fraction of the patient's fat that lies in front, at the sides and behind (lengths in mm of a mean patient).
OUTLINE = {
    "vertex": (44.0, 60.0, 44.0, 0.10, 0.10, 0.10),
    "crown": (70.0, 90.0, 80.0, 0.10, 0.10, 0.10),
    "head": (75.0, 98.0, 96.0, 0.10, 0.10, 0.10),
    "face": (70.0, 88.0, 102.0, 0.20, 0.20, 0.10),
    "C1": (66.0, 60.0, 102.0, 0.20, 0.25, 0.25),
    "C2": (61.0, 58.0, 100.0, 0.25, 0.25, 0.30),
    "C3": (58.0, 56.0, 97.0, 0.30, 0.25, 0.35),
    "C4": (55.0, 55.0, 82.0, 0.30, 0.25, 0.40),
    "C5": (55.0, 55.0, 56.0, 0.25, 0.25, 0.45),
    "C6": (59.0, 57.0, 49.0, 0.20, 0.30, 0.50),
    "C7": (78.0, 60.0, 52.0, 0.20, 0.30, 0.55),
    "T1": (132.0, 65.0, 60.0, 0.25, 0.35, 0.55),
    "T2": (172.0, 70.0, 76.0, 0.30, 0.40, 0.50),
    "T4": (190.0, 75.0, 114.0, 0.40, 0.50, 0.45),
    "T6": (172.0, 72.0, 134.0, 0.45, 0.55, 0.45),
    "T9": (153.0, 69.0, 145.0, 0.55, 0.65, 0.50),
    "T12": (146.0, 66.0, 140.0, 0.80, 0.85, 0.65),
    "L2": (138.0, 68.0, 123.0, 1.00, 1.00, 0.85),
    "L4": (138.0, 70.0, 107.0, 1.10, 1.10, 1.00),
    "L5": (146.0, 68.0, 108.0, 1.15, 1.10, 1.10),
    "S1": (160.0, 64.0, 128.0, 1.10, 1.05, 1.20),
    "hip": (166.0, 88.0, 124.0, 0.90, 0.90, 1.30),
    "thigh": (172.0, 86.0, 112.0, 0.70, 0.80, 1.20),
}
# Half width of the rib cage (bone to bone), to its back and front.
CHEST = {
    "C7": (30.0, 34.0, 30.0),
    "T1": (56.0, 42.0, 54.0),
    "T2": (78.0, 47.0, 74.0),
    "T3": (98.0, 51.0, 92.0),
    "T5": (120.0, 55.0, 118.0),
    "T8": (135.0, 56.0, 136.0),
    "T11": (136.0, 54.0, 136.0),
    "L1": (132.0, 51.0, 126.0),
    "L3": (127.0, 48.0, 108.0),
    "L5": (122.0, 42.0, 98.0),
    "S1": (112.0, 32.0, 112.0),
    "hip": (92.0, 30.0, 100.0),
}


@dataclass(frozen=True, eq=False)
class Torso:
    """The outlines as tables over height, in the frame of the scanner.

    heights: ascending z of the knots. centres: x, y of the spine there. outer, fascia, inner: half width, back and
    front of skin, muscles and rib cage in mm. fat: mean thickness of the fat under the skin. column: half width of the
    vertebral bodies. lumps: height, distance from the midline, reach across and up, and mm by which breasts, buttocks
    and furrows extend in front and behind. dome: right, anterior and height of the middle of the diaphragm. apex,
    floor: heights of the tops of the lungs and of the floor of the pelvis. build: 0 lean to 1 obese.
    """

    heights: Vector
    centres: Vector
    outer: Vector
    fascia: Vector
    inner: Vector
    fat: Vector
    column: Vector
    lumps: tuple[tuple[float, ...], ...]
    dome: tuple[float, float, float]
    apex: float
    floor: float
    size: float
    build: float
    female: bool
    arms_up: bool

    def _at(self, z: Field | Vector, table: Vector) -> list[Vector]:
        return [np.interp(z, self.heights, table[:, i]) for i in range(table.shape[1])]

    def skin(self, z: Vector) -> list[Vector]:
        """x and y of the spine, half width, back, front, and fat thickness at heights z."""
        return [*self._at(z, self.centres), *self._at(z, self.outer), np.interp(z, self.heights, self.fat)]

    def cavity(self, z: Vector) -> list[Vector]:
        """x and y of the spine, half width, back and front of the rib cage or belly cavity at heights z."""
        return [*self._at(z, self.centres), *self._at(z, self.inner)]

    def chest(self, z: float) -> tuple[Vector, float, float, float]:
        """Centre (x, y) of the rib cage's ellipse at a height, its half width and its half depth to back and front."""
        x, y, across, back, front = (float(v) for v in self.cavity(np.array(z)))
        middle = (front - back) / 2
        return np.array([x, y + middle]), across, (front + back) / 2, (front + back) / 2

    def depth(self, x: Field, y: Field, z: Field, layer: str = "outer") -> Field:
        """The approximate depth in mm of points (broadcastable) under the skin (``outer``) or the ``fascia``."""
        table = self.outer if layer == "outer" else self.fascia
        cx, cy, wide, back, front = (as_field(v) for v in (*self._at(z, self.centres), *self._at(z, table)))
        aside = np.abs(x - cx)
        for height, lateral, reach, tall, ahead_by, behind_by in self.lumps:
            bump = np.exp(-(((aside - F32(lateral)) / F32(reach)) ** 2) - ((z - F32(height)) / F32(tall)) ** 2)
            if ahead_by and layer == "outer":
                front = np.asarray(front + F32(ahead_by) * bump)
            elif behind_by:
                back = np.asarray(back + F32(behind_by * (1.0 if layer == "outer" else 0.6)) * bump)
        across = (aside / wide) ** 2
        ahead = y - cy
        along = np.maximum(ahead / front, -ahead / back)
        along = along * along
        reach4 = along * (along + F32(1.3) * across) + across * across
        return (1 - np.sqrt(np.sqrt(reach4))) * np.sqrt((back + front) / 2 * wide)

    def room(self, x: Field, y: Field, z: Field) -> Field:
        """The approximate depth in mm of points inside the rib cage or the abdominal wall, without the spine."""
        cx, cy, wide, back, front = (as_field(v) for v in (*self._at(z, self.centres), *self._at(z, self.inner)))
        s = F32(self.size)
        wide, half = wide - 4 * s, (back + front) / 2 - 4 * s
        aside, ahead = np.abs(x - cx), y - cy
        across, along = aside / wide, (ahead - (front - back) / 2) / half
        inside = (1 - np.sqrt(across * across + along * along)) * np.sqrt(half * wide)
        body = as_field(np.interp(z, self.heights, self.column))
        off_body = np.sqrt(aside * aside + ahead * ahead) - body
        beside, before = np.maximum(aside - 10 * s, 0), np.maximum(ahead + 36 * s, 0)
        off_arch = np.sqrt(beside * beside + before * before) - 18 * s
        return np.minimum(inside, np.minimum(off_body, off_arch))

    def diaphragm(self, x: Field, y: Field) -> Field:
        """The height of the diaphragm over points: a dome on each side, the right one higher."""
        right, anterior, top = (F32(v) for v in self.dome)
        s = F32(self.size)
        lateral, ahead = (x - right) / s, (y - anterior) / s
        off = np.abs(lateral) - 70
        along = ahead - 60
        inner = F32(0.0028) + F32(0.006) * np.clip(F32(0.75) - ahead / 40, 0, 1)  # steeper behind, along the crura
        fall = off * off * np.where(off > 0, F32(0.018), inner) - 7 * np.tanh(lateral / 40)
        return top - s * (fall + along * along * np.where(along > 0, F32(0.0045), F32(0.0085)))

    def pelvic_floor(self, x: Field, y: Field, z: Field) -> Field:
        """The height in mm of points above the pelvic floor."""
        cx, cy = (as_field(v) for v in self._at(z, self.centres))
        bowl = ((x - cx) ** 2 + (y - cy - F32(55 * self.size)) ** 2) * F32(0.011 / self.size)
        return z - F32(self.floor) - bowl


def as_field(values: Vector) -> Field:
    """Numbers in the precision of the canvas."""
    return np.asarray(values, F32)


def draw_torso(spine: Spine, rng: np.random.Generator) -> Torso:
    """A random body round a spine: lean or obese, wide or narrow, arms up or down."""
    size = spine.scale
    origins = {vertebra.name: vertebra.frame.origin for vertebra in spine.vertebrae}
    for name, up, ahead in (("face", 28.0, 3.0), ("head", 75.0, 3.0), ("crown", 118.0, 2.0), ("vertex", 146.0, 0.0)):
        origins[name] = origins["C1"] + np.array([0, ahead, up]) * size
    for name, up in (("hip", -95.0), ("thigh", -200.0)):
        origins[name] = origins["S1"] + np.array([0, -12.0, up]) * size

    build = float(rng.beta(1.5, 2.2))
    female = bool(rng.random() < 0.5)
    visceral = build * rng.uniform(0.3, 1.0)
    fat_mm = 3 + 42 * build * rng.uniform(0.75, 1.25)
    breadth, deep = rng.normal(1, 0.045), rng.normal(1, 0.05)
    furrow, bust, cleft = rng.uniform(2, 7), rng.uniform(8, 18) + 20 * build, rng.uniform(14, 26)
    sunk, arms_up = rng.normal(0, 11), bool(rng.random() < 0.7)

    everywhere = np.array([point[2] for point in origins.values()])
    heights = np.arange(everywhere.min(), everywhere.max() + STEP_MM, STEP_MM)

    def table(values: Mapping[str, tuple[float, ...]], smooth_mm: float) -> Vector:
        known = {name: row for name, row in values.items() if name in origins}
        knots = sorted(known, key=lambda name: float(origins[name][2]))
        z = [origins[name][2] for name in knots]
        rows = np.array([known[name] for name in knots])
        dense = np.stack([np.interp(heights, z, column) for column in rows.T], axis=1)
        return np.asarray(gaussian_filter1d(dense, smooth_mm / STEP_MM, axis=0, mode="nearest"))

    belly = np.exp(-(((heights - origins["L3"][2]) / (110 * size)) ** 2))[:, None] * visceral
    grown = np.array([breadth, 1.0, deep])
    inner = table(CHEST, 10.0) * size * grown * (1 + belly * np.array([0.12, 0.0, 0.42]))
    shape = table(OUTLINE, 9.0)
    trunk = np.clip((origins["C7"][2] - heights) / 60, 0, 1)[:, None]
    fascia = shape[:, :3] * size * (1 + trunk * (grown - 1))
    fascia *= 1 + belly * np.array([0.10, 0.0, 0.38])
    hips = np.exp(-(((heights - origins["hip"][2]) / 90) ** 2)) - np.exp(-(((heights - origins["T3"][2]) / 60) ** 2))
    fascia[:, 0] += hips * size * (7 if female else -3)
    front, side, back = shape[:, 3:].T * fat_mm
    outer = fascia + 2.0 + np.column_stack([side, back, front])
    centres = table({name: (float(p[0]), float(p[1])) for name, p in origins.items()}, 6.0)
    bodies = {v.name: (v.size.width / 2 * v.scale,) for v in spine.vertebrae} | {"hip": (0.0,), "head": (14.0,)}
    column = table(bodies, 4.0)[:, 0] + 5 * size

    def lump(
        level: str, up: float, lateral: float, reach: float, tall: float, front: float, back: float
    ) -> tuple[float, ...]:
        return (float(origins[level][2] + up * size), lateral * size, reach * size, tall * size, front, back)

    lumps = [
        lump("L2", 0, 0, 26, 140, 0.0, -furrow),
        lump("hip", -12, 0, 16, 62, 0.0, -cleft),
        lump("hip", -12, 68, 48, 60, 0.0, 16 * size + 14 * build),
    ]
    if female:
        lumps.append(lump("T7", -4, 88, 48, 46, bust, 0.0))
    return Torso(
        heights, centres, outer, fascia, inner, (front + side + back) / 3, column, tuple(lumps),
        dome=(float(origins["T10"][0]), float(origins["T10"][1]), float(origins["T10"][2] + 24 * size + sunk)),
        apex=float(origins["T1"][2] + 14 * size), floor=float(origins["S1"][2] - 118 * size),
        size=size, build=build, female=female, arms_up=arms_up,
    )  # fmt: skip
