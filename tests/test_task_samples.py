"""The samples of each task obey the published rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning_functions.task import Sample, Settings, load_task, settings_of
from learning_functions.training.training_inputs import with_class_weights
from tests.oracle import BASE, STEP, oracle_landmarks, oracle_scan
from tests.tiny import phantom, scan_of
from utility_functions.anatomy.dense_targets import dense_levels
from utility_functions.anatomy.parts import ARCH, BODY, DISC, PARTS, SACRUM
from utility_functions.files.cases import Case, Scan
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import make_phantom

SPACING_MM = 2.0


def settings_at(name: str, preset: str, patch: tuple[int, int, int], **options: object) -> Settings:
    """A preset at the oracle's spacing."""
    settings = settings_of(load_task(name), preset)
    spec = replace(settings.spec, spacing_mm=(SPACING_MM,) * 3, patch=patch)
    return settings.changed(spec=spec).with_options(**options)


def oracle(volume: Volume | None = None, landmarks: Landmarks | None = None) -> Scan:
    volume = oracle_scan(SPACING_MM, landmarks) if volume is None else volume
    return Scan(Case("oracle", Path("oracle.nii.gz")), volume, landmarks or oracle_landmarks())


def numbered(landmarks: Landmarks | None = None) -> Scan:
    """Each slice's intensity is its number, so a sample tells where it was cut."""
    volume = oracle_scan(SPACING_MM)
    numbers = np.broadcast_to(np.arange(36, dtype=np.int16)[:, None, None], volume.voxels.shape)
    return oracle(volume.with_voxels(np.ascontiguousarray(numbers)), landmarks)


def drawn(name: str, scan: Scan, settings: Settings, seed: int = 1) -> list[Sample]:
    samples = load_task(name).samples(scan, settings, np.random.default_rng(seed))
    assert len(samples) == settings.samples_per_scan
    for sample in samples:
        assert sample.inputs.dtype == np.int16
    return samples


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("preset", ["paper", "small"])
def test_few_detection_samples_hold_no_vertebra(preset: str, seed: int) -> None:
    settings = settings_at("detection", preset, (16, 16, 16))
    samples = drawn("detection", scan_of(phantom(2)), settings, seed)
    empty = sum(not sample.targets.any() for sample in samples)
    assert empty <= settings.options.empty_fraction * len(samples)
    assert {tuple(np.unique(sample.targets)) for sample in samples} <= {(0,), (1,), (0, 1)}


def test_detection_targets_lie_where_the_vertebrae_are_seen() -> None:
    """The oracle's vertebrae are brighter than all else."""
    for sample in drawn("detection", oracle(), settings_at("detection", "small", (16, 16, 16))):
        np.testing.assert_array_equal(sample.targets > 0, sample.inputs[..., 0] >= BASE)


def test_eight_neighbouring_slices_are_seen_and_several_levels_where_there_are_such_slices() -> None:
    leaning = Landmarks(("T12", "L1", "L2"), [[-12.0, 0, 40], [8.0, 0, 8], [34.0, 0, -27]])
    scan = numbered(leaning)
    levels = dense_levels(leaning, scan.volume.grid)
    shown = [np.unique(each[each > 0]).size for each in levels]
    assert 1 in shown and 2 in shown
    settings = settings_at("identification", "paper", (8, 32, 64), elastic_mm=0.0)
    for sample in drawn("identification", scan, settings):
        where = sample.targets > 0
        slices = [int(np.unique(sample.inputs[where][:, channel])[0]) for channel in range(8)]
        x = slices[4]
        assert slices == [number if 0 <= number < 36 else 0 for number in range(x - 4, x + 4)]
        assert shown[x] > 1


def test_one_vertebra_is_enough_for_slices_of_one_level() -> None:
    one = Landmarks(("L1",), [[8.0, 6.0, 0.0]])
    samples = drawn("identification", oracle(landmarks=one), settings_at("identification", "paper", (8, 32, 64)))
    assert {value for sample in samples for value in np.unique(sample.targets)} == {0, 20}


