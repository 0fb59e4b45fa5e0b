"""The skull, in a frame above C1, and the mandible, in an upright frame at C2."""

from __future__ import annotations

import itertools

import numpy as np

from utility_functions.phantom.shapes import bar, block, capsule, ellipsoid
from utility_functions.phantom.solid_frames import Frame, Shape
from utility_functions.phantom.spine_model import Spine

SIDES = (-1.0, 1.0)
VAULT = ellipsoid((0, -2, 82), (71, 88, 69))
FORAMEN = (0.0, -9.0, 15.0)
"""The centre of the foramen magnum, in the frame of the skull."""


def skull_frame(spine: Spine) -> Frame:
    """A frame at C1 that follows a third of its rotation; the joint between them takes the rest."""
    left, _, right = np.linalg.svd(spine["C1"].frame.axes + 2 * np.eye(3))
    return Frame(left @ right, spine["C1"].frame.origin, spine.scale)


def base_solids() -> list[Shape]:
    """The base of the skull in its frame: condyles, the rim of the foramen magnum, and the clivus."""
    x, y, z = FORAMEN
    rim = [(0, 17.5, -1.5), (12, 13.5, -0.5), (18, 3, 0), (17, -9, 1), (10, -17.5, 2), (0, -20, 2.5)]
    shapes: list[Shape] = []
    for side in SIDES:
        points = [(x + side * a, y + b, z + c) for a, b, c in rim]
        shapes += [bar(a, b, (5.0, 4.2), wide=(0, 0, 1)) for a, b in itertools.pairwise(points)]
        shapes += [
            block((side * 19.0, 8.0, 11.5), (6.5, 10.5, 6.0), (side * 0.45, 0, -0.9), (-side * 0.35, 1, 0), 4.0),
            bar((side * 20, 4, 17), (side * 48, -4, 24), (9, 8), (10, 10), wide=(0, 1, 0)),
            bar((side * 13, 18, 22), (side * 52, -6, 32), (10, 7), wide=(0, 0, 1)),
            bar(points[-2], (side * 34, -48, 28), (16, 4.0), (20, 4.0), wide=(1, 0, 0)),
            bar((side * 15, 36, 14), (side * 16, 40, 34), (10, 2.0), wide=(0, 1, 0)),
        ]
    shapes += [
        bar((x, y + 18, z - 1), (0, 32, 40), (15, 5.0), (11, 8.0), wide=(1, 0, 0)),
        bar((0, -28, 18), (0, -74, 40), (14, 4.0), (20, 5.0), wide=(1, 0, 0)),
        ellipsoid((0, 36, 40), (16, 12, 12)),
    ]
    return shapes


def jaw_solids(side: float) -> tuple[list[Shape], list[Shape]]:
    """One half of the mandible and of both rows of teeth, in an upright frame at the centre of C2."""
    angle, chin = (side * 45, 26, -8), (side * 3, 88, -26)
    jaw = [
        bar((side * 48, 16, 32), (side * 47, 20, 18), (5, 4), (8, 3.5), wide=(0, 1, 0)),
        bar((side * 47, 22, 18), angle, (14, 3.5), (13, 4.5), wide=(0, 1, 0.2)),
        bar((side * 46, 38, 12), (side * 46, 34, 26), (6, 2.5), (3, 2.0), wide=(0, 1, 0)),
        bar(angle, (side * 30, 66, -18), (11, 4.5), (12, 5.5)),
        bar((side * 30, 66, -18), chin, (12, 5.5), (13, 6.0)),
    ]
    teeth: list[Shape] = []
    for z in (-2.0, 8.0):
        arch = ((34, 50), (28, 66), (18, 80), (4, 87))
        for (x, y), (u, v) in itertools.pairwise(arch):
            teeth.append(bar((side * x, y, z), (side * u, v, z), (4.2, 3.4), (4.2, 2.6)))
    return jaw, teeth


def hyoid_solids(side: float) -> list[Shape]:
    """One half of the hyoid, in an upright frame at the centre of C2."""
    return [
        capsule((side * 18, 36, -40), (side * 9, 48, -44), 1.8, 2.6),
        bar((side * 9, 48, -44), (0, 52, -44), (5, 3)),
    ]
