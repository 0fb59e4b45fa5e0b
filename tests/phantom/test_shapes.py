"""Solids are signed distances: negative inside, accurate near the surface, and positive outside their box."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.phantom.canvas import Canvas
from utility_functions.phantom.shapes import (
    OUTER,
    Shape,
    bar,
    block,
    capsule,
    ellipsoid,
    endplate_body,
    placed,
    triangle,
    upright_plate,
)

SHAPES = {
    "capsule": capsule((0, 0, 0), (10, 4, 2), 3, 2),
    "tall capsule": capsule((0, 0, 0), (10, 4, 2), 3, tall=2),
    "ellipsoid": ellipsoid((1, 2, 3), (4, 5, 6)),
    "plate": upright_plate((0, 0, 0), (0, -20, -6), 8, 6, 3),
    "triangle": triangle((0, 0, 0), (20, 0, 0), (0, 15, 8), 2),
    "bar": bar((0, 0, 0), (10, 4, -6), (5, 2), (3, 1), wide=(0, 1, 1)),
    "block": block((3, 2, 1), (5, 4, 2), (1, 1, 0), (0, 0, 1)),
    "placed": placed(ellipsoid((1, 2, 3), (6, 2, 4)), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (5, 0, 0)),
    "heart-shaped body": endplate_body(30, 28, 20, waist=0.1, taper=0.3),
    "body": endplate_body(40, 30, 25, waist=0.1, wedge=8, hollow=1, lips=2, notch=2, rim=(2, 1.0)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_solid_lies_within_its_box(name: str) -> None:
    shape = SHAPES[name]
    axes = [np.linspace(a - 6, b + 6, 40, dtype=np.float32) for a, b in zip(shape.low, shape.high, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    inside = shape.distance(x, y, z) < 0
    assert inside.any()
    points = np.stack([x[inside], y[inside], z[inside]], axis=-1)
    assert (points >= shape.low - 1e-3).all() and (points <= shape.high + 1e-3).all()


@pytest.mark.parametrize(
    ("shape", "point", "distance"),
    [
        (capsule((0, 0, 0), (10, 0, 0), 2), (5, 5, 0), 3),
        (capsule((0, 0, 0), (10, 0, 0), 2), (-4, 3, 0), 3),
        (capsule((0, 0, 0), (10, 0, 0), 2, 4), (10, 0, 6), 2),
        (ellipsoid((0, 0, 0), 5), (0, 8, 0), 3),
        (bar((0, 0, 0), (10, 0, 0), (4, 2)), (5, 0, 7), 3),
        (bar((0, 0, 0), (10, 0, 0), (4, 2)), (5, 5, 0), 3),
        (block((0, 0, 0), (6, 5, 2), (0, 0, 1), (0, 1, 0)), (0, 0, 5), 3),
        (block((0, 0, 0), (6, 5, 2), (0, 0, 1), (0, 1, 0)), (9, 0, 0), 3),
        (placed(ellipsoid((3, 0, 0), 2), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], (1, 0, 0)), (1, 8, 0), 3),
        (triangle((0, 0, 0), (10, 0, 0), (0, 10, 0), 1), (2, 2, 4), 3),
        (triangle((0, 0, 0), (10, 0, 0), (0, 10, 0), 1), (5, -4, 0), 3),
        (endplate_body(40, 40, 20), (0, 0, 13), 3),
        (endplate_body(40, 40, 20), (23, 0, 0), 3),
    ],
)
def test_distances_are_those_worked_out_by_hand(shape: Shape, point: tuple, distance: float) -> None:
    x, y, z = (np.full((1, 1, 1), value, np.float32) for value in point)
    assert float(shape.distance(x, y, z).item()) == pytest.approx(distance, abs=0.05)


def test_painting_a_part_is_the_same_on_a_larger_canvas() -> None:
    small = Canvas((20, 20, 20), 1.0, (0, 0, 0))
    large = Canvas((40, 40, 40), 1.0, (-10, -10, -10))
    solids = [ellipsoid((8, 9, 10), (6, 5, 4)), capsule((2, 2, 2), (18, 12, 15), 2)]
    for canvas in (small, large):
        canvas.fill(OUTER, solids, "muscle", 300.0, blend_mm=2.0)
    assert np.allclose(small.hu, large.hu[10:30, 10:30, 10:30], atol=1e-3)
    assert np.array_equal(small.tissues, large.tissues[10:30, 10:30, 10:30])


def test_a_solid_outside_the_canvas_leaves_it_untouched() -> None:
    canvas = Canvas((8, 8, 8), 1.0, (0, 0, 0))
    canvas.fill(OUTER, [ellipsoid((60, 0, 0), 5)], "muscle", 300.0)
    assert (canvas.hu == -1000).all()
