"""What a network tells on coarser grids, carried to the voxels that are named."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference.placements import PLACEMENTS, mean_over_placements, naming_grid
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

SEEN = Grid.from_spacing((10, 14, 20), (4.0, 3.0, 3.0), (2.0, 1.5, 1.5))


def place_of(grid: Grid) -> Volume:
    """An image that tells how high each voxel lies."""
    return Volume(grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))[..., 2].astype(np.float32), grid)


def box(grid: Grid) -> LabelMap:
    places = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
    return LabelMap((np.abs(places - [20, 20, 30]) < [9, 12, 20]).all(axis=-1).astype(np.uint8), grid)


FINE = Grid.from_spacing((40, 42, 60), 1.0)
VIEW = view_of(place_of(SEEN)).having(image_at=place_of, detected=box(FINE))


def told(image: Volume, column: LabelMap) -> NDArray[np.float32]:
    return np.stack([image.voxels, 0 * image.voxels + 7], axis=-1)[column.voxels > 0]


def test_voxels_are_named_on_a_finer_grid_than_a_network_of_coarse_voxels_sees() -> None:
    finer = naming_grid(SEEN)
    assert finer.spacing_mm == (2.0, 2.0, 2.0)
    np.testing.assert_allclose(finer.corners_mm().mean(axis=0), SEEN.corners_mm().mean(axis=0))
    fine = Grid.from_spacing((4, 4, 4), (1.0, 1.0, 2.0))
    assert naming_grid(fine) is fine


def test_between_the_voxels_that_a_network_sees_its_answer_runs_on_in_line() -> None:
    wanted = box(naming_grid(SEEN))
    found = mean_over_placements(told, VIEW, lambda parts: parts, wanted)
    heights = wanted.grid.to_mm(np.argwhere(wanted.voxels))[:, 2]
    np.testing.assert_allclose(found[:, 1], 7, rtol=1e-5)
    inner = np.abs(heights - 30) < 15
    np.testing.assert_allclose(found[inner, 0], heights[inner], atol=1e-3)
    assert np.abs(found[:, 0] - heights).max() < 3.0, "from the nearest at the ends"


def test_a_voxel_without_neighbours_takes_the_answer_of_the_nearest() -> None:
    wanted = box(naming_grid(SEEN))
    wanted.voxels[0, 0, 0] = 1
    found = mean_over_placements(told, VIEW, lambda parts: parts, wanted)
    assert found[0, 0] == pytest.approx(np.argwhere(box(SEEN).voxels)[0, 2] * 3 + 1.5, abs=1.6)


def test_a_network_that_sees_the_grid_itself_is_asked_once() -> None:
    asked = []

    def counted(image: Volume, column: LabelMap) -> NDArray[np.float32]:
        asked.append(image.grid)
        return told(image, column)

    mean_over_placements(counted, VIEW, lambda parts: parts, box(SEEN))
    assert len(asked) == 1
    mean_over_placements(counted, VIEW, lambda parts: parts, box(naming_grid(SEEN)))
    assert len(asked) == 1 + len(PLACEMENTS)


def test_what_lies_between_all_voxels_of_the_coarser_grids_is_told_by_the_nearest() -> None:
    nothing = VIEW.having(detected=LabelMap(np.zeros(SEEN.shape, np.uint8), SEEN))
    wanted = box(naming_grid(SEEN))
    found = mean_over_placements(told, nothing, lambda parts: parts, wanted)
    heights = wanted.grid.to_mm(np.argwhere(wanted.voxels))[:, 2]
    assert np.abs(found[:, 0] - heights).max() < 3.0
