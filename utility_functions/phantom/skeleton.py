"""Rods through points, and upright frames at levels."""

from __future__ import annotations

import numpy as np

from utility_functions.phantom.shapes import capsule
from utility_functions.phantom.solid_frames import Frame, Shape, Vector
from utility_functions.phantom.spine_model import Spine


def along(points: Vector, radius: float, tall: float = 1.0, end_radius: float | None = None) -> list[Shape]:
    """A rod through points."""
    last = radius if end_radius is None else end_radius
    sizes = np.linspace(radius, last, len(points))
    return [
        capsule(a, b, float(ra), float(rb), tall)
        for a, b, ra, rb in zip(points[:-1], points[1:], sizes[:-1], sizes[1:], strict=True)
    ]


def level_frame(spine: Spine, name: str) -> Frame:
    """An upright frame of the patient's size at the body centre of a level."""
    return Frame(np.eye(3), spine[name].frame.origin, spine.scale)
