"""The brightness of MR: sensitivity of the receiving coils, saturation bands, and further smooth inhomogeneity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import Field
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.torso import Torso

F32 = np.float32
FLOOR = 0.015
"""The least sensitivity, relative to that at the surface: receivers elsewhere add a little."""


@dataclass(frozen=True)
class Coil:
    """A receiving array behind the patient, as in examinations of the spine, with or without elements in front.

    reach_mm: of its sensitivity; None: an even coil round the patient. loops: whether sensitivity falls as on the axis
    of a loop of this radius, (1 + d^2 / reach^2)^-1.5, rather than exponentially. gap_mm: from the elements to the
    skin. front: strength of the elements in front. ends: heights of the array's lower and upper end, as fractions of
    the scan's. ripple: of its brightness from element to element under the skin. pitch_mm: their distance.
    side_mm, width_mm: its middle and its half width from side to side.
    wave: standard deviation of the logarithm of a further smooth field, and its seven phases and rotations.
    dark_from_mm: distance in front of the bodies from which a saturation band begins; None: no band.
    """

    reach_mm: float | None
    loops: bool
    gap_mm: float
    front: float
    ends: tuple[float, float]
    ripple: float
    pitch_mm: float
    side_mm: float
    width_mm: float
    wave: float
    phases: tuple[float, ...]
    dark_from_mm: float | None


def draw_coil(rng: np.random.Generator) -> Coil:
    """A random coil; in four of five scans brightness falls off, by 3 to 30 from the skin to the front."""
    even, loops, dark, front = rng.random(4)
    reach = float(np.exp(rng.uniform(np.log(45), np.log(150)))) if loops < 0.6 else float(rng.uniform(32, 110))
    return Coil(
        reach_mm=None if even < 0.2 else reach,
        loops=bool(loops < 0.6),
        gap_mm=float(rng.uniform(3, 30)),
        front=float(rng.uniform(0.1, 1.0)) if front < 0.3 else 0.0,
        ends=(float(rng.uniform(-0.5, 0.2)), float(rng.uniform(0.8, 1.5))),
        ripple=float(rng.uniform(0, 0.35)),
        pitch_mm=float(rng.uniform(60, 120)),
        side_mm=float(rng.normal(0, 15)),
        width_mm=float(rng.uniform(80, 250)),
        wave=float(rng.uniform(0.03, 0.15)),
        phases=tuple(float(value) for value in rng.uniform(0, 1, 7)),
        dark_from_mm=float(rng.uniform(8, 40)) if dark < 0.35 else None,
    )


def sensitivity(canvas: Canvas, spine: Spine, torso: Torso, coil: Coil) -> Field:
    """The sensitivity (x, y, z), 1 in the median height of the visible spine."""
    x, y, z = (canvas.axis(axis).astype(float) for axis in range(3))
    across, middle, _, back, front, _ = torso.skin(z)
    bodies = bodies_at(spine, z)
    behind, ahead = y[:, None] - (middle - back), (middle + front) - y[:, None]
    plane = _falling(behind, z, coil) + coil.front * _falling(ahead, z, coil)
    at_spine = np.array([np.interp(bodies[k], y, plane[:, k]) for k in range(len(z))])
    plane = plane / max(float(np.median(at_spine)), 1e-6)
    aside = (x[:, None] - across - coil.side_mm) / coil.width_mm
    sides = 1 / (1 + aside**2)
    a, b, c, d, e, f, g = coil.phases
    turns = [2 * np.pi * (axis / 300 * (0.5 + fraction)) for axis, fraction in ((x, a), (y, b), (z, c))]
    wave = np.sin(turns[0] + 6.28 * d)[:, None, None] + np.sin(turns[1] + 6.28 * e)[None, :, None]
    wave = wave + np.sin(turns[2] + 6.28 * f)[None, None, :] * (1 + g)
    return (plane[None] * sides[:, None, :] * np.exp(coil.wave * wave)).astype(F32)


def saturated(canvas: Canvas, spine: Spine, coil: Coil) -> Field:
    """What a saturation band in front of the spine leaves of the signal (y, z)."""
    y, z = canvas.axis(1).astype(float), canvas.axis(2).astype(float)
    if coil.dark_from_mm is None:
        return np.ones((len(y), len(z)), F32)
    edge = bodies_at(spine, z) + spine.centres[:, 1].std() + 22 + coil.dark_from_mm
    return (0.12 + 0.88 / (1 + np.exp(np.clip((y[:, None] - edge) / 3.0, -30, 30)))).astype(F32)


def bodies_at(spine: Spine, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The y of the bodies at heights z."""
    order = np.argsort(spine.centres[:, 2])
    return np.asarray(np.interp(z, spine.centres[order, 2], spine.centres[order, 1]))


def _falling(depth: NDArray[np.float64], z: NDArray[np.float64], coil: Coil) -> NDArray[np.float64]:
    """The sensitivity (y, z) at a depth under the skin of an array along z."""
    if coil.reach_mm is None:
        return np.ones_like(depth)
    deep = np.maximum(depth, 0) + coil.gap_mm
    low, high = (z[0] + fraction * (z[-1] - z[0]) for fraction in coil.ends)
    outside = np.maximum(np.maximum(low - z, z - high), 0)
    if coil.loops:
        along = np.hypot(deep, outside)
        plane = (1 + (along / coil.reach_mm) ** 2) ** -1.5
    else:
        plane = np.exp(-np.hypot(deep, outside) / coil.reach_mm)
    ripple = coil.ripple * np.exp(-deep / 40) * np.sin(2 * np.pi * (z / coil.pitch_mm + coil.phases[0]))
    return np.asarray(plane * (1 + ripple) + FLOOR)
