"""A random spine of one patient: levels, sizes, curvature, disc degeneration and fractures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.anatomical_variation import FacetVariation, SacrumShape, draw_facets, draw_sacrum
from utility_functions.phantom.curves import draw_lean, draw_side
from utility_functions.phantom.pathology import WEARING, Pathology, draw_pathology
from utility_functions.phantom.shapes import Frame
from utility_functions.phantom.spine_model import LevelSize, Spine, Vertebra, draw_sizes
from utility_functions.phantom.variants import Variant, draw_variant

FloatArray = NDArray[np.float64]

SACRUM_TILT = -40.0
"""The mean inclination of the axis of S1 in degrees."""
STEEP_FRACTION, STEEPEST = 0.2, 32.0
"""Fraction of patients with a lumbosacral inclination steeper than mean and spread give, and the largest excess in
degrees: the spread was measured on the middle two thirds, and the tail is longer."""
SLIPPING = {"L3": 0.02, "L4": 0.05, "L5": 0.04, "L6": 0.04}
"""The probability of a slip over the vertebra below, at middle age."""
SOUND = 0.28
"""The excess height of healthy discs over the measured mean, which includes degenerated ones, per probability."""
COMPENSATED = 0.45
"""The fraction of a wedge fracture's angle that neighbouring levels compensate."""


