"""The picture of a trail over its scan."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from tests.oracle import oracle_scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.trail import FOUND, MOVED, Step, Trail
from utility_functions.reporting.pictures import DPI
from utility_functions.reporting.trail_picture import HEIGHT_IN, trail_picture

STEPS = (
    Step((8.0, 3.0, 70.0), 0.0, "nothing"),
    Step((8.0, 3.0, 40.0), 5000.0, MOVED),
    Step((8.0, 5.0, 35.0), 9000.0, FOUND),
    Step((8.0, 5.0, 900.0), 0.0, "nothing"),  # a patch may lie outside the scan
)


def drawn(path: Path, volume: Volume, steps: tuple[Step, ...]) -> np.ndarray:
    trail_picture(volume, Trail("down", "corner" if steps else "", steps, "end of the image"), path, title="$a_$")
    return matplotlib.image.imread(path)


def test_each_patch_prediction_is_a_dot_inside_the_scan(tmp_path: Path) -> None:
    scan = oracle_scan()
    with_trail, without = drawn(tmp_path / "a.png", scan, STEPS[:3]), drawn(tmp_path / "b.png", scan, ())
    assert with_trail.shape == without.shape and with_trail.shape[0] < 1.3 * HEIGHT_IN * DPI
    assert not np.array_equal(with_trail, without)
    assert drawn(tmp_path / "c.png", scan, STEPS).shape == with_trail.shape


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 40, 2), (2, 2, 60)])
def test_unusual_scans_give_a_picture(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    volume = Volume(np.zeros(shape, np.int16), Grid.from_spacing(shape, (1.0, 2.0, 3.0), axcodes="PIR"))
    assert drawn(tmp_path / "a.png", volume, STEPS).size
