"""Predictions of a network on coarser grids, interpolated to the voxels that are named."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.placements import PLACEMENTS, mean_over_placements, naming_grid
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

NETWORK_GRID = Grid.from_spacing((10, 14, 20), (4.0, 3.0, 3.0), (2.0, 1.5, 1.5))


def place_of(grid: Grid) -> Volume:
    """An image whose intensity is the height of each voxel, in mm."""
    return Volume(grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))[..., 2].astype(np.float32), grid)


def box(grid: Grid) -> LabelMap:
    places = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
    return LabelMap((np.abs(places - [20, 20, 30]) < [9, 12, 20]).all(axis=-1).astype(np.uint8), grid)


FINE = Grid.from_spacing((40, 42, 60), 1.0)
VIEW = view_of(place_of(NETWORK_GRID)).having(image_at=place_of, detected=box(FINE))


def predicted(image: Volume, column: LabelMap) -> NDArray[np.float32]:
    return np.stack([image.voxels, 0 * image.voxels + 7], axis=-1)[column.voxels > 0]


def test_voxels_are_named_on_a_finer_grid_than_that_of_a_coarse_network() -> None:
    finer = naming_grid(NETWORK_GRID)
    assert finer.spacing_mm == (2.0, 2.0, 2.0)
    np.testing.assert_allclose(finer.corners_mm().mean(axis=0), NETWORK_GRID.corners_mm().mean(axis=0))
    fine = Grid.from_spacing((4, 4, 4), (1.0, 1.0, 2.0))
    assert naming_grid(fine) is fine


def test_predictions_are_interpolated_linearly_between_voxels() -> None:
    wanted = box(naming_grid(NETWORK_GRID))
    found = mean_over_placements(predicted, VIEW, lambda parts: parts, wanted)
    heights = wanted.grid.to_mm(np.argwhere(wanted.voxels))[:, 2]
    np.testing.assert_allclose(found[:, 1], 7, rtol=1e-5)
    inner = np.abs(heights - 30) < 15
    np.testing.assert_allclose(found[inner, 0], heights[inner], atol=1e-3)
    assert np.abs(found[:, 0] - heights).max() < 3.0, "from the nearest at the ends"


def test_a_voxel_without_neighbours_takes_the_nearest_prediction() -> None:
    wanted = box(naming_grid(NETWORK_GRID))
    wanted.voxels[0, 0, 0] = 1
    found = mean_over_placements(predicted, VIEW, lambda parts: parts, wanted)
    assert found[0, 0] == pytest.approx(np.argwhere(box(NETWORK_GRID).voxels)[0, 2] * 3 + 1.5, abs=1.6)


def test_a_network_on_the_same_grid_predicts_once() -> None:
    grids = []

    def counted(image: Volume, column: LabelMap) -> NDArray[np.float32]:
        grids.append(image.grid)
        return predicted(image, column)

    mean_over_placements(counted, VIEW, lambda parts: parts, box(NETWORK_GRID))
    assert len(grids) == 1
    mean_over_placements(counted, VIEW, lambda parts: parts, box(naming_grid(NETWORK_GRID)))
    assert len(grids) == 1 + len(PLACEMENTS)


def test_voxels_between_those_of_all_coarser_grids_take_the_nearest_prediction() -> None:
    nothing = VIEW.having(detected=LabelMap(np.zeros(NETWORK_GRID.shape, np.uint8), NETWORK_GRID))
    wanted = box(naming_grid(NETWORK_GRID))
    found = mean_over_placements(predicted, nothing, lambda parts: parts, wanted)
    heights = wanted.grid.to_mm(np.argwhere(wanted.voxels))[:, 2]
    assert np.abs(found[:, 0] - heights).max() < 3.0
