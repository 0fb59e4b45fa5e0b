"""Ribs with heads, necks and joints; sternum, scapulae and clavicles."""

from __future__ import annotations

import numpy as np

from utility_functions.anatomy.labels import region_of
from utility_functions.phantom.shapes import bar, capsule, ellipsoid, triangle
from utility_functions.phantom.solid_frames import Shape, Vector
from utility_functions.phantom.spine_model import Spine
from utility_functions.phantom.thoracic import transverse_tip
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)
REACH = (250, 230, 215, 205, 200, 196, 192, 180, 160, 140, 90, 60, 45)
"""The angle round the chest of each rib with its cartilage, in degrees."""
DROP = (26, 44, 58, 70, 80, 88, 92, 92, 86, 78, 60, 45, 30)
"""The descent of each rib in mm of a mean patient."""
FLOATING = 11
"""The first floating rib."""


def rib_paths(spine: Spine, torso: Torso, rng: np.random.Generator) -> list[tuple[int, Vector]]:
    """Points along every rib (head, neck, tubercle, then round the chest), with its number (T1: 1).

    The right one comes first. The last ribs vary in length, and between the sides.
    """
    paths = []
    long = rng.uniform(0.8, 1.2, 2)
    lengths = {11: long * rng.uniform(0.8, 1.2), 12: long * rng.uniform(0.15, 1.3, 2), 13: rng.uniform(0.1, 1.2, 2)}
    for vertebra in spine.vertebrae:
        if region_of(vertebra.name) != "Thoracic":
            continue
        number = int(vertebra.name[1:])
        size, half = vertebra.size, vertebra.height / vertebra.scale / 2
        on_disc = 1 < number < FLOATING
        for at_side, side in enumerate(SIDES):
            head = np.array([side * (size.width / 2 + 3.0), -size.depth * 0.38, half * (1.1 if on_disc else 0.5)])
            tip = transverse_tip(vertebra, side)
            if number < FLOATING:
                tubercle = tip + np.array([side * 0.5, 8.0, 1.0])
            else:
                tubercle = np.array([side * (size.width / 2 + 19.0), tip[1] + 7.0, half * 0.2])
            neck = 0.5 * (head + tubercle) + np.array([0, -1.5, 0.5])
            points = [vertebra.frame.out(point) for point in (head, neck, tubercle)]
            start = points[-1]
            fraction_of = lengths[number][at_side] if number >= FLOATING else 1.0
            end_angle = np.radians(REACH[number - 1] * fraction_of) * 0.75
            drop = DROP[number - 1] * spine.scale * min(fraction_of, 1.0)
            begin = None
            for fraction in np.linspace(0, 1, 15 if number < FLOATING else 8):
                z = start[2] - drop * fraction**1.2 - 6 * fraction
                centre, across, along_back, along_front = torso.chest(z)
                if begin is None:
                    begin = np.arctan2(abs(start[0] - centre[0]) / across, (centre[1] - start[1]) / along_back) + 0.12
                    end_angle = max(end_angle, begin + 0.15)
                angle = begin + (end_angle - begin) * fraction
                depth = along_back if np.cos(angle) > 0 else along_front
                points.append(
                    np.array([centre[0] + side * across * np.sin(angle), centre[1] - depth * np.cos(angle), z])
                )
            paths.append((number, _rounded(np.array(points))))
    return paths


def _rounded(points: Vector) -> Vector:
    """A path smoothed after the tubercle; its ends stay."""
    for _ in range(3):
        points[3:-1] = 0.25 * points[2:-2] + 0.5 * points[3:-1] + 0.25 * points[4:]
    return points


def rib_solids(path: Vector, first: int, last: int, scale: float, floating: bool) -> list[Shape]:
    """A rib between two of its points: head, slender neck, and flat shaft."""
    shapes: list[Shape] = []
    for i in range(first, min(last, len(path) - 1)):
        a, b = path[i], path[i + 1]
        if i == 0:
            shapes += [
                bar(a, b, (4.4 * scale, 3.6 * scale), (3.4 * scale, 2.7 * scale)),
                ellipsoid(a, 4.2 * scale),
            ]
        elif i == 1:
            shapes += [
                bar(a, b, (3.4 * scale, 2.7 * scale), (4.2 * scale, 3.2 * scale)),
                ellipsoid(b + np.array([0, -2.0, 0]), 3.8 * scale),
            ]
        else:
            end = (2.6, 1.8) if floating and i == len(path) - 2 else (5.6, 3.1)
            shapes.append(
                bar(
                    a,
                    b,
                    ((5.0 if i == 2 else 5.6) * scale, 3.2 * scale),
                    (float(end[0] * scale), float(end[1] * scale)),
                )
            )
    return shapes


def sternum_path(spine: Spine, torso: Torso) -> Vector:
    """Points along the sternum, from the jugular notch to the tip."""
    points = []
    for name in ("T3", "T4", "T5", "T7", "T9", "T10"):
        z = spine[name].frame.origin[2]
        centre, _, _, front = torso.chest(z)
        points.append((centre[0], centre[1] + front - 3, z))
    return np.array(points)


def sternum_solids(path: Vector) -> list[list[Shape]]:
    """The sternum: manubrium, body and xiphoid process."""
    side = np.array([1.0, 0, 0])
    gap = (path[2] - path[1]) * 0.08
    return [
        [bar(path[0], path[1] - gap, (27, 6.0), (18, 5.5), wide=side)],
        [
            bar(path[1] + gap, path[2], (15, 5.0), (16, 5.0), wide=side),
            bar(path[2], path[3], (16, 5.0), (19, 5.0), wide=side),
            bar(path[3], path[3] + 0.55 * (path[4] - path[3]), (19, 5.0), (13, 4.5), wide=side),
        ],
        [bar(path[3] + 0.68 * (path[4] - path[3]), path[4], (7, 3.0), (4, 2.5), wide=side)],
    ]


def shoulder_solids(side: float, notch: Vector) -> list[list[Shape]]:
    """Scapula, clavicle and humeral head of one side, in an upright frame at the centre of T3.

    notch: the sternoclavicular joint in that frame.
    """

    def at(x: float, y: float, z: float) -> Vector:
        return np.array([side * x, y, z])

    neck, top, bottom = at(140, -2, 12), at(72, -50, 34), at(86, -68, -112)
    root, lip = at(76, -56, 14), at(146, -30, 40)
    inner = np.asarray(notch) + at(24, 1, 4)
    bend = inner + 0.4 * (at(152, 2, 44) - inner) + at(0, 12, 0)
    return [
        [
            triangle(neck, top, bottom, 1.8),
            capsule(neck, bottom, 4.5, 5.0),
            capsule(top, bottom, 2.6),
            capsule(top, at(128, -14, 32), 2.6),
            triangle(root, lip, at(118, -36, 14), 2.4),
            capsule(root, lip, 3.5, 6.0),
            bar(lip, at(162, 8, 42), (9, 4.5), wide=(1, 0, 0)),
            bar(at(145, -1, 16), at(148, 0, 8), (16, 7), wide=(0, 0.3, 1)),
            capsule(at(134, 6, 28), at(140, 30, 24), 6.0, 4.5),
        ],
        [bar(inner, bend, (8.5, 7.0), (6.0, 5.5)), bar(bend, at(152, 2, 46), (6.0, 5.5), (10.0, 5.0), wide=(0, 1, 0))],
        [
            ellipsoid(at(173, 2, 10), 23),
            ellipsoid(at(186, 10, 12), (11, 12, 14)),
        ],
    ]
