"""Draws the spine of one patient: sizes, curves, worn discs and old fractures, as a chain of vertebrae."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.anatomy.labels import USUAL_VERTEBRAE
from utility_functions.phantom.anatomy import SIZES, LevelSize, Spine, Vertebra
from utility_functions.phantom.shapes import Frame

FloatArray = NDArray[np.float64]

SACRUM_TILT = -40.0
"""Mean lean of the first sacral segment's own axis in degrees."""
CURVES = ((3.0, 4.0, 11.0), (10.0, 5.0, 6.0), (17.0, 5.0, 5.0), (23.0, 3.0, 6.5))
"""Where curves differ between patients: middle and width in levels from C1 down, deviation of the lean in degrees."""


def rotation(pitch: float = 0.0, roll: float = 0.0, yaw: float = 0.0) -> FloatArray:
    """Turn by degrees about the right (pitch: front up), anterior (roll) and superior (yaw) axes, in that order."""
    p, r, y = np.radians([pitch, roll, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def draw_spine(rng: np.random.Generator, turn: FloatArray | None = None) -> Spine:
    """A spine drawn at random, the middle of its chain of centres at the origin, turned as a whole by ``turn``."""
    turn = np.eye(3) if turn is None else turn
    names = [*USUAL_VERTEBRAE, *(["L6"] if rng.random() < 0.03 else []), "S1"]
    sizes = [SIZES[name] for name in names]
    count = len(names)
    scale = float(np.clip(rng.normal(1, 0.075), 0.82, 1.2))
    age = float(rng.uniform(0, 1))
    steps = np.array([size.step for size in sizes]) * scale * (1 + _wander(rng, count, 0.03, 0.6))
    discs = steps * np.array([size.disc for size in sizes])
    solid = steps - discs
    heights = (solid + np.roll(solid, 1)) / 2
    heights[0] = solid[0]
    worn = discs * _wear(rng, names, age)
    crushed = heights * _fractures(rng, count, age)
    heights = heights - crushed
    steps = steps - worn - (crushed + np.roll(crushed, -1)) / 2
    lean, side = _curve(rng, sizes)

    centres = np.zeros((count, 3))
    for i in range(count - 1):
        ahead, across = np.radians(lean[i]), np.radians(side[i])
        direction = np.array([np.sin(across), np.cos(across) * np.sin(ahead), -np.cos(across) * np.cos(ahead)])
        centres[i + 1] = centres[i] + steps[i] * direction
    tilt, roll = lean.copy(), side.copy()
    tilt[1:] = (lean[1:] + lean[:-1]) / 2
    roll[1:] = (side[1:] + side[:-1]) / 2
    tilt[-1] = SACRUM_TILT + (lean[-2] - sizes[-2].lean) + rng.normal(0, 4)
    tilt[-2] = 0.5 * lean[-2] + 0.35 * lean[-3] + 0.15 * tilt[-1]
    wedges = np.zeros(count)
    wedges[1:-1] = -0.35 * np.diff(lean)[:-1]
    wedges -= np.degrees(crushed / np.array([size.depth * scale for size in sizes]))
    waist, hollow = rng.uniform(0.04, 0.10), rng.uniform(0.6, 1.8)
    breadth = 1 + _wander(rng, count, 0.04, 0.8)
    vertebrae = [
        Vertebra(
            name,
            size,
            height=float(heights[i]),
            wedge=float(np.clip(wedges[i], -16, 16)),
            waist=float(waist * rng.uniform(0.7, 1.3)),
            hollow=float(hollow * rng.uniform(0.7, 1.3) * (0.4 + 0.6 * min(1.0, size.width / 40))),
            rim=(float(age * rng.uniform(0, 1) ** 2 * 4 * size.width / 45), float(rng.uniform(-0.5, np.pi + 0.5))),
            gas=bool(worn[i] > 0 and rng.random() < 0.25),
            frame=Frame(
                turn @ rotation(tilt[i], -roll[i], 0.4 * side[i] + rng.normal(0, 1.0)),
                turn @ (centres[i] - centres[count // 2]),
                scale * float(breadth[i]),
            ),
        )
        for i, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    vertebrae[0] = _seated_atlas(vertebrae[0], vertebrae[1], rng)
    return Spine(tuple(vertebrae), scale)


def _curve(rng: np.random.Generator, sizes: list[LevelSize]) -> tuple[FloatArray, FloatArray]:
    """Degrees by which each step down runs forward, and to the right."""
    count = len(sizes)
    place = np.arange(count, dtype=float)
    lean = np.array([size.lean for size in sizes])
    for middle, width, deviation in CURVES:
        lean = lean + rng.normal(0, deviation) * np.exp(-(((place - middle) / width) ** 2))
    lean = lean + rng.normal(0, 3.0) + _wander(rng, count, 2.2, 0.3)
    curve = rng.normal(0, 3.0) if rng.random() < 0.92 else rng.normal(0, 10)
    side = curve * np.sin(2 * np.pi * (place / rng.uniform(10, 22) + rng.random())) + rng.normal(0, 1.0)
    return lean, side


def _wander(rng: np.random.Generator, count: int, deviation: float, keep: float) -> FloatArray:
    """Numbers of the given deviation, each like the one above it by the share ``keep``."""
    values = np.empty(count)
    values[0] = rng.normal()
    for i in range(1, count):
        values[i] = keep * values[i - 1] + np.sqrt(1 - keep * keep) * rng.normal()
    return values * deviation


def _wear(rng: np.random.Generator, names: list[str], age: float) -> FloatArray:
    """Share of its height that each disc has lost: lower neck and lower back first."""
    chance = np.array([0.35 if name in ("C4", "C5", "C6", "L3", "L4", "L5") else 0.08 for name in names]) * age
    chance[:2] = 0
    chance[-1] = 0
    return np.where(rng.random(len(names)) < chance, rng.uniform(0.15, 0.65, len(names)), 0.0)


def _fractures(rng: np.random.Generator, count: int, age: float) -> FloatArray:
    """Share of its height that each body has lost to an old compression fracture; none above T1 and in the sacrum."""
    broken = rng.random(count) < 0.04 * age
    broken[:7] = False
    broken[-1] = False
    return np.where(broken, rng.uniform(0.08, 0.3, count), 0.0)


def _seated_atlas(atlas: Vertebra, axis: Vertebra, rng: np.random.Generator) -> Vertebra:
    """C1 with its ring round the dens of C2."""
    turned = axis.frame.axes @ rotation(rng.normal(4, 4), rng.normal(0, 2), rng.normal(0, 3))
    return replace(atlas, frame=Frame(turned, axis.frame.out((0.0, -8.0, 16.5)), axis.scale))
