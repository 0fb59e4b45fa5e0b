"""The bones round the spine: sacrum and pelvis, ribs and sternum, shoulder blades and collar bones, skull and jaw."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.anatomy import Spine
from utility_functions.phantom.shapes import Frame, Shape, Vector, capsule, ellipsoid, endplate_body, triangle
from utility_functions.phantom.torso import Torso

SIDES = (-1.0, 1.0)


def sacrum_solids() -> list[Shape]:
    """Five fused segments with their wings and crest, in the frame of the first one's body (mean size)."""
    shapes = [endplate_body(50, 32, 28, waist=0.1, wedge=8, hollow=1.0, notch=1.5)]
    centre = np.zeros(3)
    angle = 0.0
    width, depth = 46.0, 27.0
    path = [centre]
    for segment in range(4):
        angle += (2.0, 12.0, 22.0, 18.0)[segment]  # hollow in front: it turns forward on its way down
        centre = centre + 23.0 * np.array([0.0, np.sin(np.radians(angle)), -np.cos(np.radians(angle))])
        path.append(centre)
    for i in range(4):
        a, b = path[i], path[i + 1]
        shapes.append(capsule(a, b, depth / 2, depth / 2 - 3))
        for side in SIDES:
            shapes.append(
                capsule(
                    a + np.array([side * width / 2, 0, 0]), b + np.array([side * (width / 2 - 5), 0, 0]), 9 - i, 8 - i
                )
            )
        back = np.array([0.0, -depth / 2 - 13 + 2.2 * i, 0.0])
        shapes.append(capsule(a + back, b + back + (0, 1.5, 0), 4.0, 3.5))
        for side in SIDES:
            shapes.append(capsule(a + back + (side * 13, 4, 0), b + back + (side * 11, 5, 0), 3.5, 3.0))
            shapes.append(capsule(a + back, a + back + (side * 14, 4, 0), 3.0, 3.0, tall=2.5))
        depth -= 4.5
        width -= 7
    for side in SIDES:
        shapes += [
            capsule((side * 20, -4, 4), (side * 44, -14, 2), 11, 9, tall=1.2),
            capsule((side * 22, -8, -18), (side * 43, -20, -22), 11, 9, tall=1.4),
            capsule((side * 20, -20, -42), (side * 32, -28, -44), 8, 7),
            capsule((side * 22, -18, 10), (side * 21, -22, 20), 5.5, 4.5),
        ]
    return shapes


def pelvis_solids() -> list[Shape]:
    """Iliac wings, hips and heads of femur, in a level frame at the centre of S1's body."""
    shapes: list[Shape] = []
    for side in SIDES:

        def at(x: float, y: float, z: float, side: float = side) -> Vector:
            return np.array([side * x, y, z])

        spine_back, crest_back, crest = at(42, -62, -12), at(62, -48, 28), at(112, -6, 44)
        crest_front, spine_front = at(128, 38, 22), at(122, 58, -8)
        joint, neck, roof = at(54, -26, -38), at(78, 0, -62), at(88, 18, -82)
        shapes += [
            triangle(spine_back, crest_back, joint, 7.5),
            triangle(joint, crest_back, neck, 6.0),
            triangle(crest_back, crest, neck, 3.2),
            triangle(crest, crest_front, neck, 3.2),
            triangle(crest_front, spine_front, neck, 3.6),
            triangle(spine_front, neck, roof, 6.0),
            capsule(crest_back, crest, 6.0),
            capsule(crest, crest_front, 6.0),
            capsule(crest_front, spine_front, 6.0),
            capsule(spine_back, crest_back, 6.5),
            capsule(neck, roof, 12, 16),
            capsule(at(84, -4, -100), at(62, -20, -150), 12, 12),
            capsule(at(78, 36, -92), at(14, 66, -112), 9, 8),
        ]
    return shapes


def femur_solids() -> list[Shape]:
    return [
        shape
        for side in SIDES
        for shape in (
            ellipsoid((side * 98, 14, -98), 23.5),
            capsule((side * 98, 14, -98), (side * 140, 2, -128), 15, 16),
            capsule((side * 142, 0, -124), (side * 130, 2, -220), 19, 15),
        )
    ]


