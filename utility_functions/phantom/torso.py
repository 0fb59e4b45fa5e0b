"""The outline of the body and of the chest round a spine, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.shapes import Field, Vector

# Half width, distance from the body centre of the spine to the skin behind and in front (mm of a mean patient).
OUTLINE = {
    "head": (76.0, 112.0, 88.0),
    "C1": (70.0, 88.0, 102.0),
    "C3": (62.0, 72.0, 90.0),
    "C5": (60.0, 68.0, 52.0),
    "C6": (66.0, 70.0, 54.0),
    "C7": (98.0, 76.0, 60.0),
    "T1": (145.0, 80.0, 72.0),
    "T2": (190.0, 82.0, 90.0),
    "T4": (205.0, 88.0, 122.0),
    "T6": (178.0, 86.0, 150.0),
    "T9": (162.0, 82.0, 158.0),
    "T12": (155.0, 80.0, 148.0),
    "L2": (150.0, 88.0, 132.0),
    "L4": (156.0, 94.0, 118.0),
    "L5": (168.0, 92.0, 125.0),
    "S1": (178.0, 82.0, 150.0),
    "hip": (182.0, 92.0, 130.0),
}
# Half width of the rib cage (bone to bone), to its back and front.
CHEST = {
    "C7": (34.0, 34.0, 34.0),
    "T1": (58.0, 42.0, 58.0),
    "T2": (78.0, 47.0, 76.0),
    "T3": (98.0, 51.0, 92.0),
    "T5": (120.0, 55.0, 120.0),
    "T8": (135.0, 56.0, 138.0),
    "T11": (136.0, 54.0, 138.0),
    "L1": (132.0, 52.0, 128.0),
    "L3": (128.0, 50.0, 112.0),
    "L5": (126.0, 48.0, 104.0),
    "S1": (118.0, 36.0, 120.0),
    "hip": (98.0, 34.0, 105.0),
}


@dataclass(frozen=True, eq=False)
class Torso:
    """Outlines as tables over height, in the frame of the scanner.

    heights: ascending z of the knots. centres: x, y of the spine there. outer, inner: half width, back and front of
    skin and rib cage in mm. fat: thickness of the fat under the skin.
    """

    heights: Vector
    centres: Vector
    outer: Vector
    inner: Vector
    fat: Vector

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


def draw_torso(spine: Spine, rng: np.random.Generator) -> Torso:
    """A body drawn at random round a spine: slim or stout, wide or narrow."""
    origins = {vertebra.name: vertebra.frame.origin for vertebra in spine.vertebrae}
    size = spine.scale
    origins["head"] = origins["C1"] + np.array([0, 4.0, 55.0]) * size
    origins["hip"] = origins["S1"] + np.array([0, -12.0, -95.0]) * size
    order = sorted(origins, key=lambda name: float(origins[name][2]))
    known = np.array([origins[name][2] for name in order])

    def table(values: dict[str, tuple[float, float, float]]) -> Vector:
        knots = sorted(values, key=lambda name: float(origins[name][2]))
        z = [origins[name][2] for name in knots]
        return np.stack([np.interp(known, z, [values[name][i] for name in knots]) for i in range(3)], axis=1)

    fat_base = rng.uniform(4, 28)
    trunk = np.array([0.35 if name[0] in "Ch" and name != "hip" else 1.0 for name in order])
    fat = 3 + fat_base * trunk * rng.uniform(0.8, 1.2)
    breadth, depth = rng.normal(1, 0.05), rng.normal(1, 0.06)
    inner = table(CHEST) * size * np.array([breadth, 1.0, depth * (1 + 0.008 * (fat_base - 14))])
    outer = table(OUTLINE) * size * np.array([breadth, 1.0, depth * (1 + 0.008 * (fat_base - 14))])
    outer = outer + (fat_base - 12) * trunk[:, None]
    centres = np.array([origins[name][:2] for name in order])
    return Torso(known, centres, outer, inner, fat)
