"""Classes on another grid: those that most lie round a voxel, from any storage, and steady where the grid moves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from any_grids import voxel_centres

from utility_functions.geometry.class_resampling import resample_classes
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap

FINE = Grid.from_spacing((40, 40, 40), 1.0)


def balls(grid: Grid) -> LabelMap:
    """Two balls that touch, of the classes 1 and 2."""
    places = voxel_centres(grid)
    labels = np.zeros(grid.shape, np.uint8)
    for label, middle in ((1, (20, 20, 11)), (2, (20, 20, 27))):
        labels[np.linalg.norm(places - middle, axis=-1) < 8] = label
    return LabelMap(labels, grid)


def test_a_label_map_on_its_own_grid_is_itself() -> None:
    labels = balls(FINE)
    assert resample_classes(labels, FINE) is labels
    moved = FINE.window((3, -2, 5), (30, 44, 40))
    np.testing.assert_array_equal(resample_classes(labels, moved).voxels, labels.window((3, -2, 5), moved.shape).voxels)


@pytest.mark.parametrize(("spacing", "shape"), [(3.0, (13, 14, 15)), (0.9765625, (41, 40, 39)), (1.5, (26, 27, 27))])
@pytest.mark.parametrize("wanted", [(2.0, 2.0, 2.0), (4.0, 3.0, 3.0)])
def test_storage_changes_nothing(spacing: float, shape: tuple[int, ...], wanted: tuple[float, ...]) -> None:
    labels = balls(Grid.from_spacing(shape, spacing))
    expected = resample_classes(labels, labels.grid.upright(wanted))
    assert set(np.unique(expected.voxels)) == {0, 1, 2}
    for axcodes in ALL_ORIENTATIONS:
        stored = labels.reoriented(axcodes)
        stored = LabelMap(
            np.ascontiguousarray(stored.voxels), Grid(stored.grid.shape, stored.grid.affine.astype(np.float32))
        )
        np.testing.assert_array_equal(resample_classes(stored, stored.grid.upright(wanted)).voxels, expected.voxels)


def test_where_the_new_grid_lies_moves_the_middle_of_a_class_half_as_much_as_by_the_nearest_neighbour() -> None:
    labels = balls(Grid.from_spacing((14, 14, 14), 3.0))

    def jitter(onto: Callable[[LabelMap, Grid], LabelMap]) -> float:
        middles = []
        for off in np.linspace(-1.0, 0.9, 12):
            grid = Grid.from_spacing((22, 22, 22), 2.0, (off, off, off))
            middles.append(grid.to_mm(np.argwhere(onto(labels, grid).voxels == 1)).mean(axis=0))
        return float(np.std(middles, axis=0).max())

    assert jitter(resample_classes) < jitter(resample) / 2


def test_a_class_reaches_to_the_border_of_the_scan_and_no_farther() -> None:
    labels = LabelMap(np.full((4, 4, 4), 3, np.uint8), Grid.from_spacing((4, 4, 4), 2.0))
    finer = Grid.from_spacing((24, 1, 1), 0.5, (-3.0, 2.0, 2.0))
    found = resample_classes(labels, finer).voxels[:, 0, 0]
    places = voxel_centres(finer)[:, 0, 0, 0]
    np.testing.assert_array_equal(found == 3, (places > -1.0) & (places < 7.0))


def test_nothing_and_a_map_elsewhere_give_nothing() -> None:
    labels = balls(FINE)
    assert not resample_classes(labels, Grid.from_spacing((5, 5, 5), 2.0, (500, 0, 0))).voxels.any()
    assert not resample_classes(labels.with_voxels(0 * labels.voxels), FINE.upright(2.0)).voxels.any()
