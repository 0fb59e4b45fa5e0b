"""Flattening of brightness: tissue becomes about 1 whatever the coil, air stays dark, and storage does not matter."""

from __future__ import annotations

import numpy as np
import pytest

from utility_functions.geometry.flattening import flattened
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

SHAPE = (12, 48, 40)
GRID = Grid(SHAPE, np.diag([4.0, 2.5, 2.5, 1.0]))


def scan(fall_mm: float) -> tuple[Volume, np.ndarray]:
    """Two tissues in stripes with air in front, under a coil from behind; and where tissue is."""
    y = np.arange(SHAPE[1])
    tissue = np.zeros(SHAPE, bool)
    tissue[:, :40] = True
    stripes = np.where((np.arange(SHAPE[2]) // 4) % 2, 1.0, 0.6)
    image = 1000 * tissue * stripes * np.exp(-y * 2.5 / fall_mm)[None, :, None]
    return Volume(image.astype(np.float32), GRID), tissue


@pytest.mark.parametrize("fall_mm", [35.0, 60.0, 1e6])
def test_tissue_has_the_same_brightness_near_a_coil_and_far_from_it(fall_mm: float) -> None:
    volume, tissue = scan(fall_mm)
    flat = flattened(volume, 30.0).voxels
    near, far = flat[:, 4:12][tissue[:, 4:12]].mean(), flat[:, 28:36][tissue[:, 28:36]].mean()
    assert 0.6 < far / near < 1.6 and 0.6 < near < 1.6
    assert flat[:, 42:].max() == 0
    assert flat[4, 20, 4:8].mean() > 1.4 * flat[4, 20, :4].mean(), "contrasts stay"


def test_the_storage_does_not_matter() -> None:
    volume, _ = scan(60.0)
    other = flattened(volume.reoriented("PIL"), 30.0).reoriented("RAS")
    assert np.allclose(other.voxels, flattened(volume, 30.0).voxels, rtol=0.05, atol=0.05)


def test_a_scan_without_anything_stays_without_anything() -> None:
    empty = flattened(Volume(np.zeros(SHAPE, np.int16), GRID), 30.0).voxels
    assert empty.dtype == np.float32 and not empty.any()
