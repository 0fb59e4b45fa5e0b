"""Samples of vertebra_masks: a patch round each landmark, its prompt, and the mask of that vertebra alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from learning_functions.task import Sample, Settings, load_task
from tests.tiny import phantom, scan_of, tiny_settings
from utility_functions.anatomy.labelled_vertebrae import vertebrae_in_order
from utility_functions.anatomy.landmark_prompt import centred_first, landmark_prompt
from utility_functions.files.cases import Scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume

PATCH = (28, 32, 24)


def settings(**options: object) -> Settings:
    made = tiny_settings("vertebra_masks", samples_per_scan=12)
    return made.changed(spec=replace(made.spec, patch=PATCH)).with_options(**{"jitter_mm": 0.0, **options})


def drawn(scan: Scan, preset: Settings, seed: int = 1) -> list[Sample]:
    return load_task("vertebra_masks").samples(scan, preset, np.random.default_rng(seed))


def numbered(seed: int = 2) -> Scan:
    """A scan whose image is its own label map, so that samples tell which vertebra they show where."""
    made = phantom(seed)
    labels = resample(made.label_map, made.volume.grid.upright((4.0, 4.0, 4.0)))
    return Scan(scan_of(made).case, Volume(labels.voxels.astype(np.int16), labels.grid), made.landmarks, labels)


def test_the_target_is_the_whole_of_one_vertebra_and_of_no_other() -> None:
    scan = numbered()
    assert scan.label_map is not None
    sampled = set()
    for sample in drawn(scan, settings()):
        labels = np.unique(sample.inputs[..., 0][sample.targets > 0])
        assert len(labels) == 1 and labels[0] > 0
        assert ((sample.inputs[..., 0] == labels[0]) == (sample.targets > 0)).all()
        sampled.add(int(labels[0]))
    assert sampled == {each.label for each in vertebrae_in_order(scan.label_map, "verse")}, "each as often as any other"


def test_the_prompt_is_highest_at_the_landmark_at_the_requested_offset() -> None:
    for offset, places in (((0.0, 0.0, 0.0), (13.5, 15.5, 11.5)), ((0.0, -16.0, 0.0), (13.5, 19.5, 11.5))):
        for sample in drawn(scan_of(phantom(2)), settings(offset_mm=offset, sigma_mm=8.0)):
            assert sample.memory is not None and sample.memory.dtype == np.uint8
            weights = sample.memory.astype(float)
            middle = [(axis * weights).sum() / weights.sum() for axis in np.indices(PATCH)]
            np.testing.assert_allclose(middle, places, atol=0.6)


def test_jitter_moves_patch_and_prompt_but_not_the_target() -> None:
    still, moved = drawn(scan_of(phantom(2)), settings()), drawn(scan_of(phantom(2)), settings(jitter_mm=12.0))
    assert any((a.targets != b.targets).any() for a, b in zip(still, moved, strict=True))
    assert all(sample.targets.any() for sample in moved)


def test_scans_without_centroids_or_names_give_samples() -> None:
    made = phantom(2)
    without = Scan(scan_of(made).case, made.volume, None, made.label_map)
    assert all(sample.targets.any() for sample in drawn(without, settings()))
    with pytest.raises(ValueError, match="label map"):
        drawn(Scan(without.case, made.volume, made.landmarks), settings())


def test_voxels_outside_the_labels_are_padded() -> None:
    made = phantom(2)
    kept = sorted(set(np.unique(made.label_map.voxels)) - {0})[:2]
    labels = made.label_map.with_voxels(np.where(np.isin(made.label_map.voxels, kept), made.label_map.voxels, 0))
    scan = Scan(scan_of(made).case, made.volume, made.landmarks, labels)
    whole, part = drawn(scan_of(made), settings()), drawn(scan, settings())
    assert min((each.inputs > -1024).mean() for each in part) < min((each.inputs > -1024).mean() for each in whole)


def test_a_prompt_is_the_gaussian_of_its_distance_in_mm() -> None:
    box = Grid.from_spacing((5, 6, 7), (1.0, 2.0, 3.0), (10.0, -5.0, 0.0), "LPS")
    point = np.array([8.2, -7.0, 9.5])
    away = np.linalg.norm(box.to_mm(np.moveaxis(np.indices(box.shape), 0, -1)) - point, axis=-1)
    np.testing.assert_array_equal(landmark_prompt(point, box, 4.0), np.rint(255 * np.exp(-(away**2) / 32)))
    with pytest.raises(ValueError, match="sigma above 0"):
        landmark_prompt(point, box, 0.0)


def test_a_patch_is_centred_on_its_point() -> None:
    grid = Grid.from_spacing((50, 50, 50), 2.0)
    np.testing.assert_array_equal(centred_first((40.0, 40.0, 41.0), grid, (11, 10, 10)), (15, 16, 16))
    np.testing.assert_array_equal(centred_first((40.0, 40.0, 41.0), grid, (11, 11, 11), (0, -8.0, 0)), (15, 11, 16))
