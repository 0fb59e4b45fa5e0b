"""The shipped models give the same results for every storage of a scan along the world's axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learning_functions.predict.pipeline import load_models, run_models
from learning_functions.predict.trained_model import TrainedModel
from tests.tiny import phantom
from utility_functions.files.images import read_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume

STORAGES = ("LPS", "PIR", "IAL")
"""With RAS, each axis both ways and in each place."""
NEAR_MM, NEAR = 0.01, 1e-3


@pytest.fixture(scope="module")
def models() -> list[TrainedModel]:
    return load_models()


def as_read(volume: Volume, axcodes: str) -> Volume:
    """The scan as it comes from a NIfTI file of that storage: voxels in its own order, an affine of 32 bits."""
    stored = volume.reoriented(axcodes)
    return Volume(np.asfortranarray(stored.voxels), Grid(stored.grid.shape, stored.grid.affine.astype(np.float32)))


def require_same_answers(models: list[TrainedModel], volume: Volume, storages: tuple[str, ...] = STORAGES) -> None:
    expected = run_models(models, as_read(volume, "RAS"))
    assert expected.landmarks is not None and len(expected.landmarks) >= 3 and expected.naming is not None
    for axcodes in storages:
        found = run_models(models, as_read(volume, axcodes))
        assert found.landmarks is not None and found.naming is not None
        assert found.landmarks.names == expected.landmarks.names
        apart = np.linalg.norm(found.landmarks.points_mm - expected.landmarks.points_mm, axis=1)
        assert apart.max() < NEAR_MM
        assert found.naming.posterior == pytest.approx(expected.naming.posterior, abs=NEAR)
        assert found.naming.error_probability == pytest.approx(expected.naming.error_probability, abs=NEAR)


@pytest.mark.parametrize(
    ("spacing_mm", "shape"),
    [
        pytest.param((3.0, 3.0, 3.0), (49, 40, 61), id="voxels that the network's divide now and then"),
        pytest.param((0.9765625, 1.0, 4.25), (150, 121, 44), id="thick slices"),
    ],
)
def test_the_storage_of_a_scan_on_the_world_s_axes_changes_no_answer(
    models: list[TrainedModel], spacing_mm: tuple[float, ...], shape: tuple[int, ...]
) -> None:
    made = phantom(3)
    extent = np.multiply(shape, spacing_mm)
    grid = Grid.from_spacing(shape, spacing_mm, made.landmarks.point("L3") - extent / 2 - [0, 20, 0])
    require_same_answers(models, resample(made.volume, grid, fill=-1024))


@pytest.mark.real
@pytest.mark.parametrize("scan", ["totalseg/example_ct.nii.gz", "verse006/sub-verse006_ct.nii.gz"])
def test_the_storage_of_a_real_scan_changes_no_answer(models: list[TrainedModel], scan: str, real: Path) -> None:
    require_same_answers(models, read_image(real / scan), STORAGES[::2])
