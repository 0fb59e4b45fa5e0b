"""The shipped models: files that load anywhere, and correct names without further options."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import measure
from experiments.small_fields import SEED
from learning_functions.model_files.pretrained import SHIPPED, SHIPPED_MODELS
from learning_functions.predict.trained_model import TrainedModel
from tests.tiny import phantom, write_case
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.images import read_image, read_label_map, write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.phantom.spineless import painted_spineless

OF_A_SCAN = ("_vertebrae.nii.gz", "_centroids.json", "_centroids.mrk.json", ".png")
OF_THE_RUN = ("results.json", "results.csv", "report.html")
MOST_BYTES = 15_000_000
NEAR_MM = 20.0


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_a_shipped_model_loads_with_a_card_of_its_training(name: str) -> None:
    model = TrainedModel.load(SHIPPED / name)
    assert model.task_name == model.card["task"] == Path(name).stem
    assert model.settings.preset == "shipped"
    trained = model.card["training"]
    assert 1 <= trained["best_epoch"] <= trained["epochs"] and np.isfinite(trained["best"])
    assert min(trained["scans"].values()) > 0 and min(trained["samples"].values()) > 0
    assert {"python", "keras", "tensorflow"} <= set(model.card["versions"])


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_a_shipped_model_is_a_small_file_of_weights_and_layers_alone(name: str) -> None:
    assert (SHIPPED / name).stat().st_size < MOST_BYTES
    with h5py.File(SHIPPED / name) as file:
        assert "model_weights" in file and "optimizer_weights" not in file
        assert "training_config" not in file.attrs
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
    assert "Lambda" not in {layer["class_name"] for layer in layers}


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_plain_keras_loads_a_shipped_model(name: str) -> None:
    network = keras.models.load_model(SHIPPED / name, compile=False)
    visible = np.zeros((1, *(size or 32 for size in network.input_shape[1:])), np.float32)
    outputs = keras.tree.flatten(network(visible, training=False))
    assert outputs and all(np.isfinite(np.asarray(output)).all() for output in outputs)


def names_near(found: Landmarks, truth: Landmarks) -> list[str]:
    """The levels found within NEAR_MM of where they truly are."""
    true = dict(truth)
    return [name for name, point in found if name in true and np.linalg.norm(point - true[name]) <= NEAR_MM]


def measured(scan: Path, folder: Path, with_truth: bool) -> Landmarks:
    """The findings of the shipped models, after a check of all written files and their grids."""
    assert measure.main([str(scan), "--output", str(folder)]) == 0
    case_id = find_cases(scan)[0].case_id
    labels, centroids, markups, picture = (folder / f"{case_id}{ending}" for ending in OF_A_SCAN)
    for path in (labels, centroids, markups, picture, *(folder / name for name in OF_THE_RUN)):
        assert path.is_file() and path.stat().st_size > 0, path.name
    assert (folder / "errors.png").exists() == with_truth
    image = read_image(scan)
    written = read_label_map(labels)
    written.grid.require_same(image.grid, case_id)
    found = read_landmarks(centroids, image.grid)
    assert len(found.names) > 0 and written.voxels.any()
    assert all(image.grid.contains(point, NEAR_MM) for _, point in found)
    again = read_landmarks(markups, image.grid)
    assert set(again.names) - {"S2"} == set(found.names), "of the sacrum VerSe numbers S1 alone"
    np.testing.assert_allclose([dict(again)[name] for name, _ in found], found.points_mm, atol=0.2)
    return found


def test_without_models_named_a_phantom_s_levels_are_named_right(tmp_path: Path) -> None:
    made = phantom(3)
    case = write_case(made, tmp_path, "lumbar")
    found = measured(case.image_path, tmp_path / "results", with_truth=True)
    assert names_near(found, made.landmarks), f"found {list(found)}, true are {list(made.landmarks)}"


def notes_in(record: Any) -> list[str]:
    """All texts in a JSON record."""
    if isinstance(record, str):
        return [record]
    inner = record.values() if isinstance(record, dict) else record if isinstance(record, list) else ()
    return [text for each in inner for text in notes_in(each)]


@pytest.mark.parametrize(("kind", "place"), [("arm", 3), ("foot", 19), ("right hip", 8)])
def test_no_vertebra_is_named_in_a_scan_without_a_spine(kind: str, place: int, tmp_path: Path) -> None:
    scan = painted_spineless(kind, np.random.default_rng([SEED, 0, place]))
    write_image(scan, tmp_path / "scan_ct.nii.gz")
    assert measure.main([str(tmp_path / "scan_ct.nii.gz"), "--output", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "scan_ct_findings.json").read_text(encoding="utf-8"))
    assert any("No vertebra was found" in note for note in notes_in(result))
    assert not read_label_map(tmp_path / "out" / "scan_ct_vertebrae.nii.gz").voxels.any()


def test_the_python_of_readme_names_a_phantom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spine_levels", reason="the facade is not part of this tree")
    readme = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    made = phantom(3)
    write_image(made.volume, tmp_path / "scan.nii.gz")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert set(names["result"].landmarks["level"]) & set(made.landmarks.names)
    assert read_label_map(tmp_path / "results" / "scan_vertebrae.nii.gz").voxels.any()


@pytest.mark.real
def test_a_real_ct_is_measured_whole(real: Path, tmp_path: Path) -> None:
    measured(real / "verse014" / "sub-verse014_ct.nii.gz", tmp_path, with_truth=True)


@pytest.mark.real
def test_a_real_dicom_series_is_measured_whole(real: Path, tmp_path: Path) -> None:
    measured(real / "totalseg_dicom" / "series", tmp_path, with_truth=False)
