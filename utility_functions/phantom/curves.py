"""The curvature of the spine: lordosis, kyphosis, flexion of the neck, and scoliosis with axial rotation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.spine_model import SIZES

FloatArray = NDArray[np.float64]

LEAN_DEVIATION = {"C1": 7.5, "C3": 7.5, "C6": 8.0, "T1": 7.6, "T4": 6.0, "T5": 5.5, "T8": 7.3, "T12": 6.7, "L2": 6.3,
                  "L3": 7.0, "L4": 8.8, "S1": 9.5}  # fmt: skip
"""Standard deviation over patients, in degrees, of the sagittal inclination of the step below a level; in the neck,
without the position of the head."""
SIDE_DEVIATION = {"C1": 4.5, "C5": 5.5, "T1": 5.5, "T3": 4.2, "T7": 2.8, "T10": 3.4, "L2": 3.2, "L4": 4.2, "S1": 4.0}
"""The same in the coronal plane, in spines without scoliosis. Both were measured on the VID data set, as the spread of
the middle two thirds, without the patient's tilt."""
LEAN_REACH, SIDE_REACH = 4.0, 2.7
"""The correlation lengths of inclinations, in levels."""


def draw_lean(rng: np.random.Generator, names: Sequence[str]) -> FloatArray:
    """The sagittal inclination of the step below each level, in degrees: the mean plus the patient's deviation."""
    lean = np.array([SIZES[name].lean for name in names])
    lean = lean + _correlated(rng, names, LEAN_DEVIATION, LEAN_REACH, 1.4, 0.05)
    bent, forced = rng.normal(0, 9), rng.random() < 0.1  # a neck flexed or extended for the scan
    neck = np.clip(1.2 - np.arange(len(names)) / 9, 0, 1)
    return np.asarray(lean + bent * (2 if forced else 1) * neck)


def draw_side(rng: np.random.Generator, names: Sequence[str]) -> tuple[FloatArray, FloatArray, float]:
    """Inclinations of steps to the right, rotations of vertebrae to the left, and the Cobb angle; all in degrees."""
    side = _correlated(rng, names, SIDE_DEVIATION, SIDE_REACH, 1.1, 0.05)
    turn = 0.4 * np.gradient(side) + _correlated(rng, names, {"C1": 2.0, "S1": 1.5}, 2.5, 1.4, 0.2)
    grade = rng.random()
    cobb = 0.0 if grade < 0.88 else rng.uniform(10, 25) if grade < 0.965 else rng.uniform(25, 50)
    at, reach, sign = rng.choice([7, 14, 18, 20], p=[0.06, 0.42, 0.32, 0.2]), rng.uniform(3.2, 5.0), rng.choice([-1, 1])
    curve, twist = scoliosis(len(names), cobb * sign, float(at), reach)
    return side + curve, turn + twist, cobb


def scoliosis(count: int, cobb: float, apex: float, reach: float) -> tuple[FloatArray, FloatArray]:
    """A curve of ``cobb`` degrees, convex to the right where positive, with weaker counter-curves above and below.

    apex: its position in levels from the top; reach: levels from there to either end of the curve.
    Returns: inclinations to the right, and rotations to the left, in degrees; bodies rotate to the convex side.
    """
    u = (np.arange(count) + 0.5 - apex) / reach
    far = (np.abs(u) - 1) / 0.9
    outer = np.where(far < 1, np.cos(np.pi / 2 * np.clip(far, 0, 1)), 0.0)
    side = -cobb / 2 * np.where(np.abs(u) < 1, np.sin(np.pi / 2 * np.clip(u, -1, 1)), np.sign(u) * outer)
    v = (np.arange(count) - apex) / reach
    counter = -0.35 * np.sin(np.pi * np.clip((np.abs(v) - 1) / 0.9, 0, 1))
    twist = -0.45 * cobb * np.where(np.abs(v) < 1, np.cos(np.pi / 2 * np.clip(v, -1, 1)), counter)
    return side, twist


def _correlated(
    rng: np.random.Generator,
    names: Sequence[str],
    deviation: dict[str, float],
    reach: float,
    power: float,
    own: float,
) -> FloatArray:
    """Normal numbers, correlated over ``reach`` levels except for the fraction ``own`` of their variance."""
    place = np.arange(len(names), dtype=float)
    knots = [names.index(name) for name in deviation if name in names]
    spread = np.interp(place, knots, [deviation[name] for name in deviation if name in names])
    apart = np.abs(place[:, None] - place[None, :])
    covariance = (1 - own) * np.exp(-((apart / reach) ** power)) + own * np.eye(len(names))
    return np.asarray(spread * (np.linalg.cholesky(covariance) @ rng.normal(size=len(names))))
