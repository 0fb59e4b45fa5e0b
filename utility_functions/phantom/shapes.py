"""Solids as signed distances (negative inside), each with its bounding box."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from utility_functions.phantom.solid_frames import OUTER, Field, Frame, Shape, Vector

__all__ = [
    "OUTER",
    "Field",
    "Frame",
    "Shape",
    "Vector",
    "bar",
    "block",
    "capsule",
    "ellipsoid",
    "endplate_body",
    "placed",
    "triangle",
    "upright_plate",
]


def capsule(
    start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None, tall: float = 1.0
) -> Shape:
    """A rounded rod; ``tall`` above 1 stretches its cross-section along z."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    ra, rb = radius, radius if end_radius is None else end_radius
    squeeze = np.array([1.0, 1.0, 1.0 / tall])
    ab = (b - a) * squeeze
    squared = max(float(ab @ ab), 1e-9)
    ux, uy, uz = (np.float32(v) for v in ab / squared)
    ax, ay, az = (np.float32(v) for v in a)
    abx, aby, abz = (np.float32(v) for v in ab)
    flat, slope = np.float32(1 / tall), np.float32(rb - ra)

    def distance(x: Field, y: Field, z: Field) -> Field:
        x, y, z = x - ax, y - ay, (z - az) * flat
        t = np.clip(x * ux + y * uy + z * uz, 0, 1)
        dx, dy, dz = x - t * abx, y - t * aby, z - t * abz
        return np.sqrt(dx * dx + dy * dy + dz * dz) - (np.float32(ra) + t * slope)

    reach = max(ra, rb) * np.array([1.0, 1.0, tall])
    return Shape(distance, np.minimum(a, b) - reach, np.maximum(a, b) + reach)


def ellipsoid(centre: ArrayLike, radii: ArrayLike) -> Shape:
    """An ellipsoid; the distance is exact on its surface and nearly so around it."""
    c, r = np.asarray(centre, float), np.broadcast_to(np.asarray(radii, float), 3)
    cx, cy, cz = (np.float32(v) for v in c)
    ix, iy, iz = (np.float32(v) for v in 1 / r)
    smallest = np.float32(r.min())

    def distance(x: Field, y: Field, z: Field) -> Field:
        x, y, z = (x - cx) * ix, (y - cy) * iy, (z - cz) * iz
        near = np.sqrt(x * x + y * y + z * z)
        steep = np.sqrt(x * x * (ix * ix) + y * y * (iy * iy) + z * z * (iz * iz))
        return np.asarray(np.where(near > 0.1, near / np.maximum(steep, 1e-6), smallest) * (near - 1))

    return Shape(distance, c - r, c + r)


def _axes(normal: ArrayLike, along: ArrayLike) -> Vector:
    """Columns: across, along (the requested direction, made orthogonal to the normal), normal."""
    n = np.asarray(normal, float)
    n = n / np.linalg.norm(n)
    v = np.asarray(along, float)
    v = v - n * (n @ v)
    v = v / np.linalg.norm(v)
    return np.stack([np.cross(v, n), v, n], axis=1)


