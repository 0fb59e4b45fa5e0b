"""Samples of vertebra_heatmaps: points at visible vertebrae, judged landmarks, fitted statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate.generation import generate
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import Settings, load_task
from learning_functions.training.spine_statistics import spine_statistics
from losses_and_metrics.landmark_heatmap_loss import ABSENT, PRESENT, UNKNOWN
from tests.tiny import phantom, scan_of, tiny_settings, write_case
from utility_functions.anatomy.labels import LEVELS, VERTEBRAE
from utility_functions.anatomy.naming.default_statistics import scan_statistics
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.files.cases import Scan
from utility_functions.geometry.landmarks import Landmarks

TASK = load_task("vertebra_heatmaps")


def settings_with(**options: object) -> Settings:
    settings = tiny_settings("vertebra_heatmaps", samples_per_scan=6)
    return settings.with_options(**options)


def bright_at_landmarks(names: tuple[str, ...]) -> Scan:
    """An image on a phantom's grid: 0, except for the voxel nearest to each landmark, with its level's position + 1."""
    made = phantom(2)
    landmarks = made.landmarks.only(names)
    voxels = np.zeros(made.volume.grid.shape, np.int16)
    grid = made.volume.grid
    centres = []
    for name, point in landmarks:
        voxel = np.rint(grid.to_index(point)).astype(int)
        voxels[tuple(voxel)] = 100 * (LEVELS.index(name) + 1)
        centres.append(grid.to_mm(voxel))
    return Scan(scan_of(made).case, made.volume.with_voxels(voxels), Landmarks(landmarks.names, np.array(centres)))


def test_points_of_a_patch_lie_on_the_vertebrae_it_shows() -> None:
    scan = bright_at_landmarks(("L1", "L2", "L3"))
    settings = settings_with()
    settings = settings.changed(spec=replace(settings.spec, spacing_mm=scan.volume.grid.spacing_mm))
    shown = 0
    for sample in TASK.samples(scan, settings, np.random.default_rng(1)):
        assert sample.numbers is not None and sample.numbers.shape == (len(LEVELS) * 4,)
        points = sample.numbers[len(LEVELS) :].reshape(-1, 3)
        for name in ("L1", "L2", "L3"):
            voxel = np.rint(points[LEVELS.index(name)]).astype(int)
            if (voxel >= 0).all() and (voxel < settings.spec.patch).all():
                shown += 1
                assert sample.inputs[tuple(voxel)][0] > 0, "the image is bright at the point"
        assert np.isnan(points[LEVELS.index("C1")]).all()
    assert shown >= 3


def test_every_patch_is_judged_where_labels_are_complete() -> None:
    numbers = np.full((1, len(LEVELS) * 4), np.nan, np.float32)
    numbers[0, : len(LEVELS)] = 1
    points = numbers[0, len(LEVELS) :].reshape(-1, 3)
    points[VERTEBRAE.index("L1")] = (3.5, 4, 5)
    points[VERTEBRAE.index("L2")] = (3, 4, 99)
    points[VERTEBRAE.index("L3")] = (1, 2, 3)
    numbers[0, VERTEBRAE.index("L3")] = numbers[0, VERTEBRAE.index("L4")] = 0
    for absent, expected in (("empty", ABSENT), ("unknown", UNKNOWN)):
        y, w = TASK.arrange(None, None, numbers, settings_with(absent=absent))  # type: ignore[attr-defined]
        places = dict(zip(VERTEBRAE, np.asarray(y)[0], strict=True))
        assert w is None and np.isfinite(np.asarray(y)).all()
        np.testing.assert_array_equal(places["L1"], (3.5, 4, 5, PRESENT))
        np.testing.assert_array_equal(places["L2"], (0, 0, 0, expected))
        np.testing.assert_array_equal(places["C1"], (0, 0, 0, expected))
        np.testing.assert_array_equal(places["L3"], (0, 0, 0, UNKNOWN))
        np.testing.assert_array_equal(places["L4"], (0, 0, 0, UNKNOWN))


def test_a_landmark_just_outside_a_patch_is_not_judged() -> None:
    settings = settings_with(sigma=2.0)
    for sample in TASK.samples(scan_of(phantom(2)), settings, np.random.default_rng(4)):
        assert sample.numbers is not None
        known, points = sample.numbers[: len(LEVELS)], sample.numbers[len(LEVELS) :].reshape(-1, 3)
        outside = np.maximum(np.maximum(-0.5 - points, points - (np.array(settings.spec.patch) - 0.5)), 0).max(axis=1)
        assert not known[(outside > 0) & (outside < 6.0)].any()


def test_sacral_levels_are_targets_on_request() -> None:
    settings = settings_with().aiming_at(TASK, "levels")
    assert settings.spec.labels == LEVELS and TASK.io_signature(settings).outputs == {"": (5, 28)}
    with pytest.raises(ValueError, match="vertebrae, levels"):
        settings.aiming_at(TASK, "tubes")


def test_statistics_are_learnt_from_each_scan_once(tmp_path: Path) -> None:
    cases = [write_case(phantom(seed), tmp_path, f"phantom{seed}") for seed in (1, 2, 3)]
    generate("vertebra_heatmaps", cases, tmp_path / "samples.h5", settings_with(), workers=1)
    store = open_store(tmp_path / "samples.h5")
    found = spine_statistics(store, len(LEVELS))
    assert Statistics.from_json(found.to_json()) == found
    usual, anywhere = Statistics(), scan_statistics()
    assert found.starts == anywhere.starts and found.inverse_temperature == anywhere.inverse_temperature
    lengths = []
    for seed in (1, 2, 3):
        landmarks = phantom(seed).landmarks
        if {"L3", "L4"} <= set(landmarks.names):
            lengths.append(np.linalg.norm(landmarks.point("L4") - landmarks.point("L3")))
    weighed = (np.sum(lengths) + 5 * usual.steps_mm["L3", "L4"][0]) / (len(lengths) + 5)
    assert found.steps_mm["L3", "L4"][0] == pytest.approx(weighed, rel=0.01)
