"""The sacrum with alae, foramina, canal and crests, and the coccyx, in the frame of the first sacral body."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from utility_functions.phantom.anatomical_variation import SacrumShape
from utility_functions.phantom.joints import SIDES, joint_block, upper_facets
from utility_functions.phantom.shapes import Shape, bar, block, capsule, ellipsoid, endplate_body, placed
from utility_functions.phantom.solid_frames import Vector, moved
from utility_functions.phantom.spine_model import SIZES, Vertebra

BENDS = (0.0, 4.0, 16.0, 32.0, 44.0)
"""The anterior inclination of each sacral body, in degrees."""
HEIGHTS = (29.0, 24.0, 20.0, 17.5, 15.0)
WIDTHS = (49.0, 38.0, 32.0, 27.0, 22.0)
DEPTHS = (31.0, 23.0, 17.0, 13.0, 10.0)
REACH = (53.0, 50.0, 41.0, 31.0, 24.0)
"""Half the width of the sacrum at each segment in mm."""
CANAL = (14.0, 11.0, 8.0, 5.0, 0.0)
"""The depth of the canal at each segment in mm."""


@dataclass(frozen=True, eq=False)
class _Segment:
    """One fused segment: its axes and the centre of its body in the frame of S1, and its size in mm."""

    axes: Vector
    centre: Vector
    width: float
    depth: float
    height: float
    canal: float
    reach: float

    def at(self, x: float, y: float, z: float) -> Vector:
        """A place right of, in front of and above the centre of its body."""
        return np.asarray(self.axes @ np.array([x, y, z]) + self.centre)


def _segments(vertebra: Vertebra, shape: SacrumShape) -> list[_Segment]:
    """The segments from S1 down."""
    usual, size = SIZES["S1"], vertebra.size
    broad, deep, roomy = size.width / usual.width, size.depth / usual.depth, size.canal_depth / usual.canal_depth
    segments: list[_Segment] = []
    for i, angle in enumerate(BENDS):
        a = np.radians(angle * shape.bend)
        height = HEIGHTS[i] * shape.height
        # The curve runs back first, then forward.
        turned = a - 0.35
        axes = np.array([[1.0, 0, 0], [0, np.cos(turned), -np.sin(turned)], [0, np.sin(turned), np.cos(turned)]])
        centre = np.zeros(3)
        if not segments:
            axes = np.eye(3)
        else:
            last = segments[-1]
            gap = 0.2 if len(segments) == 1 else -1.8
            centre = last.centre - last.axes[:, 2] * last.height / 2 - axes[:, 2] * (height / 2 + gap)
        narrow = shape.taper**i
        segments.append(
            _Segment(
                axes,
                centre,
                WIDTHS[i] * broad * narrow,
                DEPTHS[i] * deep,
                height,
                CANAL[i] * roomy,
                REACH[i] * broad * shape.reach * narrow,
            )
        )
    return segments


def sacrum_solids(vertebra: Vertebra, shape: SacrumShape) -> list[Shape]:
    """Five fused segments with alae, crests and superior facets, and the coccyx."""
    shapes: list[Shape] = []
    segments = _segments(vertebra, shape)
    edges: dict[float, list[Vector]] = {side: [] for side in SIDES}
    for i, segment in enumerate(segments):
        axes, at, canal = segment.axes, segment.at, segment.canal
        wedge = 8.0 if i == 0 else 4.0
        body = endplate_body(
            segment.width, segment.depth, segment.height, 0.08, wedge, 1.0 if i == 0 else 0.2, 0.0, 0.0
        )
        shapes.append(placed(body, axes, segment.centre))
        back = -segment.depth / 2
        tall = segment.height / 2 + 0.5
        opened = i in shape.open_arches
        for side in SIDES:
            edge = at(side * (segment.reach - 7.0), back - (9.0 if i < 2 else 3.0), -1.0)
            edges[side].append(edge)
            shapes.append(
                bar(
                    at(side * (segment.width / 2 - 6), -1.5 + (1.0 if i == 0 else 0.0), 1.0 if i == 0 else 0.0),
                    edge,
                    (tall * 0.86, segment.depth * 0.36),
                    (tall * 1.05, 7.5 - 0.9 * i),
                    wide=axes[:, 2],
                )
            )
            if i < 4:  # the posterior wall of the canal, with the intermediate and lateral crests
                shapes += [
                    bar(
                        at(side * (6.0 if opened else 1.0), back - canal - 2.0, 0),
                        at(side * (15.0 - 2.2 * i), back - canal * 0.8, 0),
                        (tall, 2.4),
                        wide=axes[:, 2],
                    ),
                    capsule(
                        at(side * (15 - 2 * i), back - canal - 1.0, 3),
                        at(side * (14.5 - 2 * i), back - canal - 1.0, -4),
                        3.0 * shape.crest,
                    ),
                    bar(
                        at(side * (15.0 - 2 * i), back - canal * 0.75, 0),
                        edge,
                        (tall, 3.4),
                        (tall, 4.0),
                        wide=axes[:, 2],
                    ),
                ]
        if i < 4 and not opened:  # the median crest
            half = (7.5, 6.0, 5.0, 3.5)[i] * shape.crest
            shapes.append(
                block(
                    at(0, back - canal - 4.5 * shape.crest, -2),
                    (2.6, half + 1, 6.5 - i),
                    axes[:, 1],
                    axes[:, 2],
                    rounding=2.4,
                )
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
        wing = segments[0].reach / REACH[0]
        high = 6.0 + shape.alae
        shapes.append(
            bar((side * 22 * wing, 2, 6), (side * 46 * wing, -12, high + 2), (6.5, 9.0), (6.0, 8.0), wide=(0, 0, 1))
        )
    return [*shapes, *_coccyx(segments[-1])]


def _coccyx(last: _Segment) -> list[Shape]:
    shapes: list[Shape] = []
    forward, down = last.axes[:, 1], -last.axes[:, 2]
    place = last.centre + down * (last.height / 2 + 5)
    for width, height in ((8.5, 6.0), (6.0, 5.0), (4.2, 4.2), (3.2, 3.6)):
        shapes.append(ellipsoid(place, (width, 4.2 * height / 6, height)))
        place = place + (down + 0.28 * forward) * height * 1.55
    return shapes


def sacrum_hollows(vertebra: Vertebra, shape: SacrumShape) -> list[Shape]:
    """The canal, open below, and four pairs of anterior and posterior foramina."""
    hollows: list[Shape] = []
    segments = _segments(vertebra, shape)
    roomy = segments[0].canal / CANAL[0]
    half = [(across, along * roomy) for across, along in ((13.0, 6.8), (10.5, 5.4), (8.0, 4.0), (6.0, 2.6), (4.0, 1.5))]
    for i, (segment, below) in enumerate(pairwise(segments)):
        back = -segment.depth / 2
        middle = segment.at(0, back - segment.canal / 2, 0)
        next_middle = below.at(0, -(below.depth + below.canal) / 2, 0)
        if i == 0:
            top = middle + segment.axes[:, 2] * (segment.height / 2 + 12)
            hollows.append(bar(top, middle, half[0], half[0], wide=(1, 0, 0)))
        hollows.append(bar(middle, next_middle, half[i], half[i + 1], wide=(1, 0, 0)))
        between = (segment.at(0, 0, -segment.height / 2) + below.at(0, 0, below.height / 2)) / 2
        for side in SIDES:
            x = below.width / 2 - 1.0
            inner = between + segment.axes @ np.array([side * (x - 3.0), back - segment.canal * 0.4 + 3.0, 0])
            front = between + segment.axes @ np.array([side * (x + 6.0), segment.depth / 2 + 2.0, -2.0])
            rear = between + segment.axes @ np.array([side * (x + 1.0), back - segment.canal - 9.0, 0])
            hollows += [capsule(inner, front, 3.6, 6.2 - 0.6 * i), capsule(inner, rear, 3.2, 3.2 - 0.3 * i)]
    return hollows
