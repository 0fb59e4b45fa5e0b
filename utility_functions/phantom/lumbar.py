"""Lumbar vertebrae: facets that face inward, slender transverse processes, broad spinous processes."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.column import body_solid, spinous_solids
from utility_functions.phantom.joints import Facet, joint_block
from utility_functions.phantom.shapes import Shape, bar, ellipsoid
from utility_functions.phantom.solid_frames import moved
from utility_functions.phantom.spine_model import Vertebra


def lumbar_solids(vertebra: Vertebra, upper: list[Facet], lower: list[Facet]) -> list[Shape]:
    """L1 to L6."""
    size, h = vertebra.size, vertebra.height / vertebra.scale / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    low = vertebra.name in ("L5", "L6")
    thick = min(size.pedicle_width / 2, 7.5)
    root_x = canal + thick
    shapes = [body_solid(vertebra)]
    for top, bottom in zip(upper, lower, strict=True):
        side = top.side
        arch = np.array([side * (root_x + 0.5), back - 0.55 * size.canal_depth, 0.38 * h])
        seat = top.centre - top.normal * 4.2
        below = bottom.centre + bottom.normal * 4.6
        isthmus = np.array([side * (abs(bottom.centre[0]) * 0.5 + canal * 0.52), rear + 2.0, -0.22 * h])
        tip = np.array(
            [
                side * (size.span / 2 - 2.5),
                back - {"L1": 21, "L2": 21, "L3": 17, "L4": 11}.get(vertebra.name, 5),
                h * (0.42 if low else 0.34),
            ]
        )
        elbow = np.array(
            [side * (root_x + 7), back - {"L3": 13, "L4": 10, "L5": 9, "L6": 9}.get(vertebra.name, 15), h * 0.28]
        )
        outer = top.centre - top.normal * 5.0 + np.array([side * 1.0, -4.0, -1.0])
        shapes += [
            bar((side * (root_x - 0.5), back + 6, 0.46 * h), arch, (7.4 if not low else 7.8, thick), wide=(0, 0, 1)),
            bar(moved(arch, 0, -1.0, 0), seat, (5.6, 4.2), (5.2, 3.9), wide=(0, 1, 0)),
            joint_block(top, 6.0, -1.0),
            ellipsoid(outer, (3.0, 3.6, 5.0)),  # mamillary process
            # The pars interarticularis and the inferior articular process.
            bar(moved(arch, 0, -1.0, -1.0), isthmus, (5.8, 4.6), (6.0, 4.4), wide=(1, 0, 0.3)),
            bar(isthmus, moved(below, 0, 0, 1.0), (6.0, 4.4), (bottom.half[0] * 0.85, 4.8), wide=(1, -side * 0.3, 0)),
            joint_block(bottom, 8.0, 1.0),
            bar(
                moved(isthmus, -side * 2.0, -0.5, 0.0),
                (side * 1.0, rear - 2.6, -0.28 * h),
                (0.66 * h, 3.0),
                (0.72 * h, 3.2),
            ),
            bar(
                moved(arch, side * 1.0, 0.5, -1.0),
                elbow,
                (6.6, 5.8) if low else (5.4, 3.4),
                (7.2, 5.8) if low else (5.4, 2.6),
            ),
            bar(elbow, tip, (7.2, 5.8) if low else (5.4, 2.6), (5.0, 3.8) if low else (3.0, 1.5)),
            ellipsoid(moved(elbow, -side * 2.0, -4.0, -2.5), (2.2, 2.4, 2.6)),  # accessory process
        ]
    return shapes + spinous_solids(vertebra, rear - 3.0, -0.4 * h, 1.2, 3.0, knob=1.5, root_fraction=0.9)
