"""Samples cropped by findings of the earlier stage: patches in the box of the spine, masks round found landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning_functions.samples.cut.earlier_stages import found_spine, nearest_found
from learning_functions.samples.cut.labelled_points import labelled_points
from learning_functions.task import Sample, Settings, load_task
from tests.tiny import phantom, scan_of, tiny_settings
from utility_functions.anatomy.heatmaps import spine_response
from utility_functions.anatomy.labels import LEVELS
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings

HEATMAPS, MASKS = load_task("vertebra_heatmaps"), load_task("vertebra_masks")


def scan_in(axcodes: str | None = None) -> Scan:
    return scan_of(phantom(2, axcodes))


def heat_of(scan: Scan, shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Findings:
    """The correct spine heatmap, or a shifted one."""
    assert scan.landmarks is not None
    grid = scan.volume.grid
    response = spine_response(grid.to_index(scan.landmarks.points_mm + shift_mm), grid.shape, 3.0)
    return Findings(scan.case.case_id, grid, heatmap=Volume(response.astype(np.float16), grid))


def settings_of_heatmaps(count: int = 8) -> Settings:
    settings = tiny_settings("vertebra_heatmaps", samples_per_scan=count)
    return settings.changed(spec=replace(settings.spec, patch=(16, 16, 24)))


def cropped(scan: Scan, found: Findings, settings: Settings, task: object = HEATMAPS, seed: int = 1) -> list[Sample]:
    return task.cropped_samples(scan, settings, np.random.default_rng(seed), found)  # type: ignore[attr-defined]


@pytest.mark.parametrize("axcodes", ["RAS", "PIL", "SLA"])
def test_the_box_holds_the_labelled_spine_whatever_the_storage(axcodes: str) -> None:
    scan, settings = scan_in(axcodes), settings_of_heatmaps()
    labelled = labelled_points(scan, settings.spec)
    first, shape = found_spine(heat_of(scan), labelled, settings.grid_of(scan.volume.grid))
    there = labelled.points[np.isfinite(labelled.points).all(axis=1)]
    assert (there >= np.array(first) - 0.5).all() and (there < np.array(first) + shape).all()
    assert (np.array(shape[:2]) < labelled.image.grid.shape[:2]).any(), "less than the whole scan"


def test_a_detection_gives_the_box_and_without_a_spine_the_whole_scan() -> None:
    scan, settings = scan_in(), settings_of_heatmaps()
    labelled, grid = labelled_points(scan, settings.spec), settings.grid_of(scan.volume.grid)
    assert scan.label_map is not None
    mask = scan.label_map.with_voxels((scan.label_map.voxels > 0).astype(np.uint8))
    by_mask = found_spine(Findings("scan", scan.volume.grid, detection=mask), labelled, grid)
    nothing = LabelMap(np.zeros_like(mask.voxels), mask.grid)
    everything = found_spine(Findings("scan", scan.volume.grid, detection=nothing), labelled, grid)
    assert everything == ([0, 0, 0], list(labelled.image.grid.shape))
    assert np.prod(by_mask[1]) < np.prod(everything[1])
    with pytest.raises(ValueError, match="neither in scan"):
        found_spine(Findings("scan", scan.volume.grid), labelled, grid)


def test_a_spine_found_outside_the_labels_is_reported() -> None:
    scan, settings = scan_in(), settings_of_heatmaps()
    labelled, grid = labelled_points(scan, settings.spec), settings.grid_of(scan.volume.grid)
    low = replace(labelled, image=labelled.image.window((0, 0, 0), (*labelled.image.grid.shape[:2], 3)))
    high = heat_of(scan, (0.0, 0.0, 400.0)).heatmap
    assert high is not None
    response = np.zeros_like(high.voxels)
    top = np.rint(high.grid.to_index(grid.to_mm(np.array(grid.shape) - 2))).astype(int)
    response[tuple(np.clip(top, 1, np.array(response.shape) - 2))] = 1
    with pytest.raises(ValueError, match="outside the labelled part"):
        found_spine(Findings("scan", high.grid, heatmap=high.with_voxels(response)), low, grid)


def first_of(sample: Sample, settings: Settings, scan: Scan) -> np.ndarray:
    """The first voxel of a patch, by one of its points."""
    assert sample.numbers is not None
    labelled = labelled_points(scan, settings.spec)
    points = sample.numbers[len(LEVELS) :].reshape(-1, 3)
    place = int(np.flatnonzero(np.isfinite(points).all(axis=1))[0])
    return np.rint(labelled.points[place] - points[place]).astype(int)


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0, 0.0), (24.0, -16.0, 0.0)])
def test_patches_lie_in_the_predicted_box(shift_mm: tuple[float, float, float]) -> None:
    scan, settings = scan_in(), settings_of_heatmaps(12)
    found = heat_of(scan, shift_mm)
    first, shape = found_spine(found, labelled_points(scan, settings.spec), settings.grid_of(scan.volume.grid))
    patch = np.array(settings.spec.patch)
    for sample in cropped(scan, found, settings):
        at = first_of(sample, settings, scan)
        room = np.array(shape) - patch
        assert (at >= first + np.minimum(room, 0) - patch // 4).all()
        assert (at <= first + np.maximum(room, 0) + patch // 4).all()


def test_positions_of_patches_depend_on_seed_and_predictions_alone() -> None:
    scan, settings = scan_in(), settings_of_heatmaps()
    found = heat_of(scan)
    one, again, other = (cropped(scan, found, settings, seed=seed) for seed in (1, 1, 2))
    assert all((a.inputs == b.inputs).all() for a, b in zip(one, again, strict=True))
    assert any((a.inputs != b.inputs).any() for a, b in zip(one, other, strict=True))
    moved = cropped(scan, heat_of(scan, (24.0, 0.0, 0.0)), settings)
    assert any((a.inputs != b.inputs).any() for a, b in zip(one, moved, strict=True))


TRUE = [[0, 0, 30], [0, 0, 15], [0, 0, 0]]
FOUND = {
    "all there": ([[1, 0, 30], [0, 2, 15], [0, 0, 1]], [0, 1, 2]),
    "in another order": ([[0, 0, 1], [1, 0, 30], [0, 2, 15]], [1, 2, 0]),
    "one missing": ([[1, 0, 30], [0, 0, 1]], [0, -1, 1]),
    "one doubled": ([[1, 0, 30], [3, 0, 30], [0, 2, 15], [0, 0, 1]], [0, 2, 3]),
    "all shifted by a third": ([[0, 0, 35], [0, 0, 20], [0, 0, 5]], [0, 1, 2]),
    "one far off": ([[25, 0, 30], [0, 0, 15], [0, 0, 0]], [-1, 1, 2]),
    "none": ([], [-1, -1, -1]),
}


@pytest.mark.parametrize("case", FOUND)
def test_a_landmark_found_is_at_most_one_vertebra_s(case: str) -> None:
    found, expected = FOUND[case]
    assert nearest_found(TRUE, found).tolist() == expected
    assert nearest_found([], found).tolist() == []


def middle_of(sample: Sample) -> np.ndarray:
    assert sample.memory is not None
    weights = sample.memory.astype(float)
    return np.array([(axis * weights).sum() / weights.sum() for axis in np.indices(weights.shape)])


def settings_of_masks() -> Settings:
    settings = tiny_settings("vertebra_masks", samples_per_scan=14)
    settings = settings.changed(spec=replace(settings.spec, patch=(28, 32, 24)))
    return settings.with_options(jitter_mm=0.0, offset_mm=(0.0, 0.0, 0.0), sigma_mm=8.0)


def test_mask_samples_are_centred_on_predicted_landmarks_of_any_name() -> None:
    scan, settings = scan_in(), settings_of_masks()
    assert scan.landmarks is not None
    names, moved = scan.landmarks.names, 0
    off = scan.landmarks.points_mm + np.array((8.0, 4.0, 0.0))
    plain = MASKS.samples(scan, settings, np.random.default_rng(1))
    for called in (names, names[::-1]):
        found = Findings("scan", scan.volume.grid, landmarks=Landmarks(called, off))
        for sample, other in zip(cropped(scan, found, settings, MASKS), plain, strict=True):
            assert sample.targets.any() and other.targets.any()
            away, before = (middle_of(each) - np.argwhere(each.targets).mean(axis=0) for each in (sample, other))
            if not np.allclose(away, before):  # the rest of T11 has no landmark that could be found
                np.testing.assert_allclose(away - before, (2, 1, 0), atol=0.8)
                moved += 1
    assert moved == 2 * 12, "of fourteen samples two show T11"


def test_a_vertebra_that_was_missed_keeps_its_own_landmark() -> None:
    scan, settings = scan_in(), settings_of_masks()
    plain = MASKS.samples(scan, settings, np.random.default_rng(1))
    for landmarks in (None, Landmarks.empty(), Landmarks(("L1",), np.array([[500.0, 0.0, 0.0]]))):
        found = Findings("scan", scan.volume.grid, landmarks=landmarks)
        for sample, other in zip(cropped(scan, found, settings, MASKS), plain, strict=True):
            np.testing.assert_array_equal(sample.inputs, other.inputs)
            np.testing.assert_array_equal(sample.memory, other.memory)
