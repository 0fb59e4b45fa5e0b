"""Cervical vertebrae: the atlas, the axis with its dens, and C3 to C7 with bifid processes and transverse foramina."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.column import body_solid, spinous_solids
from utility_functions.phantom.joints import SIDES, Facet, joint_block
from utility_functions.phantom.shapes import Shape, bar, block, capsule, ellipsoid
from utility_functions.phantom.solid_frames import moved
from utility_functions.phantom.spine_model import Vertebra

DENS_LEAN = np.radians(14.0)
"""The posterior inclination of the dens against the axis of C2."""


def cervical_solids(vertebra: Vertebra, upper: list[Facet], lower: list[Facet]) -> list[Shape]:
    """C3 to C7."""
    size, height = vertebra.size, vertebra.height / vertebra.scale
    h = height / 2
    back = -size.depth / 2
    rear = back - size.canal_depth
    last = vertebra.name == "C7"
    shapes = [body_solid(vertebra, lips=1.6 if last else 2.6)]
    for top, bottom in zip(upper, lower, strict=True):
        side = top.side
        pillar = (top.centre + bottom.centre) / 2
        width = size.width / 2
        front_tip = np.array([side * (width + 6.0), 3.0, -3.0])
        rear_tip = np.array([side * (size.span / 2 - 2.5), back + (0.5 if last else 2.0), -2.5 if last else -4.0])
        shapes += [
            bar(
                top.centre - top.normal * 3.6, bottom.centre + bottom.normal * 3.6, (5.6, 4.6), wide=(1.0, 0.0, 0.0)
            ),  # the articular pillar
            joint_block(top, 4.4, -1.0),
            joint_block(bottom, 4.4, 1.0),
            bar(
                (side * (width - 3.0), back + 3.5, 0.6),
                moved(pillar, -side * 3.0, 2.0, 0.5),
                (size.pedicle_width * 0.55, size.pedicle_width * 0.46),
            ),
            bar(moved(pillar, -side * 2.0, -3.0, -0.5), (side * 1.0, rear - 1.6, -h * 0.35), (4.4, 1.9), (5.2, 1.9)),
            capsule(moved(pillar, side * 1.0, 3.0, -1.0), rear_tip, 3.0 if last else 2.3, 3.6 if last else 2.6),
        ]
        if not last:  # the anterior bar of the transverse process, and the bar lateral of the artery
            shapes += [
                capsule((side * (width - 1.5), 0.5, -0.5), front_tip, 2.0, 2.2),
                capsule(front_tip, rear_tip, 2.0, 2.2),
            ]
        else:
            shapes.append(capsule((side * (width - 1.5), 0.0, -1.0), (side * (width + 7.0), -3.0, -2.0), 1.5, 1.5))
        if not last:
            slope = np.radians(size.slope)
            root = np.array([0.0, rear - 1.5, -h * 0.45])
            way = np.array([0.0, -np.cos(slope), -np.sin(slope)])
            reach = size.spinous - 4.5
            shapes.append(
                bar(
                    root + way * reach * 0.6 + (side * 0.8, 0, 0),
                    root + way * reach + (side * 4.2, 0, -1.0),
                    (2.8, 1.9),
                    (2.2, 2.0),
                )
            )
    root_half = 0.85 if last else 0.6
    plates = spinous_solids(vertebra, rear - 1.5, -h * 0.45, root_half, 3.0, knob=1.1)
    return shapes + (plates if last else plates[:1] + plates[2:])


def foramina(vertebra: Vertebra) -> list[Shape]:
    """The foramina of the vertebral arteries."""
    size = vertebra.size
    x, y, radius = size.width / 2 + 4.6, -size.depth / 2 + 4.8, 2.8
    if vertebra.name == "C1":
        x, y, radius = size.span / 2 - 10.5, 6.0, 3.1
    elif vertebra.name == "C2":
        x, y, radius = 16.5, -5.5, 2.9
    elif vertebra.name == "C7":
        x, y, radius = size.width / 2 + 4.5, -3.8, 1.8
    top = {"C1": 14.0, "C2": 3.0}.get(vertebra.name, 9.0)
    lean = 7.0 if vertebra.name == "C2" else 0.5
    return [capsule((side * (x + lean), y, top), (side * x, y, -12.0), radius) for side in SIDES]


def axis_solids(vertebra: Vertebra, upper: list[Facet], lower: list[Facet]) -> list[Shape]:
    """C2: the body with the dens, broad upper joints and a thick bifid spinous process."""
    size, h = vertebra.size, vertebra.height / vertebra.scale / 2
    back = -size.depth / 2
    rear = back - size.canal_depth
    up = np.array([0.0, -np.sin(DENS_LEAN), np.cos(DENS_LEAN)])
    base = np.array([0.0, 0.6, 3.5])
    shapes = [
        body_solid(vertebra),
        bar(base, base + up * 12.5, (6.4, 6.0), (4.6, 5.0), wide=(1, 0, 0)),
        bar(base + up * 12.5, base + up * 19.5, (5.3, 5.7), (5.0, 4.9), wide=(1, 0, 0)),
        ellipsoid((0, 0, h * 0.7), (10, 7.5, 7)),
    ]
    for top, bottom in zip(upper, lower, strict=True):
        side = top.side
        pillar = bottom.centre + bottom.normal * 4.0
        shapes += [
            joint_block(top, 7.5, -1.0),
            bar(top.centre - top.normal * 6.0, pillar, (5.6, 5.0), (5.4, 4.6), wide=(1, 0, 0)),
            joint_block(bottom, 4.6, 1.0),
            capsule((side * 17.5, -3.0, -1.5), (side * (size.span / 2 - 3.5), -6.5, -5.5), 2.4, 3.0),
            capsule(pillar, (side * (size.span / 2 - 3.5), -7.5, -5.5), 2.6, 3.0),
            bar(moved(pillar, -side * 1.0, -2.0, 2.0), (side * 1.5, rear - 2.0, -h * 0.5), (5.6, 2.2), (6.6, 2.6)),
        ]
        slope = np.radians(size.slope)
        way = np.array([0.0, -np.cos(slope), -np.sin(slope)])
        root = np.array([side * 1.0, rear - 2.0, -h * 0.6])
        shapes.append(bar(root, root + way * (size.spinous - 6) + (side * 4.0, 0, -1.0), (5.5, 3.4), (4.0, 3.0)))
    return [*shapes, *spinous_solids(vertebra, rear - 2.0, -h * 0.6, 0.6, 4.4)[:1]]


def atlas_solids(vertebra: Vertebra, lower: list[Facet]) -> list[Shape]:
    """C1: two arches and two lateral masses with wide transverse processes; the origin is at the centre of the ring."""
    size = vertebra.size
    shapes: list[Shape] = []
    for bottom in lower:
        side = bottom.side
        below = bottom.centre + bottom.normal * 7.2
        mass = np.array([side * 18.0, 7.0, 0.5])
        tip = np.array([side * (size.span / 2 - 3.5), 2.5, -2.0])
        shapes += [
            joint_block(bottom, 5.0, 1.0),
            bar(below, moved(mass, side * 2.5, 0.5, 4.0), (9.5, 7.0), (10.5, 6.0), wide=(0, 1, 0)),
            block(moved(mass, side * 1.5, 0.5, 4.5), (6.0, 10.0, 3.5), (-side * 0.45, 0, 0.9), (0, 1, 0.15), 3.4),
            bar((0, 17.0, 0.5), (side * 14.5, 11.5, 0.5), (5.6, 2.7), (4.6, 3.0)),
            bar((side * 19.5, -1.0, 1.5), (side * 18.0, -11.0, 2.0), (3.0, 2.2), (2.6, 2.0)),
            bar((side * 18.0, -11.0, 2.0), (side * 14.5, -18.5, 1.8), (2.6, 2.0), (3.2, 2.2)),
            bar((side * 14.5, -18.5, 1.8), (side * 8.0, -24.0, 1.5), (3.2, 2.2), (3.8, 2.4)),
            bar((side * 8.0, -24.0, 1.5), (0, -26.0, 1.0), (3.8, 2.5), (4.6, 3.0)),
            # The anterior and the posterior root of the transverse process.
            capsule((side * 21, 9.5, 0.0), moved(tip, 0, 2.0, 0), 2.4, 2.8),
            capsule((side * 20, 1.5, 0.0), tip, 3.0, 3.4),
        ]
    return [*shapes, ellipsoid((0, 19.5, 0.0), (3.0, 2.4, 4.0)), ellipsoid((0, -28.0, 1.0), (3.0, 2.6, 4.2))]
