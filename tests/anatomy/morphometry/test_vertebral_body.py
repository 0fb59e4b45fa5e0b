"""Heights, end plates and wedge angles of bodies whose geometry is known."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.morphometry.vertebral_body import BodyShape, body_shape, core_intensities
from utility_functions.geometry.grid import Grid
from utility_functions.phantom.posture import rotation
from utility_functions.phantom.shapes import endplate_body

WIDTH, DEPTH, HEIGHT = 44.0, 34.0, 27.0


def painted(turn: np.ndarray, spacing, **shape) -> tuple[np.ndarray, Grid, object]:
    """The mask of a body turned by ``turn``, on a grid along the world's axes, and the solid."""
    solid = endplate_body(WIDTH, DEPTH, shape.pop("height", HEIGHT), **shape)
    half = 34.0
    count = tuple(int(2 * half / step) for step in spacing)
    grid = Grid.from_spacing(count, spacing, origin_mm=(-half, -half, -half))
    local = grid.to_mm(np.argwhere(np.ones(count, bool))) @ turn
    inside = solid.distance(*local.astype(np.float32).T) < 0
    return inside.reshape(count), grid, solid


def true_height(solid, fraction: float) -> float:
    """The height of the solid in its mid-sagittal plane, at a fraction of its depth from the front."""
    z = np.arange(-30, 30, 0.02, dtype=np.float32)
    y = np.full_like(z, DEPTH / 2 - fraction * DEPTH)
    return float((solid.distance(np.zeros_like(z), y, z) < 0).sum() * 0.02)


def measured(turn, spacing=(1.0, 1.0, 1.0), **shape) -> tuple[BodyShape, object]:
    mask, grid, solid = painted(turn, spacing, **shape)
    tilted = turn @ rotation(pitch=8) @ [0, 0, 1]  # what is known of the spine's direction is inexact
    found = body_shape(mask, grid, tilted, turn @ [1.5, -30, -4])
    assert found is not None
    return found, solid


@pytest.mark.parametrize(
    ("turn", "spacing"),
    [(np.eye(3), (1.0, 1.0, 1.0)), (rotation(25, -10, 15), (1.0, 1.0, 1.0)), (rotation(12), (0.7, 0.7, 2.5))],
    ids=["upright", "oblique", "thick slices"],
)
@pytest.mark.parametrize("shape", [{}, {"wedge": -14.0}, {"wedge": 8.0, "hollow": 1.5, "waist": 0.1}], ids=str)
def test_heights_and_angles_are_those_of_the_solid(turn, spacing, shape) -> None:
    found, solid = measured(turn, spacing, **shape)
    for value, fraction in ((found.anterior_mm, 0.1), (found.middle_mm, 0.5), (found.posterior_mm, 0.9)):
        assert value == pytest.approx(true_height(solid, fraction), abs=1.0 if max(spacing) <= 1 else 2.0)
    steps = 2.0 if max(spacing) <= 1 else 5.0  # an end plate across two or three thick slices is a coarse stair
    assert found.wedge_deg == pytest.approx(shape.get("wedge", 0.0), abs=steps)
    assert np.degrees(np.arccos(found.up @ turn[:, 2])) < 2.0
    narrow = 1 - shape.get("waist", 0.0)
    assert found.width_mm == pytest.approx(narrow * WIDTH, abs=2.0)
    assert found.depth_mm == pytest.approx(narrow * DEPTH, abs=2.0)


def test_axes_are_right_handed_and_point_as_named() -> None:
    found, _ = measured(np.eye(3))
    np.testing.assert_allclose(np.cross(found.right, found.anterior), found.up, atol=1e-6)
    assert found.right[0] > 0.99 and found.anterior[1] > 0.98


def test_corners_lie_at_the_ends_of_the_end_plates() -> None:
    found, _ = measured(np.eye(3))
    np.testing.assert_allclose(found.corner(True, True), [0, DEPTH / 2, HEIGHT / 2], atol=1.5)
    np.testing.assert_allclose(found.corner(False, False), [0, -DEPTH / 2, -HEIGHT / 2], atol=1.5)


def test_the_core_is_the_middle_of_the_body() -> None:
    mask, grid, _ = painted(np.eye(3), (1.0, 1.0, 1.0))
    shape = body_shape(mask, grid, np.array([0.0, 0, 1]), np.array([0.0, -1, 0]))
    where = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    position = grid.to_mm(where.reshape(-1, 3)).reshape(*grid.shape, 3)
    hu = np.where(np.abs(position[..., 2]) < 9, 150.0, 900.0)
    values = core_intensities(hu, mask, grid, shape)
    assert len(values) > 1000 and (values == 150).all()
    noisy = core_intensities(hu + np.random.default_rng(1).normal(0, 40, hu.shape), mask, grid, shape)
    assert noisy.mean() == pytest.approx(150, abs=5) and noisy.std() == pytest.approx(40, abs=5)


@pytest.mark.parametrize("keep", [0, 50])
def test_too_little_of_a_body_is_not_measured(keep: int) -> None:
    mask, grid, _ = painted(np.eye(3), (1.0, 1.0, 1.0))
    few = np.zeros_like(mask)
    few[tuple(np.argwhere(mask)[:keep].T)] = True
    assert body_shape(few, grid, np.array([0.0, 0, 1]), np.array([0.0, -1, 0])) is None