def test_the_target_is_that_of_slice_four() -> None:
    settings = settings_at("identification", "small", (8, 32, 64), elastic_mm=0.0)
    for sample in drawn("identification", oracle(), settings):
        where = sample.targets > 0
        np.testing.assert_array_equal(sample.inputs[where][:, 4], BASE + STEP * sample.targets[where])
        assert (sample.inputs[~where][:, 4] < BASE).all()


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_a_crop_shows_five_hundred_square_millimetres_of_vertebra(preset: str) -> None:
    scan = numbered()
    labelled_mm2 = (dense_levels(oracle_landmarks(), scan.volume.grid) > 0).sum(axis=(1, 2)) * SPACING_MM**2
    settings = settings_at("identification", preset, (8, 32, 40), elastic_mm=0.0)
    for sample in drawn("identification", scan, settings):
        where = sample.targets > 0
        if labelled_mm2[sample.inputs[where][0, 4]] > 1000:  # so that most crops can
            assert where.sum() * SPACING_MM**2 > 500


def test_bending_moves_image_and_target_alike() -> None:
    """Inside the tubes, away from their borders, the oracle's intensity still tells the level."""
    settings = settings_at("identification", "paper", (8, 32, 64))
    for sample in drawn("identification", oracle(), settings)[:20]:
        where = sample.targets > 0
        right = sample.inputs[where][:, 4] == BASE + STEP * sample.targets[where]
        assert right.mean() > 0.6


@pytest.mark.parametrize("name", ["detection", "identification"])
def test_a_scan_without_a_vertebra_inside_is_refused(name: str) -> None:
    far = Landmarks(("L1",), [[9000.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="No vertebra lies inside"):
        drawn(name, oracle(oracle_scan(), far), settings_at(name, "small", (8, 16, 16)))


@pytest.mark.parametrize("name", ["detection", "identification"])
def test_the_same_generator_draws_the_same_samples(name: str) -> None:
    settings = settings_at(name, "small", (8, 16, 16))
    first, again, other = (drawn(name, oracle(), settings, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.inputs, b.inputs) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.inputs, b.inputs) for a, b in zip(first, other, strict=True))


def in_parts() -> Settings:
    return settings_of(load_task("detection"), "shipped").changed(samples_per_scan=6)


def test_parts_are_learnt_from_label_maps_and_only_where_something_was_scanned() -> None:
    made = make_phantom(np.random.default_rng(32), region="lumbar", spacing_mm=2.0)
    scan = Scan(Case("p", Path("p.nii.gz")), made.volume, made.landmarks, made.label_map)
    samples = load_task("detection").samples(scan, in_parts(), np.random.default_rng(1))
    targets = np.stack([sample.targets for sample in samples])
    images = np.stack([sample.inputs[..., 0] for sample in samples])
    assert set(np.unique(targets)) == {0, BODY, DISC, ARCH, SACRUM}
    assert (images[targets == DISC] > -1024).all()
    assert images[targets == BODY].mean() > images[targets == 0].mean()


def test_parts_without_a_label_map_are_refused() -> None:
    with pytest.raises(ValueError, match="learnt from label maps"):
        load_task("detection").samples(oracle(), in_parts(), np.random.default_rng(1))


def test_the_target_is_chosen_by_name() -> None:
    task = load_task("detection")
    small = settings_of(task, "small")
    assert small.aiming_at(task, "parts").spec.labels == PARTS
    assert small.aiming_at(task, "parts").aiming_at(task, "tubes") == small
    with pytest.raises(ValueError, match="one of tubes, parts"):
        small.aiming_at(task, "masks")
    with pytest.raises(ValueError, match="fixed for this task"):
        settings_of(load_task("identification"), "small").aiming_at(load_task("identification"), "parts")


def test_parts_have_no_class_weights() -> None:
    with pytest.raises(ValueError, match="of background and vertebra"):
        with_class_weights(
            settings_of(load_task("detection"), "small").aiming_at(load_task("detection"), "parts"), [1, 2]
        )


@pytest.mark.parametrize("target", ["tubes", "parts"])
@pytest.mark.parametrize("preset", ["paper", "small", "shipped"])
def test_every_preset_can_learn_every_target(preset: str, target: str) -> None:
    task = load_task("detection")
    objective = task.objective(settings_of(task, preset).aiming_at(task, target))
    assert objective.watched == "val_loss" and len(objective.metrics) > 2


def test_a_label_map_in_another_code_than_said_is_refused_for_parts() -> None:
    made = make_phantom(np.random.default_rng(32), region="lumbar", spacing_mm=4.0)
    strange = made.label_map.with_voxels(np.where(made.label_map.voxels > 0, made.label_map.voxels + 60, 0))
    scan = Scan(Case("p", Path("p.nii.gz")), made.volume, made.landmarks, strange)
    with pytest.raises(ValueError, match="label_code"):
        load_task("detection").samples(scan, in_parts(), np.random.default_rng(1))
