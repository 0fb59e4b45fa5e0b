"""Separable, windowed Gaussians equal those by definition, and the heatmap of a spine locates it."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.anatomy.heatmaps import gaussian_sum, gaussians, spine_box, spine_centre_mm, spine_response
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

SHAPE = (20, 24, 31)


def plainly(point: np.ndarray, sigma: float) -> np.ndarray:
    squared = ((np.stack(np.indices(SHAPE), axis=-1) - point) ** 2).sum(axis=-1)
    return np.exp(-squared / (2 * sigma**2))


@pytest.mark.parametrize("sigma", [0.7, 2.0, 10.0])
@pytest.mark.parametrize("seed", range(3))
def test_gaussians_follow_the_formula(sigma: float, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-6, np.array(SHAPE) + 6, (7, 3))
    expected = np.stack([plainly(point, sigma) for point in points])
    np.testing.assert_allclose(gaussians(points, SHAPE, sigma), expected, atol=1e-5)
    np.testing.assert_allclose(gaussian_sum(points, SHAPE, sigma), expected.sum(axis=0), atol=3e-5)


def test_each_point_may_have_its_sigma_and_missing_points_have_zero_maps() -> None:
    points = np.array([[5, 6, 7], [np.nan] * 3, [9, 9, 9], [500, 9, 9]], float)
    drawn = gaussians(points, SHAPE, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(drawn[2], plainly(points[2], 3.0), atol=1e-5)
    assert drawn[0, 5, 6, 7] == 1 and not drawn[[1, 3]].any()


def test_a_sigma_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"above zero\. Received: 0"):
        gaussians([[1, 2, 3]], SHAPE, 0.0)


def test_the_heatmap_is_the_sum_over_its_maximum() -> None:
    points = np.array([[10.0, 12.0, z] for z in (6, 11, 16, 22)])
    total = sum(plainly(point, 4.0) for point in points)
    np.testing.assert_allclose(spine_response(points, SHAPE, 4.0), total / total.max(), atol=1e-4)
    assert not spine_response(np.zeros((0, 3)), SHAPE, 4.0).any()


def test_heatmaps_do_not_depend_on_the_borders_of_the_patch() -> None:
    points = np.array([[10.0, 12.0, z] for z in (3, 9, 15, 21, 27)])
    whole = spine_response(points, SHAPE, 4.0)
    for first in (5, 18, 26):  # the last shows one centroid, near its end
        part = spine_response(points - [0, 0, first], (20, 24, 31 - first), 4.0)
        np.testing.assert_allclose(part, whole[:, :, first:], atol=0.02)


def volume(voxels: np.ndarray) -> Volume:
    return Volume(voxels, Grid.from_spacing(voxels.shape, (8.0, 8.0, 4.0), (-30.0, 20.0, 100.0)))


def test_the_box_holds_the_largest_component_above_the_threshold() -> None:
    voxels = np.zeros(SHAPE, np.float16)
    voxels[4:9, 6:11, 3:20] = 0.8
    voxels[4:9, 6:11, 20:24] = 0.3
    voxels[15:17, 20:22, 28:30] = 0.7
    heatmap = volume(voxels)
    box = spine_box(heatmap)
    assert box is not None and box.same_as(heatmap.grid.window((4, 6, 3), (5, 5, 17)))
    np.testing.assert_allclose(spine_centre_mm(heatmap), heatmap.grid.to_mm((6, 8, 11)))


@pytest.mark.parametrize("level", [0.0, 0.05])
def test_a_heatmap_of_zeros_has_no_spine(level: float) -> None:
    heatmap = volume(np.full(SHAPE, level, np.float32))
    assert spine_box(heatmap) is None and spine_centre_mm(heatmap) is None


def test_a_heatmap_above_the_threshold_everywhere_is_all_spine() -> None:
    heatmap = volume(np.ones(SHAPE, np.float32))
    box = spine_box(heatmap)
    assert box is not None and box.same_as(heatmap.grid)
