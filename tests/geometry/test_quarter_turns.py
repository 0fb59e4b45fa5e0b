"""Quarter turns about the vertical axis: exact, and with the right sides of the body."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.quarter_turns import SIDES, side_shown, turned, turned_grid, turned_points
from utility_functions.geometry.volume import Volume

AFFINE = np.array([[0.7, 0.1, 0, 5], [-0.1, 0.7, 0.2, -33], [0, 0.1, 3, 210], [0, 0, 0, 1]])
TOWARDS = {"anterior": (0, 1, 0), "left": (-1, 0, 0), "posterior": (0, -1, 0), "right": (1, 0, 0)}


@pytest.mark.parametrize("turns", range(-4, 8))
def test_a_voxel_comes_to_lie_where_its_point_does(turns: int) -> None:
    grid = Grid((4, 5, 6), AFFINE)
    voxel = np.array([3.0, 1.0, 5.0])
    np.testing.assert_array_equal(turned_grid(grid, turns).to_mm(voxel), turned_points(grid.to_mm(voxel), turns))


def test_four_quarter_turns_and_inverse_turns_change_nothing() -> None:
    grid = Grid((4, 5, 6), AFFINE)
    round_again = grid
    for _ in range(4):
        round_again = turned_grid(round_again, 1)
    np.testing.assert_array_equal(round_again.affine, AFFINE)
    for turns in (1, 2, 3):
        np.testing.assert_array_equal(turned_grid(turned_grid(grid, turns), -turns).affine, AFFINE)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("turns", range(4))
def test_the_new_position_of_each_side_is_reported(side: str, turns: int) -> None:
    np.testing.assert_array_equal(turned_points(TOWARDS[side], turns), TOWARDS[side_shown(side, turns)])


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_turning_keeps_voxels_and_changes_the_affine(axcodes: str) -> None:
    voxels = np.arange(24).reshape(2, 3, 4)
    volume = Volume(voxels, Grid.from_spacing((2, 3, 4), (1.0, 2.0, 3.0), (7, 8, 9), axcodes))
    turned_volume = turned(volume, 1)
    assert turned_volume.voxels is voxels and turned_volume.grid.spacing_mm == volume.grid.spacing_mm
    expected = {"R": "A", "A": "L", "L": "P", "P": "R", "S": "S", "I": "I"}
    assert turned_volume.grid.axcodes == "".join(expected[letter] for letter in axcodes)
    assert np.linalg.det(turned_volume.grid.affine) == pytest.approx(np.linalg.det(volume.grid.affine)), (
        "no mirror image"
    )
