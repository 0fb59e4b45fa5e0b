"""Surfaces of masks: voxels as bright as bone join where they touch a mask, dark ones at the surface leave it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning_functions.inference.landmarks.mask_surface import placed_surface
from learning_functions.inference.landmarks.panoptic_maps import PanopticMaps
from learning_functions.inference.landmarks.panoptic_masks import gathered_masks
from learning_functions.task_options.bone_surface import BoneSurface
from learning_functions.task_options.panoptic_options import PanopticOptions
from tests.inference.landmarks.landmark_oracles import PADDING, numbered
from tests.inference.landmarks.test_panoptic_masks import GRID, LABELS, LANDMARKS, PanopticOracle, expected
from tests.tiny import tiny_settings
from tests.views import known_after, view_of
from utility_functions.anatomy.parts import BODY, PARTS
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

SURFACE = BoneSurface(bright_hu=200.0, dark_hu=50.0, reach_mm=2.0, least=0.01)


def placed(mask: np.ndarray, hu: np.ndarray, vertebra: np.ndarray | None = None, step_mm: float = 1.0):
    scaled = np.where(mask, 0.9, 0.0).astype(np.float16)
    likely = np.full(mask.shape, 0.05, np.float32) if vertebra is None else vertebra
    return placed_surface(mask, scaled, likely, hu.astype(np.float32), step_mm, SURFACE)


def line(*filled: int, length: int = 12) -> np.ndarray:
    mask = np.zeros((3, 3, length), bool)
    mask[1, 1, list(filled)] = True
    return mask


def bright(**values: float) -> np.ndarray:
    hu = np.full((3, 3, 12), 60.0)
    for place, value in values.items():
        hu[1, 1, int(place[1:])] = value
    return hu


def test_bright_voxels_that_touch_a_mask_join_it_as_far_as_the_reach() -> None:
    mask, _ = placed(line(4, 5), bright(v4=300, v5=300, v6=300, v7=300, v8=300, v9=300))
    np.testing.assert_array_equal(mask, line(4, 5, 6, 7))


def test_bright_voxels_behind_dark_ones_do_not_join() -> None:
    mask, _ = placed(line(4, 5), bright(v4=300, v5=300, v7=300))
    np.testing.assert_array_equal(mask, line(4, 5))


def test_bright_voxels_that_the_network_holds_impossible_do_not_join() -> None:
    likely = np.full((3, 3, 12), 0.005, np.float32)
    mask, _ = placed(line(4, 5), bright(v4=300, v5=300, v6=300), likely)
    np.testing.assert_array_equal(mask, line(4, 5))


def test_dark_voxels_at_the_surface_leave_the_mask_and_those_inside_stay() -> None:
    mask = np.zeros((7, 7, 7), bool)
    mask[1:6, 1:6, 1:6] = True
    hu = np.full(mask.shape, 120.0)
    hu[3, 3, 3] = hu[1, 3, 3] = -20.0
    found, probabilities = placed(mask, hu)
    assert found[3, 3, 3] and not found[1, 3, 3] and found.sum() == mask.sum() - 1
    assert probabilities[1, 3, 3] < 0.5


def test_the_reach_counts_millimetres_of_the_finest_step() -> None:
    mask, _ = placed(line(4), bright(v4=300, v5=300, v6=300, v7=300), step_mm=2.0)
    np.testing.assert_array_equal(mask, line(4, 5))


def test_the_nearer_of_two_masks_is_likelier_and_finer_grids_find_the_surface_at_the_brightness() -> None:
    hu = bright(v4=300, v5=250, v6=250, v7=100)
    _, probabilities = placed(line(4), hu)
    near, far, beside = (float(probabilities[1, 1, place]) for place in (5, 6, 7))
    assert near > far > 0.5 > beside
    assert beside == pytest.approx(0.5 * 100 / SURFACE.bright_hu, abs=1e-3)


@pytest.mark.parametrize("values", [{"bright_hu": 50.0}, {"reach_mm": -1.0}, {"least": 1.5}])
def test_limits_that_contradict_each_other_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Received"):
        BoneSurface(**values)


def test_the_surface_is_kept_in_options_and_read_again() -> None:
    options = PanopticOptions(surface=SURFACE)
    assert PanopticOptions.from_json(options.to_json()) == options
    assert PanopticOptions.from_json({}).surface is None


@pytest.mark.parametrize("grown", [True, False])
def test_masks_of_a_model_whose_card_tells_the_surface_reach_the_end_of_bright_bone(grown: bool) -> None:
    settings = tiny_settings("panoptic").with_options(surface=replace(SURFACE, reach_mm=4.0) if grown else None)
    short = LABELS.copy()
    short[:, :, 1:][LABELS[:, :, :-1] == 0] = 0  # the network misses the lowest voxels of each vertebra
    predicted = PanopticOracle(GRID.shape, labels=short).predict_on_batch(numbered(GRID).voxels[None, ..., None])[0]
    predicted[..., BODY] += 0.02
    maps = PanopticMaps(predicted[..., : len(PARTS)].astype(np.float16), predicted[..., len(PARTS) :], GRID)
    offset, scale = settings.spec.offset_and_scale(np.zeros(1))
    image = Volume(settings.spec.normalise(np.where(LABELS > 0, 400.0, 55.0), offset, scale), GRID)
    view = view_of(image, Findings("scan", GRID, landmarks=LANDMARKS), PADDING)
    found = known_after(gathered_masks(maps, settings, view), view).instances.voxels  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, expected() if grown else expected(labels=short))


def test_hu_are_told_from_a_fixed_window_alone() -> None:
    spec = tiny_settings("panoptic").spec
    offset, scale = spec.offset_and_scale(np.zeros(1))
    np.testing.assert_allclose(
        spec.in_hu(spec.normalise(np.array([-100.0, 175.0]), offset, scale)), [-100, 175], atol=1e-3
    )
    with pytest.raises(ValueError, match="Only a fixed window"):
        replace(spec, intensity="body").in_hu(np.zeros(3, np.float32))
