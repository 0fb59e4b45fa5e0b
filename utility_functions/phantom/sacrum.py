"""The sacrum with alae, foramina, canal and crests, and the coccyx, in the frame of the first sacral body."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from utility_functions.phantom.joints import SIDES, joint_block, upper_facets
from utility_functions.phantom.shapes import Shape, bar, block, capsule, ellipsoid, endplate_body, placed
from utility_functions.phantom.solid_frames import Vector, moved
from utility_functions.phantom.spine_model import Vertebra

BENDS = (0.0, 4.0, 16.0, 32.0, 44.0)
"""The anterior inclination of each sacral body, in degrees."""
HEIGHTS = (29.0, 24.0, 20.0, 17.5, 15.0)
WIDTHS = (49.0, 38.0, 32.0, 27.0, 22.0)
DEPTHS = (31.0, 23.0, 17.0, 13.0, 10.0)
REACH = (53.0, 50.0, 41.0, 31.0, 24.0)
"""Half the width of the sacrum at each segment in mm."""


def _segments() -> list[tuple[Vector, Vector]]:
    """Axes and centre of each segment's body, from S1 down."""
    placed_at = []
    centre = np.zeros(3)
    last = None
    for angle, height in zip(BENDS, HEIGHTS, strict=True):
        a = np.radians(angle)
        # The curve runs back first, then forward.
        axes = np.array(
            [[1.0, 0, 0], [0, np.cos(a - 0.35), -np.sin(a - 0.35)], [0, np.sin(a - 0.35), np.cos(a - 0.35)]]
        )
        if last is None:
            axes = np.eye(3)
        else:
            centre = (
                centre
                - last[0][:, 2] * last[1] / 2
                - axes[:, 2] * (height / 2 + (0.2 if len(placed_at) == 1 else -1.8))
            )
        placed_at.append((axes, centre))
        last = (axes, height)
    return placed_at


def sacrum_solids(vertebra: Vertebra) -> list[Shape]:
    """Five fused segments with alae, crests and superior facets, and the coccyx."""
    shapes: list[Shape] = []
    segments = _segments()
    edges: dict[float, list[Vector]] = {side: [] for side in SIDES}
    for i, (axes, centre) in enumerate(segments):
        wedge = 8.0 if i == 0 else 4.0
        body = endplate_body(WIDTHS[i], DEPTHS[i], HEIGHTS[i], 0.08, wedge, 1.0 if i == 0 else 0.2, 0.0, 0.0)
        shapes.append(placed(body, axes, centre))
        back = -DEPTHS[i] / 2
        canal = _canal_depth(i)

        def at(x: float, y: float, z: float, axes: Vector = axes, centre: Vector = centre) -> Vector:
            return np.asarray(axes @ np.array([x, y, z]) + centre)

        tall = HEIGHTS[i] / 2 + 0.5
        for side in SIDES:
            edge = at(side * (REACH[i] - 7.0), back - (9.0 if i < 2 else 3.0), -1.0)
            edges[side].append(edge)
            shapes.append(
                bar(
                    at(side * (WIDTHS[i] / 2 - 6), -1.5 + (1.0 if i == 0 else 0.0), 1.0 if i == 0 else 0.0),
                    edge,
                    (tall * 0.86, DEPTHS[i] * 0.36),
                    (tall * 1.05, 7.5 - 0.9 * i),
                    wide=axes[:, 2],
                )
            )
            if i < 4:  # the posterior wall of the canal, with the intermediate and lateral crests
                shapes += [
                    bar(
                        at(side * 1.0, back - canal - 2.0, 0),
                        at(side * (15.0 - 2.2 * i), back - canal * 0.8, 0),
                        (tall, 2.4),
                        wide=axes[:, 2],
                    ),
                    capsule(
                        at(side * (15 - 2 * i), back - canal - 1.0, 3),
                        at(side * (14.5 - 2 * i), back - canal - 1.0, -4),
                        3.0,
                    ),
                    bar(
                        at(side * (15.0 - 2 * i), back - canal * 0.75, 0),
                        edge,
                        (tall, 3.4),
                        (tall, 4.0),
                        wide=axes[:, 2],
                    ),
                ]
        if i < 4:  # the median crest
            half = (7.5, 6.0, 5.0, 3.5)[i]
            shapes.append(
                block(at(0, back - canal - 4.5, -2), (2.6, half + 1, 6.5 - i), axes[:, 1], axes[:, 2], rounding=2.4)
            )
    for facet in upper_facets(vertebra):
        seat = facet.centre - facet.normal * 4.5
        shapes += [
            joint_block(facet, 6.0, -1.0),
            bar(moved(seat, 0, 0, -14.0), seat, (6.5, 5.5), (5.0, 4.0), wide=(1, 0, 0)),
        ]
    for side in SIDES:  # the lateral mass outside the foramina
        for i, (a, b) in enumerate(pairwise(edges[side])):
            shapes.append(bar(a, b, (8.5 - 1.0 * i, 6.5 - 0.8 * i), (7.5 - 1.0 * i, 5.7 - 0.8 * i), wide=(0, 1, 0)))
    # The anterior upper edge of the alae, from the promontory to the joint.
    for side in SIDES:
        shapes.append(bar((side * 22, 2, 6), (side * 46, -12, 8), (6.5, 9.0), (6.0, 8.0), wide=(0, 0, 1)))
    return [*shapes, *_coccyx(*segments[-1])]


