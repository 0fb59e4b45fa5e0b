"""N4 levels the fall-off of a coil, whatever the storage, and the ways of flattening reach the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from experiments.mr_brightness import WAYS, n4_flattened, without_local_mean
from learning_functions.task import Settings, load_task
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


def body_with_fall_off(shape: tuple[int, int, int] = (24, 48, 64)) -> tuple[Volume, np.ndarray]:
    """Two tissues in air, four times as bright behind as in front; and which voxels are tissue."""
    rng = np.random.default_rng(3)
    tissue = np.zeros(shape, bool)
    tissue[2:-2, 6:-6, 4:-4] = True
    values = np.where(rng.random(shape) < 0.5, 300.0, 330.0)
    fall = np.exp(-np.linspace(0, np.log(4.0), shape[1]))[None, :, None]
    voxels = np.where(tissue, values * fall, 2.0).astype(np.int16)
    return Volume(voxels, Grid.from_spacing(shape, (4.0, 2.0, 2.0))), tissue


def spread(volume: Volume, tissue: np.ndarray) -> float:
    """The brightest over the darkest column of tissue from back to front."""
    columns = np.array([volume.voxels[:, y][tissue[:, y]].mean() for y in range(8, 40)])
    return float(columns.max() / columns.min())


@pytest.mark.parametrize("axcodes", ["RAS", "PIL"])
def test_n4_levels_the_fall_off_of_a_coil(axcodes: str) -> None:
    volume, tissue = body_with_fall_off()
    assert spread(volume, tissue) > 2.3
    found = n4_flattened(volume.reoriented(axcodes)).reoriented("RAS")
    assert found.voxels.dtype == np.float32 and found.grid.same_as(volume.grid)
    assert spread(found, tissue) < 1.35


def test_few_slices_are_not_thinned_out() -> None:
    volume, _ = body_with_fall_off((5, 48, 64))
    assert np.isfinite(n4_flattened(volume).voxels).all()


def test_without_the_local_mean_nothing_else_of_the_model_changes() -> None:
    settings = load_task("panoptic").presets["mr"]

    @dataclass(frozen=True)
    class Model:
        settings: Settings

    bare = without_local_mean(Model(settings)).settings  # type: ignore[arg-type, type-var]
    assert settings.spec.flatten_mm > 0 == bare.spec.flatten_mm
    assert replace(bare.spec, flatten_mm=settings.spec.flatten_mm) == settings.spec and len(WAYS) == 4
