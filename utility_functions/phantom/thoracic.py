"""Thoracic vertebrae: facets that face back, transverse processes for the ribs, long sloping spinous processes."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.column import body_solid, spinous_solids
from utility_functions.phantom.joints import Facet, joint_block
from utility_functions.phantom.shapes import Shape, bar, ellipsoid
from utility_functions.phantom.solid_frames import moved
from utility_functions.phantom.spine_model import Vertebra

SHORT = ("T11", "T12", "T13")
"""Levels with short transverse processes that have no rib joints."""


def transverse_tip(vertebra: Vertebra, side: float) -> np.ndarray:
    """The middle of the tip of a transverse process, in the vertebra's frame."""
    size, h = vertebra.size, vertebra.height / vertebra.scale / 2
    rear = -size.depth / 2 - size.canal_depth
    back = {"T11": 1.0, "T12": 1.0, "T13": 0.0, "T1": 1.0, "T2": 4.0, "T10": 6.0}.get(vertebra.name, 8.0)
    return np.array([side * (size.span / 2 - 5.0), rear - back, h * (0.25 if vertebra.name in SHORT else 0.55)])


def thoracic_solids(vertebra: Vertebra, upper: list[Facet], lower: list[Facet]) -> list[Shape]:
    """T1 to T13."""
    size, h = vertebra.size, vertebra.height / vertebra.scale / 2
    back, canal = -size.depth / 2, size.canal_width / 2
    rear = back - size.canal_depth
    root_x = canal + size.pedicle_width / 2
    last = vertebra.name in SHORT
    tall = 0.5 * h + 1.5
    shapes = [body_solid(vertebra)]
    for top, bottom in zip(upper, lower, strict=True):
        side = top.side
        root = side * root_x
        arch = np.array([root + side * 1.0, back - 0.62 * size.canal_depth, 0.40 * h])
        below = bottom.centre + bottom.normal * 2.0
        middle = np.array([side * canal * 0.72, rear + 0.16 * size.canal_depth - 1.6, -0.32 * h])
        tip = transverse_tip(vertebra, side)
        shapes += [
            bar((root, back + 5, 0.46 * h), arch, (tall, size.pedicle_width / 2 + 0.4), wide=(0, 0, 1)),
            joint_block(top, 4.6, -1.0),
            bar(moved(arch, 0, 0.5, 1.5), top.centre - top.normal * 2.2, (4.6, 3.0), (4.2, 2.2), wide=(1, 0, 0)),
            # The lamina, and the inferior articular process.
            bar(moved(arch, -side * 1.0, -0.5, -0.35 * h), middle, (0.78 * h + 1, 3.3), (0.86 * h, 3.0)),
            bar(middle, (side * 0.8, rear - 1.8, -0.30 * h), (0.86 * h, 3.0), (0.92 * h, 2.8)),
            bar(
                moved(arch, -side * 2.0, -3.5, -0.5 * h),
                below,
                (5.0, 3.0),
                (bottom.half[0] * 0.95, 2.8),
                wide=(1, 0, 0),
            ),
            joint_block(bottom, 5.0, 1.0),
        ]
        if last:
            shapes += [
                bar(moved(arch, 0, -2.5, 0), tip, (4.6, 3.6), (4.2, 3.2)),
                ellipsoid(moved(tip, -side * 1.0, -1.5, 4.0), (2.6, 3.0, 3.2)),
                ellipsoid(moved(tip, -side * 1.0, -0.5, -4.0), (2.6, 3.0, 3.2)),
            ]
        else:
            shapes += [
                bar(moved(arch, 0, -2.0, 0.0), tip, (5.6, 4.4), (5.0, 4.6)),
                ellipsoid(tip, (4.6, 4.6, 5.6)),
            ]
    shapes += spinous_solids(vertebra, rear - 1.5, -0.25 * h, 0.95, 3.1, knob=1.1, root_fraction=1.2)
    return shapes