def _canal_depth(segment: int) -> float:
    return (14.0, 11.0, 8.0, 5.0, 0.0)[segment]


def _coccyx(axes: Vector, centre: Vector) -> list[Shape]:
    shapes: list[Shape] = []
    forward, down = axes[:, 1], -axes[:, 2]
    place = centre + down * (HEIGHTS[-1] / 2 + 5)
    for width, height in ((8.5, 6.0), (6.0, 5.0), (4.2, 4.2), (3.2, 3.6)):
        shapes.append(ellipsoid(place, (width, 4.2 * height / 6, height)))
        place = place + (down + 0.28 * forward) * height * 1.55
    return shapes


def sacrum_hollows() -> list[Shape]:
    """The canal, open below, and four pairs of anterior and posterior foramina."""
    hollows: list[Shape] = []
    segments = _segments()
    for i, (axes, centre) in enumerate(segments[:4]):
        below_axes, below = segments[i + 1]
        back = -DEPTHS[i] / 2
        canal = _canal_depth(i)
        middle = centre + axes[:, 1] * (back - canal / 2)
        next_middle = below + below_axes[:, 1] * (-DEPTHS[i + 1] / 2 - _canal_depth(i + 1) / 2)
        top = middle + axes[:, 2] * (HEIGHTS[i] / 2 + 12 if i == 0 else 0)
        half = ((13.0, 6.8), (10.5, 5.4), (8.0, 4.0), (6.0, 2.6), (4.0, 1.5))
        if i == 0:
            hollows.append(bar(top, middle, half[0], half[0], wide=(1, 0, 0)))
        hollows.append(bar(middle, next_middle, half[i], half[i + 1], wide=(1, 0, 0)))
        between = (centre - axes[:, 2] * HEIGHTS[i] / 2 + below + below_axes[:, 2] * HEIGHTS[i + 1] / 2) / 2
        for side in SIDES:
            x = WIDTHS[i + 1] / 2 - 1.0
            inner = between + axes @ np.array([side * (x - 3.0), back - canal * 0.4 + 3.0, 0])
            front = between + axes @ np.array([side * (x + 6.0), DEPTHS[i] / 2 + 2.0, -2.0])
            rear = between + axes @ np.array([side * (x + 1.0), back - canal - 9.0, 0])
            hollows += [capsule(inner, front, 3.6, 6.2 - 0.6 * i), capsule(inner, rear, 3.2, 3.2 - 0.3 * i)]
    return hollows