def bar(
    start: ArrayLike,
    end: ArrayLike,
    half: tuple[float, float],
    end_half: tuple[float, float] | None = None,
    wide: ArrayLike = (0.0, 0.0, 1.0),
) -> Shape:
    """A flattened rod with rounded ends.

    half, end_half: half its breadth and half its thickness at both ends. wide: the direction of its breadth, made
    orthogonal to the rod.
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    last = half if end_half is None else end_half
    length = max(float(np.linalg.norm(b - a)), 1e-3)
    axes = _axes(b - a, wide).astype(np.float32)  # thin, wide, along
    (wa, ta), (wb, tb) = ((np.float32(v[0]), np.float32(v[1])) for v in (half, last))

    def distance(x: Field, y: Field, z: Field) -> Field:
        x, y, z = x - np.float32(a[0]), y - np.float32(a[1]), z - np.float32(a[2])
        thin, broad, far = (x * axes[0, i] + y * axes[1, i] + z * axes[2, i] for i in range(3))
        fraction = np.clip(far / np.float32(length), 0, 1)
        far = far - fraction * np.float32(length)
        t, w = ta + fraction * (tb - ta), wa + fraction * (wb - wa)
        broad, thin, far = broad / w, thin / t, far / t
        near = np.sqrt(thin * thin + broad * broad + far * far)
        steep = np.sqrt((thin * thin + far * far) / (t * t) + broad * broad / (w * w))
        return np.asarray(np.where(near > 0.1, near / np.maximum(steep, 1e-6), t) * (near - 1))

    reach_a, reach_b = (
        np.abs(axes[:, 0]) * v[1] + np.abs(axes[:, 1]) * v[0] + np.abs(axes[:, 2]) * v[1] for v in (half, last)
    )
    return Shape(distance, np.minimum(a - reach_a, b - reach_b), np.maximum(a + reach_a, b + reach_b))


def block(
    centre: ArrayLike,
    half: ArrayLike,
    normal: ArrayLike = (0.0, 1.0, 0.0),
    along: ArrayLike = (0.0, 0.0, 1.0),
    rounding: float = 1.0,
) -> Shape:
    """A rounded, rotated box; ``half``: half its size across, along, and along its ``normal``."""
    c, h = np.asarray(centre, float), np.asarray(half, float)
    axes = _axes(normal, along)
    corner = min(rounding, float(h.min()))
    turn, inner = axes.astype(np.float32), (h - corner).astype(np.float32)

    def distance(x: Field, y: Field, z: Field) -> Field:
        x, y, z = x - np.float32(c[0]), y - np.float32(c[1]), z - np.float32(c[2])
        parts = [np.abs(x * turn[0, i] + y * turn[1, i] + z * turn[2, i]) - inner[i] for i in range(3)]
        deepest = np.minimum(np.maximum(np.maximum(parts[0], parts[1]), parts[2]), 0)
        p, q, r = (np.maximum(part, 0) for part in parts)
        return np.asarray(np.sqrt(p * p + q * q + r * r) + deepest - np.float32(corner))

    reach = np.abs(axes) @ h
    return Shape(distance, c - reach, c + reach)


def placed(shape: Shape, axes: ArrayLike, origin: ArrayLike) -> Shape:
    """A solid rotated by ``axes`` (columns: the directions of its axes) and moved to ``origin``."""
    turn, place = np.asarray(axes, float), np.asarray(origin, float)
    t = turn.astype(np.float32)

    def distance(x: Field, y: Field, z: Field) -> Field:
        x, y, z = x - np.float32(place[0]), y - np.float32(place[1]), z - np.float32(place[2])
        return shape.distance(*(x * t[0, i] + y * t[1, i] + z * t[2, i] for i in range(3)))

    centre = turn @ ((shape.low + shape.high) / 2) + place
    reach = np.abs(turn) @ ((shape.high - shape.low) / 2)
    return Shape(distance, centre - reach, centre + reach)


def upright_plate(
    start: ArrayLike, end: ArrayLike, half_height: float, end_half_height: float, half_width: float
) -> Shape:
    """A plate in the median plane: a rounded bar seen from the side, ``2 * half_width`` thick from side to side."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    aby, abz = np.float32(b[1] - a[1]), np.float32(b[2] - a[2])
    squared = np.float32(max(float(aby * aby + abz * abz), 1e-9))
    slope = np.float32(end_half_height - half_height)
    rounding = np.float32(half_width * 0.8)

    def distance(x: Field, y: Field, z: Field) -> Field:
        y, z = y - np.float32(a[1]), z - np.float32(a[2])
        t = np.clip((y * aby + z * abz) / squared, 0, 1)
        dy, dz = y - t * aby, z - t * abz
        flat = np.sqrt(dy * dy + dz * dz) - (np.float32(half_height) + t * slope) + rounding
        side = np.abs(x - np.float32(a[0])) - np.float32(half_width) + rounding
        flat, side = np.maximum(flat, 0), np.maximum(side, 0)
        return np.sqrt(flat * flat + side * side) - rounding

    reach = np.array([half_width, max(half_height, end_half_height), max(half_height, end_half_height)])
    return Shape(distance, np.minimum(a, b) - reach, np.maximum(a, b) + reach)


