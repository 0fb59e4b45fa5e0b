"""generate_samples.py --crop-by: samples of a stage cropped by the trained model of the stage before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from learning_functions.model_files.model_file import read_card, save_model
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import load_task
from tests.scripts.outcome import Run, require_error

FEW = ("--preset", "small", "--samples-per-scan", 2, "--spacing", 8, "--seed", 3)


def saved(name: str, network: keras.Model, path: Path, patch: tuple[int, int, int] = (16, 16, 16)) -> Path:
    settings = load_task(name).presets["small"].changed(filters=2, levels=2)
    spec = replace(settings.spec, spacing_mm=(8.0, 8.0, 8.0), patch=patch, window=(-1000.0, 1000.0))
    settings = settings.changed(spec=spec)
    save_model(network, path, {"task": name, "spec": spec.to_json(), "settings": settings.to_json(), "training": {}})
    return path


def untrained(name: str, path: Path) -> Path:
    keras.utils.set_random_seed(1)
    settings = load_task(name).presets["small"].changed(filters=2, levels=2)
    settings = settings.changed(spec=replace(settings.spec, patch=(16, 16, 16)))
    return saved(name, load_task(name).network(settings), path)


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spine heatmap that responds to voxels above 200 HU."""
    image = keras.Input((16, 16, 16, 1))
    layer = keras.layers.Conv3D(1, 1, activation="sigmoid", name="heat")
    network = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 1, 1, 1), 100.0), np.array([-20.0])])
    return saved("spine_heatmap", network, tmp_path_factory.mktemp("bright") / "spine_heatmap.h5")


def test_crops_do_not_depend_on_workers_and_the_file_names_the_models(run: Run, bright: Path, tmp_path: Path) -> None:
    landmarks, made = untrained("vertebra_heatmaps", tmp_path / "vertebra_heatmaps.h5"), []
    for workers in (1, 2):
        path = tmp_path / f"{workers}.h5"
        options = ("--workers", workers, "--crop-by", landmarks, "--crop-by", bright)
        outcome = run("generate_samples", "vertebra_masks", "phantom:2:lumbar", path, *FEW, *options)
        assert outcome.code == 0 and "4 samples of 2 scans" in outcome.out, outcome.err
        made.append(path.read_bytes())
    assert made[0] == made[1]
    store = open_store(tmp_path / "1.h5")
    assert [(each["file"], each["task"]) for each in store.cropped_by] == [
        ("vertebra_heatmaps.h5", "vertebra_heatmaps"),
        ("spine_heatmap.h5", "spine_heatmap"),
    ]
    assert store.cropped_by[1]["sha256"] == hashlib.sha256(bright.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("task", "models", "words"),
    [
        ("detection", ["bright"], "Samples of detection are cropped by no model"),
        ("instances", ["bright"], "Samples of instances are cropped by no model"),
        ("vertebra_masks", ["bright"], "a model that finds landmarks. Received: one of spine_heatmap"),
        ("vertebra_heatmaps", ["masks"], "finds heatmap or detection. Received: one of vertebra_masks"),
        ("vertebra_heatmaps", ["bright", "masks"], "Received: one of vertebra_masks"),
        ("vertebra_heatmaps", ["bright", "bright"], "One model per task crops"),
        ("vertebra_masks", ["identification"], "A model of identification needs what another finds"),
        ("vertebra_heatmaps", ["nowhere.h5"], "There is no model file"),
        ("vertebra_heatmaps", ["text.h5"], "is not an HDF5 file"),
        ("vertebra_heatmaps", ["plain.h5"], "with a card"),
        ("vertebra_heatmaps", ["broken.h5"], "cannot be used"),
    ],
)
def test_unsuitable_models_for_cropping_are_reported_in_one_line(
    run: Run, bright: Path, oracles: list[Path], tmp_path: Path, task: str, models: list[str], words: str
) -> None:
    (tmp_path / "text.h5").write_text("hello")
    image = keras.Input((16, 16, 16, 1))
    network = keras.Model(image, keras.layers.Conv3D(1, 1, activation="sigmoid")(image))
    network.save(tmp_path / "plain.h5")
    known = {"bright": bright, "identification": oracles[1]}
    if "masks" in models:
        known["masks"] = untrained("vertebra_masks", tmp_path / "masks.h5")
    if "broken.h5" in models:
        card = {**(read_card(bright) or {}), "settings": {"spec": {}, "preset": "small"}}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("learning_functions.model_files.model_file.check_fit", lambda *_: None)
            save_model(network, tmp_path / "broken.h5", card)
    options = [part for name in models for part in ("--crop-by", known.get(name, tmp_path / name))]
    require_error(run("generate_samples", task, "phantom:1:lumbar", tmp_path / "s.h5", *FEW, *options), words)
    assert not (tmp_path / "s.h5").exists()
