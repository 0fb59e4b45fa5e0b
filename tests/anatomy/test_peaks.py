"""Maxima of heatmaps: all of them, of the right landmark, and to a fraction of a voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utility_functions.anatomy.peaks import LOWEST_RESPONSE, Peaks, local_maxima

SHAPE = (14, 15, 16)
inside = st.tuples(*(st.floats(2.0, size - 3.0) for size in SHAPE))


def gaussian(point: tuple[float, ...], sigma: float = 1.5, height: float = 1.0) -> np.ndarray:
    squared = sum((axis - at) ** 2 for axis, at in zip(np.indices(SHAPE), point, strict=True))
    return height * np.exp(-squared / (2 * sigma**2))


@given(inside, st.floats(1.0, 3.0), st.floats(0.2, 1.0))
def test_the_centre_of_a_gaussian_is_found_to_a_fraction_of_a_voxel(
    point: tuple[float, ...], sigma: float, height: float
) -> None:
    found = local_maxima(gaussian(point, sigma, height)[..., None])
    assert len(found.responses) == 1 and found.landmarks[0] == 0
    np.testing.assert_allclose(found.places[0], point, atol=0.02)
    assert 0.5 * height < found.responses[0] <= height + 1e-6


def test_every_maximum_above_the_threshold_is_returned_with_its_landmark() -> None:
    heatmap = np.zeros((*SHAPE, 3))
    heatmap[..., 0] = np.maximum(gaussian((3, 3, 3)), gaussian((10, 10, 12), height=0.4))
    heatmap[..., 2] = gaussian((5, 9, 4), height=0.9 * LOWEST_RESPONSE) + gaussian((9, 3, 12), height=LOWEST_RESPONSE)
    found = local_maxima(heatmap)
    maxima = {
        (int(landmark), *np.rint(place).astype(int))
        for place, landmark in zip(found.places, found.landmarks, strict=True)
    }
    assert maxima == {(0, 3, 3, 3), (0, 10, 10, 12), (2, 9, 3, 12)}


@pytest.mark.parametrize("corner", [(0, 0, 0), (13, 14, 15), (0, 7, 15)])
def test_a_maximum_on_the_border_stays_there(corner: tuple[int, int, int]) -> None:
    found = local_maxima(gaussian(corner)[..., None])
    np.testing.assert_allclose(found.places, [corner], atol=1e-6)


def test_a_plateau_counts_once_in_its_middle() -> None:
    heatmap = np.zeros((*SHAPE, 1))
    heatmap[4:7, 5, 5] = 1.0
    found = local_maxima(heatmap)
    np.testing.assert_allclose(found.places, [[5, 5, 5]])


@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (3, 1, 5, 2), (0, 3, 3, 1), (4, 4, 4, 0)])
def test_single_slices_and_empty_images_give_results(shape: tuple[int, ...]) -> None:
    assert len(local_maxima(np.zeros(shape)).responses) == 0
    ones = local_maxima(np.ones(shape))
    assert len(ones.responses) == (shape[-1] if np.prod(shape[:3]) else 0)
    assert np.isfinite(ones.places).all()


def test_negative_values_beside_a_maximum_are_ignored() -> None:
    heatmap = np.full((*SHAPE, 1), -0.3)
    heatmap[6, 6, 6] = 0.8
    np.testing.assert_allclose(local_maxima(heatmap).places, [[6, 6, 6]], atol=0.5)


def test_several_parts_are_concatenated_and_none_gives_none() -> None:
    part = local_maxima(gaussian((5, 5, 5))[..., None])
    assert len(Peaks.joined([part, part]).responses) == 2
    empty = Peaks.joined([])
    assert empty.places.shape == (0, 3) and len(empty.landmarks) == len(empty.responses) == 0
