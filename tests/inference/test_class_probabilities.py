"""Label maps on a scan's own voxels, from class probabilities on the coarser grid of the network."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from learning_functions.inference import class_probabilities as module
from learning_functions.inference.class_probabilities import class_probabilities, dense_region
from learning_functions.inference.sliding_window import run_tiles
from learning_functions.task import load_task
from tests.geometry.any_grids import ALL_ORIENTATIONS
from tests.views import view_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records import map_kinds
from utility_functions.records.map_kinds import ClassProbabilities, PartMap

DETECTION = load_task("detection")
COARSE = Grid.from_spacing((16, 16, 16), (4.0, 4.0, 4.0), (2.0, 2.0, 2.0))
FINE = Grid.from_spacing((64, 64, 64), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5))


def ball(grid: Grid) -> NDArray[np.float64]:
    """Depth of each voxel inside a ball, in mm."""
    places = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1))
    return 19.0 - np.linalg.norm(places - [33.0, 31.0, 30.0], axis=-1)


def probabilities_of(grid: Grid) -> NDArray[np.float16]:
    """Two classes; probabilities fall towards the border of the ball."""
    inside = 1 / (1 + np.exp(-ball(grid) / 4))
    return np.stack([1 - inside, inside], axis=-1).astype(np.float16)


def likeliest_on(probabilities: NDArray[np.float16], grid: Grid, target: Grid) -> LabelMap:
    return ClassProbabilities(probabilities, grid, PartMap).on(target)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def test_borders_are_finer_than_the_voxels_of_the_network() -> None:
    true = ball(FINE) > 0
    probabilities = probabilities_of(COARSE)
    nearest = resample(LabelMap(probabilities.argmax(axis=-1).astype(np.uint8), COARSE), FINE)
    interpolated = likeliest_on(probabilities, COARSE, FINE)
    assert interpolated.grid is FINE and interpolated.voxels.dtype == np.uint8
    assert dice(interpolated.voxels == 1, true) > 0.985 > dice(nearest.voxels == 1, true)


def test_on_its_own_grid_the_likeliest_class_stays() -> None:
    probabilities = np.random.default_rng(1).dirichlet((1, 1, 1), size=(5, 6, 7)).astype(np.float16)
    grid = Grid.from_spacing((5, 6, 7), (2.0, 3.0, 4.0))
    assert np.array_equal(likeliest_on(probabilities, grid, grid).voxels, probabilities.argmax(axis=-1))


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS[::9])
def test_the_storage_of_the_scan_changes_nothing(axcodes: str) -> None:
    probabilities = probabilities_of(COARSE)
    expected = likeliest_on(probabilities, COARSE, FINE)
    turned = likeliest_on(probabilities, COARSE, FINE.reoriented(axcodes)).reoriented("RAS")
    assert (turned.voxels != expected.voxels).mean() < 1e-4, "except for voxels on the border itself"


def test_of_equally_likely_classes_the_first_is_taken_in_every_storage_orientation() -> None:
    """Rounding must not decide between two voxels of different, certain classes."""
    probabilities = np.zeros((16, 16, 16, 3), np.float16)
    probabilities[..., 0], probabilities[4:10, 4:10, 4:12, 0] = 1, 0
    probabilities[4:10, 4:10, 4:8, 1] = probabilities[4:10, 4:10, 8:12, 2] = 1
    between = Grid.from_spacing((31, 31, 31), (2.0, 2.0, 2.0), (2.0, 2.0, 2.0))
    expected = likeliest_on(probabilities, COARSE, between)
    assert expected.voxels[12, 12, 15] == 1
    assert expected.voxels[7, 12, 12] == 0
    for axcodes in ALL_ORIENTATIONS:
        turned = likeliest_on(probabilities, COARSE, between.reoriented(axcodes)).reoriented("RAS")
        assert np.array_equal(turned.voxels, expected.voxels)


def test_background_alone_and_a_target_elsewhere_give_no_label() -> None:
    nothing = np.zeros((16, 16, 16, 3), np.float16)
    nothing[..., 0] = 1
    assert not likeliest_on(nothing, COARSE, FINE).voxels.any()
    away = Grid.from_spacing((8, 8, 8), (1.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    assert not likeliest_on(probabilities_of(COARSE), COARSE, away).voxels.any()


@pytest.mark.parametrize("preset", ["small", "shipped", "paper"])
def test_mirrored_inference_treats_left_and_right_alike(preset: str) -> None:
    """The network distinguishes left from right; the mean over both images does not."""
    inputs = keras.Input((None, None, None, 1))
    x = keras.layers.Conv3D(2, (3, 1, 1), padding="same", activation="softmax")(inputs)
    network = keras.Model(inputs, x)
    kernel = np.array([[0, -1], [0, 0], [0, 1]], np.float32).reshape(3, 1, 1, 1, 2)
    network.set_weights([kernel, np.array([0, 2], np.float32)])  # no background
    image = Volume(np.random.default_rng(2).random((8, 8, 8), np.float32), Grid.from_spacing((8, 8, 8), (1, 1, 1)))
    mirrored = image.with_voxels(np.ascontiguousarray(image.voxels[::-1]))
    settings = DETECTION.presets[preset]
    one, other = (class_probabilities(network, settings, view_of(each), PartMap).voxels for each in (image, mirrored))
    assert np.allclose(one, other[::-1], atol=1e-3) == (preset != "paper")
    np.testing.assert_allclose(one.astype(float).sum(axis=-1), 1, atol=2e-3)


def test_the_mirror_image_is_predicted_only_near_foreground(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = keras.Input((None, None, None, 1))
    x = keras.layers.Conv3D(2, 1, activation="softmax", use_bias=False)(inputs)
    network = keras.Model(inputs, x)
    network.set_weights([np.array([[[[[-9.0, 9.0]]]]], np.float32)])
    voxels = np.full((64, 64, 128), -1, np.float32)
    voxels[30:38, 20:30, 90:110] = 1
    shapes = []

    def recorded(network: keras.Model, image: NDArray[np.float32], *rest: Any, **named: Any) -> NDArray[np.generic]:
        shapes.append(image.shape[:3])
        return run_tiles(network, image, *rest, **named)

    monkeypatch.setattr(module, "run_tiles", recorded)
    image = Volume(voxels, Grid.from_spacing(voxels.shape, (2, 2, 2)))
    probabilities = class_probabilities(network, DETECTION.presets["shipped"], view_of(image, padding=-1.0), PartMap)
    assert shapes == [(8 + 24, 10 + 32, 20 + 32), (12 + 24, 14 + 32, 20 + 4 + 16 + 16)], (
        "a quarter patch round it, inside the image"
    )
    assert np.array_equal(probabilities.voxels.argmax(axis=-1), voxels > 0)


def test_air_round_a_patient_is_not_looked_at() -> None:
    spec = DETECTION.presets["shipped"].spec
    voxels = np.full((40, 48, 32), -1, np.float32)  # air, after the window
    voxels[16:24, 20:30, 3:30] = -0.5  # soft tissue
    voxels[2, 2, 2] = 1  # noise
    image = Volume(voxels, Grid.from_spacing(voxels.shape, (2, 2, 2)))
    region = dense_region(image, spec, (4, 4, 4), (8, 8, 8))
    assert region == (slice(8, 28), slice(16, 34), slice(0, 32)), "it begins where poolings do"
    nothing = image.with_voxels(np.full_like(voxels, -1))
    assert dense_region(nothing, spec, (4, 4, 4), (8, 8, 8)) == tuple(slice(0, size) for size in voxels.shape)
    published = DETECTION.presets["paper"].spec  # which is not shown HU
    assert dense_region(image, published, (4, 4, 4), (8, 8, 8)) == tuple(slice(0, size) for size in voxels.shape)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_likeliest_class_is_the_first_of_equal_ones(dtype: type) -> None:
    numbers = np.random.default_rng(3).integers(0, 4, (6, 5, 4, 3)).astype(dtype)
    grid = Grid.from_spacing((6, 5, 4), (1.0, 1.0, 1.0))
    assert np.array_equal(ClassProbabilities(numbers, grid, PartMap).likeliest, numbers.argmax(axis=-1))


def test_slabs_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = FINE.reoriented("PIR")
    whole = likeliest_on(probabilities_of(COARSE), COARSE, fine)
    monkeypatch.setattr(map_kinds, "SLAB_VOXELS", 20_000)
    split = likeliest_on(probabilities_of(COARSE), COARSE, fine)
    assert whole.voxels.any() and (whole.voxels != split.voxels).mean() < 1e-5