def triangle(p: ArrayLike, q: ArrayLike, r: ArrayLike, thickness: float) -> Shape:
    """A triangular plate with rounded edges, ``2 * thickness`` thick."""
    a, b, c = (np.asarray(v, float) for v in (p, q, r))
    normal = np.cross(b - a, c - a)
    normal = normal / np.linalg.norm(normal)
    edges = [(v, w - v, np.cross(w - v, normal) / np.linalg.norm(w - v)) for v, w in ((a, b), (b, c), (c, a))]

    def distance(x: Field, y: Field, z: Field) -> Field:
        def along(origin: Vector, direction: Vector) -> Field:
            d = direction.astype(np.float32)
            o = origin.astype(np.float32)
            return np.asarray((x - o[0]) * d[0] + (y - o[1]) * d[1] + (z - o[2]) * d[2])

        height = along(a, normal)
        outside = np.full(np.shape(height), -np.inf, np.float32)
        nearest = np.full(np.shape(height), np.inf, np.float32)
        for corner, edge, outward in edges:
            over = along(corner, outward)
            length = float(edge @ edge)
            t = along(corner, edge / length)
            past = (t - np.clip(t, 0, 1)) * np.float32(np.sqrt(length))
            squared = over * over + past * past
            outside = np.maximum(outside, over)
            nearest = np.minimum(nearest, squared)
        planar = np.where(outside > 0, nearest, np.float32(0))
        return np.sqrt(planar + height * height) - np.float32(thickness)

    points = np.stack([a, b, c])
    return Shape(distance, points.min(axis=0) - thickness, points.max(axis=0) + thickness)


def endplate_body(
    width: float,
    depth: float,
    height: float,
    waist: float = 0.0,
    wedge: float = 0.0,
    hollow: float = 0.0,
    lips: float = 0.0,
    notch: float = 0.0,
    rim: tuple[float, float] = (0.0, 0.0),
    taper: float = 0.0,
) -> Shape:
    """A vertebral body round the origin, with concave sides and end plates.

    width, depth, height: outer size in mm at the end plates.
    waist: fraction by which its middle is narrower; wedge: anterior over posterior height, in degrees.
    hollow: concavity of the end plates in mm; lips: height of the uncinate processes.
    notch: concavity of the posterior wall at the midline.
    rim: size of osteophytes at the end plates, and their angle from right to front.
    taper: fraction by which the front is narrower (heart-shaped bodies of the chest).
    """
    w, d, h = width / 2, depth / 2, height / 2
    slope = np.float32(np.tan(np.radians(wedge) / 2))
    power = np.float32(2.4)

    def distance(x: Field, y: Field, z: Field) -> Field:
        relative = np.clip(z / np.float32(h), -1, 1)
        narrow = 1 - np.float32(waist) * (1 - relative * relative)
        across = np.abs(x) / np.float32(w)
        if taper:
            across = across * (1 + np.float32(taper) * np.clip(y / np.float32(d), -0.3, 1))
        inward = np.maximum(1 - across * across * np.float32(2), 0) * np.clip(-y / np.float32(d), 0, 1)
        if rim[0] > 0.3:
            toward = x * np.float32(np.cos(rim[1])) + y * np.float32(np.sin(rim[1]))
            facing = np.clip(toward / np.sqrt(x * x + y * y + 1) + np.float32(0.3), 0, 1)
            narrow = narrow + np.float32(rim[0] / min(w, d)) * facing * relative**6
        y_flat = y - np.float32(notch) * inward
        r = (across**power + (np.abs(y_flat) / np.float32(d)) ** power) ** (1 / power)
        centred = np.sqrt(x * x + y_flat * y_flat)
        side = centred * (1 - narrow / np.maximum(r, np.float32(1e-3)))
        side = np.where(r < 0.05, np.float32(-min(w, d)) * narrow, side)
        half = np.float32(h) + slope * y - np.float32(hollow) * np.clip(np.float32(1.15) - r**3 * np.float32(1.3), 0, 1)
        top = np.abs(z) - half
        if lips > 0:
            top = top - np.float32(lips) * (z > 0) * np.clip(across, 0, 1.1) ** 6
        rounding = np.float32(1.0)
        side, top = side + rounding, top + rounding
        outer = np.sqrt(np.maximum(side, 0) ** 2 + np.maximum(top, 0) ** 2)
        return np.asarray(outer + np.minimum(np.maximum(side, top), 0) - rounding)

    wider = 1 + rim[0] / min(w, d)
    wider = wider * (1 + 0.3 * max(taper, 0.0))
    reach = np.array([w * wider, d * wider, h + 1.8 * lips + abs(float(slope)) * d * wider])
    return Shape(distance, -reach, reach)