def rotation(pitch: float = 0.0, roll: float = 0.0, yaw: float = 0.0) -> FloatArray:
    """Rotation by degrees about the right (pitch: front up), anterior (roll) and superior (yaw) axes, in this order."""
    p, r, y = np.radians([pitch, roll, yaw])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_y = np.array([[np.cos(r), 0, np.sin(r)], [0, 1, 0], [-np.sin(r), 0, np.cos(r)]])
    about_z = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def draw_spine(rng: np.random.Generator, turn: FloatArray | None = None, healthy: bool = False) -> Spine:
    """A random spine, the middle of its body centres at the origin, rotated as a whole by ``turn``.

    healthy: with the usual levels and no pathology.
    """
    turn = np.eye(3) if turn is None else turn
    variant = draw_variant(rng)
    pathology = draw_pathology(rng, variant.names, variant.transitional)
    if healthy:
        variant, pathology = Variant(), Pathology()
    names = variant.names
    sizes = draw_sizes(rng.spawn(1)[0], names)
    count = len(names)
    scale = float(np.clip(rng.normal(1, 0.055), 0.84, 1.17))
    lean = draw_lean(rng, names)
    side, yaw, _ = draw_side(rng, names)
    lean[-4:-1] -= _steeper(rng.spawn(1)[0])

    steps = np.array([size.step for size in sizes]) * scale * (1 + _wander(rng, count, 0.04, 0.65))
    discs = steps * np.array([size.disc for size in sizes])
    solid = steps - discs
    wearing = np.array([WEARING.get(name, 0.15) for name in names])
    discs = discs * (1.03 + SOUND * wearing) * (1 + rng.normal(0, 0.06, count).clip(-0.15, 0.15))
    steps = solid + discs
    heights = (solid + np.roll(solid, 1)) / 2
    heights[0] = solid[0]
    lost = discs * [pathology.disc(name).loss for name in names]
    broken = [_broken(pathology, name, heights[i], sizes[i], scale) for i, name in enumerate(names)]
    crushed, kinks, hollows, broader = np.array(broken).T
    heights = heights - crushed
    steps = steps - lost - (crushed + np.roll(crushed, -1)) / 2
    for at in np.flatnonzero(kinks):
        lean = lean + kinks[at] * _kink(count, int(at))

    slips = np.zeros(count) if healthy else _slips(rng.spawn(1)[0], names, pathology.age)
    variation = rng.spawn(1)[0]
    facets = [FacetVariation()] * count if healthy else draw_facets(variation, count, pathology.age)
    sacrum = SacrumShape() if healthy else draw_sacrum(variation)
    centres = np.zeros((count, 3))
    for i in range(count - 1):
        ahead, across = np.radians(lean[i]), np.radians(side[i])
        direction = np.array([np.sin(across), np.cos(across) * np.sin(ahead), -np.cos(across) * np.cos(ahead)])
        centres[i + 1] = centres[i] + steps[i] * direction - np.array([0, slips[i], 0])
    tilt, roll = lean.copy(), side.copy()
    tilt[1:] = (lean[1:] + lean[:-1]) / 2
    roll[1:] = (side[1:] + side[:-1]) / 2
    tilt[-1] = SACRUM_TILT + (lean[-2] - sizes[-2].lean) + rng.normal(0, 4)
    tilt[-2] = 0.5 * lean[-2] + 0.35 * lean[-3] + 0.15 * tilt[-1]
    wedges = np.zeros(count)
    wedges[1:-1] = -0.35 * np.diff(lean)[:-1]
    wedges = np.where(kinks > 0, np.minimum(wedges, 0) * 0.3 - kinks, wedges.clip(-12, 12))
    waist, hollow = rng.uniform(0.04, 0.10), rng.uniform(0.6, 1.8)
    breadth = 1 + _wander(rng, count, 0.04, 0.8)
    vertebrae = [
        Vertebra(
            name,
            size,
            height=float(heights[i]),
            wedge=float(np.clip(wedges[i], -30, 16)),
            waist=float(waist * rng.uniform(0.7, 1.3)),
            hollow=float(hollow * rng.uniform(0.7, 1.3) * min(1.0, size.width / 40) ** 1.5 + hollows[i]),
            rim=(
                float(pathology.age * rng.uniform() ** 2 * 4 * size.width / 45),
                float(rng.uniform(-0.5, np.pi + 0.5)),
            ),
            frame=Frame(
                turn @ rotation(tilt[i], -roll[i], yaw[i]),
                turn @ (centres[i] - centres[count // 2]),
                scale * float(breadth[i] * broader[i]),
            ),
            facets=facets[i],
        )
        for i, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    vertebrae[0] = _seated_atlas(vertebrae[0], vertebrae[1], rng)
    return Spine(tuple(vertebrae), scale, variant, pathology, sacrum)


def _steeper(rng: np.random.Generator) -> FloatArray:
    """The additional posterior inclination below L3, L4 and L5 in patients with a steep sacrum, in degrees."""
    extra = rng.uniform(0, STEEPEST) if rng.random() < STEEP_FRACTION else 0.0
    return extra * np.array([0.15, 0.45, 1.0])


def _slips(rng: np.random.Generator, names: Sequence[str], age: float) -> FloatArray:
    """The mm by which each vertebra stands in front of the one below it, by spondylolisthesis."""
    slips, chances, far = np.zeros(len(names)), rng.random(len(names)), rng.uniform(3, 14, len(names))
    for i, name in enumerate(names[:-1]):
        likely = SLIPPING.get(name, 0.004 if i > 2 else 0.0) * (0.5 + age)
        slips[i] = far[i] * (chances[i] < likely) * (1 if name in ("L4", "L5", "L6") else rng.choice([-0.4, 0.4]))
    return slips


def _broken(
    pathology: Pathology, name: str, height: float, size: LevelSize, scale: float
) -> tuple[float, float, float, float]:
    """The effects of a fracture: loss of height in mm, kyphotic angle in degrees, concavity in mm, broadening."""
    fracture = pathology.fractures.get(name)
    if fracture is None:
        return 0.0, 0.0, 0.0, 1.0
    lost = fracture.loss * height
    if fracture.kind == "wedge":  # the posterior wall is intact
        return lost / 2, float(np.degrees(np.arctan(lost / (size.depth * scale)))), 0.0, 1.0
    if fracture.kind == "biconcave":
        return 0.12 * lost, 0.0, 0.44 * lost / scale, 1.0
    return lost, float(np.degrees(np.arctan(0.15 * lost / (size.depth * scale)))), 0.0, 1 + 0.1 * fracture.loss


def _kink(count: int, at: int) -> FloatArray:
    """The inclination of steps as fractions of the kyphotic angle at one level, falling with the distance."""
    place = np.arange(count) - at + 0.5
    kept = (1 - COMPENSATED) + COMPENSATED * np.exp(-((place / 3.0) ** 2))
    return np.asarray(np.where(place > 0, 0.55, -0.45) * kept * np.exp(-((place / 7.0) ** 2)))


def _wander(rng: np.random.Generator, count: int, deviation: float, keep: float) -> FloatArray:
    """Normal numbers of a standard deviation, each with the correlation ``keep`` to the one above."""
    values = np.empty(count)
    values[0] = rng.normal()
    for i in range(1, count):
        values[i] = keep * values[i - 1] + np.sqrt(1 - keep * keep) * rng.normal()
    return values * deviation


def _seated_atlas(atlas: Vertebra, axis: Vertebra, rng: np.random.Generator) -> Vertebra:
    """C1, its ring round the dens of C2."""
    turned = axis.frame.axes @ rotation(rng.normal(13, 4), rng.normal(0, 2), rng.normal(0, 5))
    return replace(atlas, frame=Frame(turned, axis.frame.out((0.0, -12.0, 18.0)), axis.scale))
