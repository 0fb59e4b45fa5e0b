"""The contract of every task: sample, train a step, save, load with equal output, predict on the scan's grid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import run_models
from learning_functions.predict.trained_model import TrainedModel
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from learning_functions.stored_settings import settings_from_samples
from learning_functions.task import Settings, load_task, task_names
from learning_functions.training.checkpoints import Checkpoints
from learning_functions.training.fit import train
from learning_functions.training.training_choices import Training
from tests.tiny import phantom, tiny_settings, write_samples
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import TubeMap, VertebraMap


class Trained(NamedTuple):
    """A tiny task: its settings, its samples and the model trained with them."""

    settings: Settings
    samples: Path
    model: TrainedModel


FORMS = [*((name, "small") for name in task_names()), ("identification", "shipped"), ("instances", "pair")]
"""Each task's small preset, and others that answer or see in another form."""


@pytest.fixture(scope="module", params=FORMS, ids="-".join)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    name, preset = request.param
    folder = tmp_path_factory.mktemp(name)
    settings = tiny_settings(name, preset)
    training, validation = write_samples(name, folder, settings)
    augment = "none" if settings.options.augment == "synth" else None  # .lml files have no tissues
    train(training, validation, folder / "model.h5", lambda record: record, Training(augment=augment))
    return Trained(settings, training, TrainedModel.load(folder / "model.h5"))


def test_samples_fit_the_spec(trained: Trained) -> None:
    store = open_store(trained.samples)
    spec = trained.settings.spec
    assert (store.task, store.spec, store.count) == (trained.model.task_name, spec, trained.settings.samples_per_scan)
    assert settings_from_samples(trained.model.task, store.settings) == trained.settings
    assert store.input_shape[-1] == spec.channels
    assert store.input_shape[:-1] in (spec.patch, spec.patch[1:])
    assert store.target_shape[: len(store.input_shape) - 1] == store.input_shape[:-1]
    inputs = np.empty((store.count, *store.input_shape), store.input_dtype)
    targets = np.empty((store.count, *store.target_shape), store.target_dtype)
    SampleReader(store).read(np.arange(store.count), inputs, targets)  # some may show no vertebra
    assert inputs.std() > 0 and targets.any()


def test_the_saved_network_gives_the_outputs_of_the_trained_one(trained: Trained) -> None:
    network = Checkpoints(trained.model.path).load(1)
    images = np.random.default_rng(1).normal(size=(2, *network.inputs[0].shape[1:])).astype("float32")
    given = trained.model.network(images, training=False)
    expected = trained.model.task.network_for_inference(network)(images, training=False)
    named = isinstance(given, dict)
    assert named == isinstance(expected, dict)
    for name in given if named else [...]:
        answers = np.asarray(given[name])
        np.testing.assert_allclose(answers, expected[name], rtol=1e-6, atol=1e-6)
        assert answers.dtype == np.float32 and np.isfinite(answers).all()


def test_the_card_holds_what_the_network_needs(trained: Trained) -> None:
    card = trained.model.card
    assert card["task"] == trained.model.task_name == trained.model.task.name
    assert Settings.from_json(card["settings"], trained.model.task.options_type) == trained.settings
    assert card["training"]["epochs"] == card["training"]["best_epoch"] == 1
    assert {"python", "keras", "tensorflow", "numpy"} <= set(card["versions"])


@pytest.mark.parametrize("windows", ["tiles", "published"])
@pytest.mark.parametrize("axcodes", ["PIR", "LSA"])
def test_findings_lie_on_the_scan_s_own_grid(trained: Trained, axcodes: str, windows: str) -> None:
    made = phantom(3, axcodes)
    middle = [size // 2 - 8 for size in made.volume.grid.shape], (16, 17, 18)
    volume, labels = made.volume.window(*middle), made.label_map.window(*middle)
    grid = volume.grid
    known = {
        "detection": TubeMap((labels.voxels > 0).astype(np.uint8), grid),
        "instances": VertebraMap(labels.voxels, grid),
        "landmarks": made.landmarks.at(np.flatnonzero(grid.contains(made.landmarks.points_mm))),
    }
    task = trained.model.task
    findings = Findings("scan", grid).having(**{need: known[need] for need in task.needs})
    found = run_models([trained.model], volume, options=InferenceOptions(windows=windows), before=findings)
    assert found.grid is grid and found.seconds[trained.model.task_name] > 0
    for name in task.gives:
        assert getattr(found, name) is not None
    for name, found_map in found.maps.items():
        found_map.grid.require_same(grid, name)
        assert found_map.voxels.shape == volume.voxels.shape
    for need in task.needs:
        assert getattr(found, need) is known[need], "earlier findings are returned unchanged"
    if found.landmarks is not None:
        assert np.isfinite(found.landmarks.points_mm).all()
        assert all(grid.contains(point, 20.0) for _, point in found.landmarks)


def test_augmentation_and_objective_are_made_from_the_settings(trained: Trained) -> None:
    objective = trained.model.task.objective(trained.settings)
    assert objective.watched.startswith("val_") and objective.metrics
    augmented = trained.model.task.augmentation(trained.settings)
    store = open_store(trained.samples)
    x = np.zeros(store.input_shape, np.float32)
    y = np.zeros(store.target_shape, store.target_dtype)
    changed = augmented(x, y, None, [1, 2], -1.0)
    assert tuple(changed[0].shape) == x.shape and tuple(changed[1].shape) == y.shape


def fresh(code: str) -> list[str]:
    """The words that ``code`` prints in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    return done.stdout.split()


HEAVY = "print(*[name for name in ('keras', 'tensorflow') if name in sys.modules])"


def test_listing_tasks_imports_none_of_them() -> None:
    listed = fresh(
        "import sys; from learning_functions.task import task_names; task_names()\n"
        f"print(*[name for name in sys.modules if name.startswith('learning_functions.tasks.')]); {HEAVY}"
    )
    assert listed == []


@pytest.mark.parametrize("name", task_names())
def test_a_task_imports_no_keras_before_it_is_needed(name: str) -> None:
    assert fresh(f"import sys, learning_functions.tasks.{name}; {HEAVY}") == []


@pytest.mark.parametrize("name", task_names())
def test_presets_are_named_after_themselves(name: str) -> None:
    presets = load_task(name).presets
    assert {"small", "shipped", *(["paper"] if load_task(name).published else [])} <= set(presets)
    for preset, settings in presets.items():
        assert settings.preset == preset
        assert Settings.from_json(settings.to_json(), load_task(name).options_type) == settings


@pytest.mark.parametrize(
    ("name", "preset"), [(name, preset) for name in task_names() for preset in load_task(name).presets]
)
def test_every_preset_s_network_has_the_signature_of_its_task(name: str, preset: str) -> None:
    task, settings = load_task(name), load_task(name).presets[preset].changed(filters=2)
    assert task.io_signature(settings).misfit(task.network(settings), settings.spec) is None


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="A task is one of detection"):
        load_task("os")