def rib_paths(spine: Spine, torso: Torso, rng: np.random.Generator) -> list[tuple[int, Vector]]:
    """Points along every rib from its head, with the number of its level counted from T1 = 1."""
    paths = []
    reach_of = (250, 230, 215, 205, 200, 196, 192, 180, 160, 140, 90, 60, 30)
    short = rng.uniform(0.8, 1.15)
    for vertebra in (vertebra for vertebra in spine.vertebrae if vertebra.name[0] == "T"):
        number = int(vertebra.name[1:])
        size, half = vertebra.size, vertebra.height / vertebra.scale / 2
        on_disc = 1 < number < 11
        for side in SIDES:
            head = (side * (size.width / 2 + 1.0), -size.depth * 0.36, half * (1.05 if on_disc else 0.45))
            back = -size.depth / 2 - size.canal_depth
            tip_x = max(size.span / 2, 30.0)
            tubercle = (side * (tip_x - 4.5), back - 1.0 if number < 11 else back + 6, half * 0.75)
            points = [vertebra.frame.out(head), vertebra.frame.out(tubercle)]
            start = points[-1]
            end_angle = np.radians(reach_of[number - 1] * (short if number > 10 else 1.0)) * 0.75
            drop = (26, 44, 58, 70, 80, 88, 92, 92, 86, 78, 60, 45, 22)[number - 1] * spine.scale
            begin = None
            for share in np.linspace(0, 1, 15 if number < 11 else 8):
                z = start[2] - drop * share**1.2 - 6 * share
                centre, across, along_back, along_front = torso.chest(z)
                if begin is None:
                    begin = np.arctan2(abs(start[0] - centre[0]) / across, (centre[1] - start[1]) / along_back) + 0.12
                angle = begin + (end_angle - begin) * share
                if angle < begin:
                    break
                depth = along_back if np.cos(angle) > 0 else along_front
                points.append(
                    np.array([centre[0] + side * across * np.sin(angle), centre[1] - depth * np.cos(angle), z])
                )
            paths.append((number, np.array(points)))
    return paths


def sternum_path(spine: Spine, torso: Torso) -> Vector:
    points = []
    for name in ("T3", "T5", "T7", "T9"):
        z = spine[name].frame.origin[2]
        centre, _, _, front = torso.chest(z)
        points.append((centre[0], centre[1] + front - 3, z))
    return np.array(points)


def shoulder_solids() -> list[Shape]:
    """Shoulder blades, collar bones and heads of humerus in a level frame at the centre of T3."""
    shapes: list[Shape] = []
    for side in SIDES:

        def at(x: float, y: float, z: float, side: float = side) -> Vector:
            return np.array([side * x, y, z])

        joint, top, bottom = at(146, 0, 12), at(72, -50, 34), at(88, -68, -110)
        shapes += [
            triangle(joint, top, bottom, 2.6),
            capsule(joint, bottom, 4.0),
            capsule(top, bottom, 3.0),
            capsule(at(74, -56, 14), at(150, -28, 38), 5.0, 6.0),
            capsule(at(150, -28, 38), at(160, 10, 42), 6.5),
            capsule(at(22, 62, 12), at(70, 66, 26), 6.5),
            capsule(at(70, 66, 26), at(155, 8, 42), 6.0),
            ellipsoid(at(168, 4, 10), 23),
            capsule(at(170, 4, 8), at(186, 6, 190), 14, 11),
        ]
    return shapes


def jaw_solids() -> list[Shape]:
    """Jaw, teeth and tongue bone, in a level frame at the centre of C2."""
    shapes: list[Shape] = []
    for side in SIDES:
        shapes += [
            capsule((side * 46, 24, 30), (side * 44, 28, -4), 6.5, tall=1.0),
            capsule((side * 44, 28, -4), (side * 26, 72, -18), 7.0, tall=1.4),
            capsule((side * 26, 72, -18), (0, 90, -20), 7.0, tall=1.5),
            capsule((side * 24, 70, 4), (0, 86, 6), 6.0, tall=1.2),
            capsule((side * 18, 36, -40), (0, 52, -44), 3.0),
        ]
    return shapes


def along(points: Vector, radius: float, tall: float = 1.0, end_radius: float | None = None) -> list[Shape]:
    """A rod through the given points."""
    last = radius if end_radius is None else end_radius
    sizes = np.linspace(radius, last, len(points))
    return [
        capsule(a, b, float(ra), float(rb), tall)
        for a, b, ra, rb in zip(points[:-1], points[1:], sizes[:-1], sizes[1:], strict=True)
    ]


def level_frame(spine: Spine, name: str) -> Frame:
    """An upright frame of the patient's size at the body centre of a level."""
    return Frame(np.eye(3), spine[name].frame.origin, spine.scale)
