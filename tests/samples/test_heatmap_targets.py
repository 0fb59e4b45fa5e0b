"""Heatmaps of a batch equal those made one by one."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

from learning_functions.samples.augment.heatmap_targets import spine_heatmaps
from learning_functions.samples.cut.sample_points import POINT_NUMBERS, judged_slices, point_numbers
from losses_and_metrics.gaussian_profiles import profiles
from utility_functions.anatomy.heatmaps import gaussians, spine_response
from utility_functions.anatomy.labels import VERTEBRAE
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

SHAPE = (12, 10, 22)
GRID = Grid.from_spacing((20, 20, 50), 8.0, (-80.0, -80.0, -200.0))


def some_points(seed: int = 1) -> np.ndarray:
    """A batch of four, 5 points each, some outside the border, one missing; the last has none."""
    points = np.random.default_rng(seed).uniform(-4, np.array(SHAPE) + 4, (4, 5, 3)).astype(np.float32)
    points[1, 2] = np.nan
    points[3] = np.nan
    return points


@pytest.mark.parametrize("sigma", [1.0, 4.0, 10.0])
def test_a_batch_of_heatmaps_is_that_of_each_sample(sigma: float) -> None:
    points = some_points()
    found = np.asarray(spine_heatmaps(points, SHAPE, sigma))
    expected = np.stack([spine_response(each, SHAPE, sigma) for each in points])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not found[3].any() and np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1.001


def test_profiles_are_the_factors_of_gaussians() -> None:
    points, sigma = some_points()[1], np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    x, y, z = (np.asarray(part)[0] for part in profiles(points[None], SHAPE, sigma))
    found = x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]
    np.testing.assert_allclose(found, gaussians(points, SHAPE, sigma), atol=1e-4)


def test_numbers_hold_the_position_of_each_level_in_the_patch() -> None:
    landmarks = Landmarks(("L1", "T13", "C3", "S1"), [[0, 0, 0], [8, 16, -24], [0, 0, 900], [0, 0, -30]])
    numbers = point_numbers(landmarks, GRID, (1, 2, 3))
    assert numbers.dtype == np.float32 and numbers.shape == (len(POINT_NUMBERS),)
    places = numbers.reshape(-1, 3)
    np.testing.assert_allclose(places[VERTEBRAE.index("L1")], [9, 8, 22])
    np.testing.assert_allclose(places[VERTEBRAE.index("T13")], [10, 10, 19])
    assert np.isfinite(places).all(axis=1).sum() == 2, "C3 lies outside the scan, S1 is no vertebra of the chain"
    assert POINT_NUMBERS[3 * VERTEBRAE.index("L1")] == "L1_x"


@pytest.mark.parametrize(
    ("names", "above", "below"),
    [
        (("T11", "T12", "L1"), False, False),
        (("C1", "C2", "C3"), True, False),
        (("L3", "L4", "L5"), False, True),
        (("L4", "S1"), False, True),
        (("C1", "L6"), True, True),
    ],
)
def test_heatmaps_are_judged_where_all_vertebrae_are_labelled(names: tuple[str, ...], above: bool, below: bool) -> None:
    points = [[0.0, 0.0, 30.0 - 30 * place] for place in range(len(names))]
    judged = judged_slices(Landmarks(names, points), GRID)
    height = GRID.to_mm([[0, 0, z] for z in range(50)])[:, 2]
    lowest = [point[2] for name, point in zip(names, points, strict=True) if name != "S1"][-1]
    assert judged[(height <= 30) & (height >= lowest)].all()
    assert judged[height > 60].all() == judged[height > 60].any() == above
    assert judged[height < -60].all() == judged[height < -60].any() == below


def test_without_a_vertebra_nothing_is_judged() -> None:
    assert not judged_slices(Landmarks(("S1",), [[0, 0, 0]]), GRID).any()
