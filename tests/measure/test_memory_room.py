"""Another scan is read beside one that runs only where --memory-gb has room for both."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from learning_functions.inference.pass_memory import FIXED_GB, PASS_FRACTION, beside_passes_gb
from learning_functions.measure.memory_room import BYTES_PER_VOXEL_HELD, ahead_bytes, held_bytes, room_bytes
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from learning_functions.task import load_task
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

GRID = Grid.from_spacing((100, 100, 100), (2.0, 2.0, 2.0))


def model(task: str, filters: int, device: InferenceDevice = PROCESSOR, preset: str = "shipped") -> Any:
    """As much of a trained model as counts: one convolution of so many filters."""
    conv = type("Conv3D", (), {"filters": filters})()
    found = load_task(task)
    return SimpleNamespace(
        task=found, settings=found.presets[preset], device=device, network=SimpleNamespace(layers=[conv])
    )


def test_a_scan_that_waits_is_counted_by_its_header(tmp_path: Path) -> None:
    grid = Grid.from_spacing((10, 11, 12), (1.0, 1.0, 1.0))
    write_image(Volume(np.zeros(grid.shape, np.int16), grid), tmp_path / "a.nii.gz")
    assert ahead_bytes(Case("a", tmp_path / "a.nii.gz")) == held_bytes(grid) == 1320 * BYTES_PER_VOXEL_HELD
    assert ahead_bytes(Case("b", tmp_path / "b.nii.gz")) == 0, "reading tells what is wrong with it"


@pytest.mark.parametrize(
    ("models", "pass_gb"),
    [
        ([], 0.0),
        ([model("detection", 8)], 34 * 8 * 1e6 / 1e9),
        ([model("detection", 8, InferenceDevice("/GPU:0", 8.0))], 0.0),
        ([model("detection", 8), model("naming", 64)], 34 * 8 * 1e6 / 1e9),
        ([model("detection", 10**6)], PASS_FRACTION * (4.0 - FIXED_GB)),
        (
            [model("vertebra_masks", 8)],
            34 * 8 * 8 * float(np.prod(load_task("vertebra_masks").presets["shipped"].spec.patch)) / 1e9,
        ),
    ],
)
def test_room_is_what_the_largest_pass_leaves(models: list[Any], pass_gb: float) -> None:
    own_gb = beside_passes_gb(GRID, 2.0)
    assert room_bytes(GRID, models, 4.0) == pytest.approx((4.0 - FIXED_GB - own_gb - pass_gb) * 1e9)
