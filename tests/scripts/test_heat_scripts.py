"""The top-down system over measure.py: a spine heatmap, then one vertebra after another along it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from learning_functions.running.model_file import save_model
from learning_functions.task import load_task
from tests.oracle import AIR, BASE, oracle_scan
from tests.scripts.said import Run
from utility_functions.files.images import read_image, write_image

THRESHOLD = 2 * ((AIR + BASE) / 2 - AIR) / (1000.0 - AIR) - 1
"""Between air and a vertebra, as networks see it."""


def saved(name: str, network: keras.Model, path: Path) -> Path:
    settings = load_task(name).PRESETS["small"]
    spec = replace(settings.spec, spacing_mm=(2.0, 2.0, 2.0), patch=(16, 16, 16), window=(AIR, 1000.0))
    settings = settings.changed(spec=spec)
    save_model(network, path, {"task": name, "spec": spec.to_json(), "settings": settings.to_json(), "training": {}})
    return path


@pytest.fixture(scope="module")
def top_down(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Heat wherever the image is bright; a vertebra wherever it is bright and memory holds nothing."""
    folder = tmp_path_factory.mktemp("top_down")
    image = keras.Input((16, 16, 16, 1))
    layer = keras.layers.Conv3D(1, 1, activation="sigmoid", name="heat")
    heat = keras.Model(image, layer(image))
    layer.set_weights([np.full((1, 1, 1, 1, 1), 100.0), np.array([-100.0 * THRESHOLD])])
    both = keras.Input((16, 16, 16, 2))
    layer = keras.layers.Conv3D(1, 1, activation="sigmoid", name="mask")
    mask = layer(both)
    layer.set_weights([np.array([100.0, -400.0]).reshape(1, 1, 1, 2, 1), np.array([-100.0 * THRESHOLD])])
    seen = keras.layers.GlobalAveragePooling3D()(both)
    complete = keras.layers.Dense(1, activation="sigmoid", name="complete")(seen)
    level = keras.layers.Dense(1, activation="relu", bias_initializer=keras.initializers.Constant(20), name="level")
    answers = {"mask": mask, "complete": complete, "level": level(seen)}
    return [
        saved("instances", keras.Model(both, answers), folder / "instances.h5"),
        saved("spine_heatmap", heat, folder / "spine_heatmap.h5"),
    ]


def test_a_heatmap_leads_the_traversal_and_is_written_only_when_asked_for(
    run: Run, top_down: list[Path], tmp_path: Path
) -> None:
    scan = oracle_scan().reoriented("PIR")
    write_image(scan, tmp_path / "in" / "alone.nii.gz")
    out = tmp_path / "out"
    said = run("measure", tmp_path / "in", *top_down, "--output", out, "--save-intermediate")
    assert said.code == 0, said.err
    assert json.loads((out / "alone_trail.json").read_text())["start"] == "heat"
    assert (out / "alone_vertebrae.nii.gz").is_file()
    heat = read_image(out / "alone_heatmap.nii.gz")
    heat.grid.require_same(scan.grid, "heat and scan")
    bright = scan.voxels >= BASE
    assert heat.voxels[bright].mean() > 0.9 and heat.voxels[~bright].mean() < 0.1
    said = run("measure", tmp_path / "in", *top_down, "--output", out, "--skip-existing")
    assert said.code == 2 and "save_intermediate True, now None" in said.errors[0]
    said = run("measure", tmp_path / "in", *top_down, "--output", out)
    assert said.code == 0 and not (out / "alone_heatmap.nii.gz").exists()


def test_a_heatmap_alone_is_measured_too(run: Run, top_down: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "alone.nii.gz")
    said = run("measure", tmp_path / "alone.nii.gz", top_down[1], "--output", tmp_path / "out", "--save-intermediate")
    assert said.code == 0 and "no names" in said.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"alone_heatmap.nii.gz", "alone.png", "report.html"} <= names and "alone_vertebrae.nii.gz" not in names
    said = run("measure", tmp_path, top_down[1], "--output", tmp_path / "again")
    assert said.code == 0 and "1 of 1 scans" in said.out, "our own heatmap is no scan"
