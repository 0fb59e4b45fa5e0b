"""The facet joints: position and orientation of the superior facets of each level.

Spacing and inclination are rounded from Panjabi et al., Spine 1993;18:1298, and Masharawi et al., Spine 2004;29:1755:
cervical superior facets face up and back at about 45 degrees, thoracic ones back and slightly outward, lumbar ones
inward and back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utility_functions.phantom.shapes import block
from utility_functions.phantom.solid_frames import Shape, Vector
from utility_functions.phantom.spine_model import Vertebra

SIDES = (-1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Facet:
    """A joint surface in the frame of a vertebra.

    side: -1 left, 1 right. normal: from the vertebra below to the one above. up: its long direction. half: mm across
    and along. thick: ratio of the thickness of the bone under it.
    """

    side: float
    centre: Vector
    normal: Vector
    up: Vector
    half: tuple[float, float]
    thick: float = 1.0


# Right of the midline (mm), behind the body as a fraction of the canal's depth, above the upper end plate (mm); degrees
# that it faces outward from straight back, and up; half its size across and along (mm).
FACETS = {
    "C3": (18.5, 0.42, 2.0, -8, 42, 5.6, 5.6),
    "C4": (19.0, 0.42, 2.0, -4, 44, 5.6, 5.6),
    "C5": (19.5, 0.42, 2.0, 0, 45, 5.7, 5.6),
    "C6": (20.0, 0.45, 2.0, 4, 43, 5.8, 5.6),
    "C7": (20.0, 0.52, 2.2, 8, 38, 5.8, 5.8),
    "T1": (18.0, 0.68, 2.5, 10, 30, 5.8, 6.0),
    "T2": (14.0, 0.80, 2.8, 12, 24, 5.2, 6.0),
    "T3": (12.0, 0.88, 3.0, 13, 20, 5.0, 6.0),
    "T4": (11.2, 0.92, 3.0, 14, 18, 4.8, 6.0),
    "T5": (10.8, 0.94, 3.0, 14, 17, 4.7, 6.0),
    "T6": (10.6, 0.95, 3.0, 14, 16, 4.7, 6.0),
    "T7": (10.5, 0.95, 3.0, 14, 15, 4.7, 6.0),
    "T8": (10.5, 0.95, 3.0, 13, 14, 4.8, 6.0),
    "T9": (10.6, 0.95, 3.0, 12, 13, 4.8, 6.0),
    "T10": (10.8, 0.95, 2.8, 11, 12, 5.0, 6.2),
    "T11": (11.2, 0.95, 2.4, 8, 10, 5.2, 6.4),
    "T12": (11.6, 0.95, 1.5, 0, 8, 5.4, 6.8),
    "T13": (11.6, 0.95, 0.0, -45, 5, 5.6, 7.2),
    "L1": (12.4, 0.98, -1.5, -66, 3, 5.8, 7.6),
    "L2": (13.0, 0.98, -1.5, -62, 3, 6.2, 8.0),
    "L3": (14.2, 0.98, -1.5, -56, 3, 6.6, 8.2),
    "L4": (16.0, 0.98, -1.5, -48, 3, 7.0, 8.2),
    "L5": (19.0, 0.98, -1.5, -40, 5, 7.2, 8.2),
    "L6": (20.5, 0.98, -1.5, -38, 8, 7.2, 8.0),
    "S1": (21.5, 0.90, 1.5, -34, 12, 7.2, 8.0),
}


def upper_facets(vertebra: Vertebra) -> list[Facet]:
    """The superior facets, left and right; none for C1."""
    size, half = vertebra.size, vertebra.height / vertebra.scale / 2
    if vertebra.name == "C1":
        return []
    if vertebra.name == "C2":
        return [
            Facet(
                side,
                np.array([side * 15.5, 0.5, half + 5.0]),
                _unit(side * 0.36, -0.16, 0.92),
                np.array([0, 1.0, 0]),
                (7.5, 8.5),
            )
            for side in SIDES
        ]
    x, behind, above, outward, up, across, along = FACETS[vertebra.name]
    y = -size.depth / 2 - behind * size.canal_depth
    z = half + above
    varied, facets = vertebra.facets, []
    for i, side in enumerate(SIDES):
        out, rise = np.radians(outward + varied.outward[i]), np.radians(up + varied.upward[i])
        level = np.array([side * np.sin(out), -np.cos(out), 0.0])
        normal = level * np.cos(rise) + np.array([0, 0, np.sin(rise)])
        upward = np.array([0, 0, np.cos(rise)]) - level * np.sin(rise)
        size_mm = (across * varied.broad[i], along * varied.broad[i])
        facets.append(Facet(side, np.array([side * x * varied.apart, y, z]), normal, upward, size_mm, varied.thick[i]))
    return facets


def lower_facets(vertebra: Vertebra, below: Vertebra) -> list[Facet]:
    """The superior facets of the vertebra below, in the frame of this one."""
    turn = vertebra.frame.axes.T @ below.frame.axes
    ratio = below.scale / vertebra.scale
    return [
        Facet(
            facet.side,
            vertebra.frame.into(below.frame.out(facet.centre)),
            turn @ facet.normal,
            turn @ facet.up,
            (facet.half[0] * ratio, facet.half[1] * ratio),
            facet.thick,
        )
        for facet in upper_facets(below)
    ]


def joint_block(facet: Facet, thickness: float, outer: float) -> Shape:
    """The bone under a facet; ``outer``: 1 on the side of the vertebra above, -1 on that of the one below."""
    thickness *= facet.thick
    centre = facet.centre + facet.normal * (outer * thickness / 2)
    return block(centre, (*facet.half, thickness / 2), facet.normal, facet.up, rounding=min(2.0, thickness / 2))


def _unit(*parts: float) -> Vector:
    vector = np.array(parts)
    return np.asarray(vector / np.linalg.norm(vector))
