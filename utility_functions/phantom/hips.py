"""Hip bones with acetabula, and the proximal femurs, in an upright frame at the centre of the body of S1."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.shapes import bar, block, capsule, ellipsoid, triangle
from utility_functions.phantom.solid_frames import Frame, Shape, Vector
from utility_functions.phantom.spine_model import Spine

SACRUM_LEAN = 40.0
"""The anterior inclination of S1 in degrees where the pelvis is upright."""
HEAD = (97.0, 12.0, -98.0)
HEAD_RADIUS = 23.5


def pelvis_frame(spine: Spine) -> Frame:
    """The frame of the pelvis, which rotates with the sacrum."""
    sacrum = spine["S1"].frame
    lean = np.radians(SACRUM_LEAN)
    upright = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    return Frame(sacrum.axes @ upright, sacrum.origin, sacrum.scale)


def hip_solids(side: float) -> list[Shape]:
    """One hip bone: the iliac wing, thick along crest and joint, ischium, pubis and obturator foramen."""

    def at(x: float, y: float, z: float) -> Vector:
        return np.array([side * x, y, z])

    spine_back, low_back = at(44, -64, -6), at(46, -56, -30)
    crest_back, crest_top, crest_side = at(58, -50, 30), at(92, -26, 48), at(122, 10, 42)
    crest_front, spine_front, lower_spine = at(130, 42, 18), at(122, 58, -12), at(108, 46, -50)
    joint_top, joint_front, joint_low = at(60, -14, 18), at(62, -15, -6), at(54, -38, -30)
    brim, notch, roof = at(72, 2, -46), at(62, -28, -58), at(92, 16, -72)
    return [
        triangle(spine_back, crest_back, joint_top, 6.5),
        triangle(spine_back, joint_top, joint_low, 6.0),
        triangle(joint_top, joint_front, joint_low, 6.5),
        triangle(crest_back, crest_top, joint_top, 3.6),
        triangle(joint_top, crest_top, brim, 3.4),
        triangle(crest_top, crest_side, brim, 2.6),
        triangle(crest_side, crest_front, brim, 3.0),
        triangle(crest_front, spine_front, brim, 3.4),
        triangle(spine_front, lower_spine, brim, 4.0),
        triangle(lower_spine, roof, brim, 6.5),
        triangle(joint_front, joint_low, brim, 6.5),
        triangle(joint_low, brim, notch, 6.5),
        *(
            capsule(a, b, radius)
            for a, b, radius in (
                (low_back, spine_back, 6.5),
                (spine_back, crest_back, 7.0),
                (crest_back, crest_top, 5.5),
                (crest_top, crest_side, 4.5),
                (crest_side, crest_front, 5.0),
                (crest_front, spine_front, 4.5),
                (spine_front, lower_spine, 5.5),
                (joint_front, brim, 6.5),
                (brim, roof, 10.0),
                (lower_spine, roof, 8.0),
            )
        ),
        ellipsoid(at(90, 11, -94), (24, 29, 29)),
        bar(at(80, -10, -96), at(66, -30, -142), (14, 11), (16, 12), wide=(0, 1, 0.4)),
        capsule(at(64, -24, -150), at(40, 6, -146), 9.5, 7.0),
        capsule(at(40, 6, -146), at(16, 34, -126), 6.0, 6.5),
        capsule(at(84, 32, -92), at(42, 46, -92), 10, 7.5),
        capsule(at(42, 46, -92), at(14, 44, -104), 7.5, 8.5),
        block(at(10, 42, -114), (7.5, 17, 7.0), (side * 0.35, 0.9, 0.2), (0, -0.35, 1), 4.0),
        ellipsoid(at(58, -22, -82), (5, 7, 6)),
    ]


def socket(side: float) -> Shape:
    """The acetabulum."""
    return ellipsoid((side * (HEAD[0] + 1.0), HEAD[1], HEAD[2] - 2.0), HEAD_RADIUS + 2.5)


def femur_solids(side: float) -> list[Shape]:
    """Head, neck, trochanters and proximal shaft of one femur."""
    x, y, z = HEAD
    return [
        ellipsoid((side * x, y, z), HEAD_RADIUS),
        bar((side * (x + 8), y - 1, z - 6), (side * 136, 2, -128), (16, 12), (19, 14), wide=(0, 0.2, 1)),
        ellipsoid((side * 148, -6, -122), (13, 16, 20)),
        ellipsoid((side * 124, -16, -154), (9, 9, 11)),
        capsule((side * 140, 0, -134), (side * 130, 4, -230), 18, 14.5),
    ]
