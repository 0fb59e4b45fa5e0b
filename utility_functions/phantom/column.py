"""The parts common to vertebrae of all regions: the body and the spinous process."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.shapes import Shape, bar, ellipsoid, endplate_body, upright_plate
from utility_functions.phantom.spine_model import Vertebra

# The fraction by which the front of the body is narrower, and the concavity of its posterior wall (fraction of depth).
TAPER = {"C": (0.0, 0.02), "T": (0.28, 0.08), "L": (0.10, 0.05), "S": (0.1, 0.03)}


def taper_of(vertebra: Vertebra) -> float:
    """The fraction by which the front of its body is narrower than the middle."""
    return 0.1 if vertebra.name in ("T1", "T2", "T12", "T13") else TAPER[vertebra.name[0]][0]


def body_solid(vertebra: Vertebra, lips: float = 0.0) -> Shape:
    """The vertebral body with its concave sides, end plates and rims."""
    size = vertebra.size
    taper, notch = taper_of(vertebra), TAPER[vertebra.name[0]][1]
    if vertebra.name in ("L4", "L5", "L6"):
        notch = 0.0
    broad = 1.05 if vertebra.name[0] == "C" else 1.0
    return endplate_body(
        broad * size.width,
        broad * size.depth,
        vertebra.height / vertebra.scale,
        0.03 + vertebra.waist,
        vertebra.wedge,
        vertebra.hollow,
        lips,
        notch * size.depth,
        rim=vertebra.rim,
        taper=taper,
    )


def spinous_solids(
    vertebra: Vertebra,
    root_y: float,
    root_z: float,
    tip_fraction: float,
    half_width: float,
    knob: float = 1.25,
    root_fraction: float = 1.0,
) -> list[Shape]:
    """The spinous process from the back of the arch, at the slope of its level, with a thicker tip."""
    size = vertebra.size
    half = size.spinous_height / 2
    slope = np.radians(size.slope)
    length = size.spinous - 0.75 * half * tip_fraction - 3.0
    down = np.array([0.0, -np.cos(slope), -np.sin(slope)])
    root = np.array([0.0, root_y, root_z])
    tip = root + down * length
    across = np.array([0.0, -np.sin(slope), np.cos(slope)])
    knob_half = half * tip_fraction * 0.9
    return [
        upright_plate(root, tip, half * root_fraction, half * tip_fraction, half_width * 0.8),
        bar(tip - across * knob_half * 0.3, tip + across * knob_half * 0.3, (knob_half, half_width * knob)),
        ellipsoid(root + down * 2, (half_width * 2.0, 4.0, half * 0.9 * root_fraction)),
    ]
