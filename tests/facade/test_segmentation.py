"""segment and Pipeline give the findings of the models for every kind of image, and write the files of measure.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import measure
import spine_levels
from learning_functions.predict.pipeline import load_models, run_models
from tests.oracle import NAMES, oracle_landmarks, oracle_models, oracle_scan
from utility_functions.files.images import write_image

SCAN = oracle_scan()
ALMOST_MM = 0.01


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return oracle_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def pipeline(models: list[Path]) -> spine_levels.Pipeline:
    return spine_levels.Pipeline(models, device="cpu")


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "oracle.nii.gz"
    write_image(SCAN, path)
    return path


def test_a_scan_is_named_and_outlined(pipeline: spine_levels.Pipeline, models: list[Path]) -> None:
    result = pipeline.segment(SCAN.voxels, affine=SCAN.grid.affine)
    assert list(result.landmarks["level"]) == list(NAMES)
    np.testing.assert_allclose(result.landmarks[["x", "y", "z"]], oracle_landmarks().points_mm, atol=3)
    found = run_models(load_models(models), SCAN)
    np.testing.assert_array_equal(result.landmarks[["x", "y", "z"]], found.landmarks.points_mm)
    np.testing.assert_array_equal(np.asanyarray(result.labels.dataobj), found.instances.voxels)
    assert result.landmarks["probability"].between(0, 1).all()
    assert result.notes == found.notes


@pytest.mark.parametrize("kind", ["path", "nibabel", "simpleitk"])
def test_every_kind_of_image_gives_the_same_answer(kind: str, pipeline: spine_levels.Pipeline, scan_file: Path) -> None:
    image: Any = {"path": lambda: scan_file, "nibabel": lambda: nib.load(scan_file)}.get(
        kind, lambda: sitk.ReadImage(str(scan_file))
    )()
    expected = pipeline.segment(SCAN.voxels, affine=SCAN.grid.affine).landmarks
    found = pipeline.segment(image).landmarks
    assert list(found["level"]) == list(expected["level"])
    np.testing.assert_allclose(found[["x", "y", "z"]], expected[["x", "y", "z"]], atol=ALMOST_MM)


def test_a_scan_with_nothing_in_it_gives_an_empty_result(pipeline: spine_levels.Pipeline, tmp_path: Path) -> None:
    result = pipeline.segment(np.full((20, 20, 20), -1000, np.int16), affine=np.diag((2, 2, 2, 1)), name="air")
    assert len(result.landmarks) == 0 and not np.asanyarray(result.labels.dataobj).any()
    assert "No vertebra was found." in result.notes
    assert (tmp_path / "air_vertebrae.nii.gz") in result.save(tmp_path)


def test_save_writes_what_measure_writes_of_a_scan(
    pipeline: spine_levels.Pipeline, models: list[Path], scan_file: Path, tmp_path: Path
) -> None:
    assert measure.main([str(scan_file), *map(str, models), "--output", str(tmp_path / "measured")]) == 0
    pipeline.segment(scan_file).save(tmp_path / "saved")
    of_a_run = {"results.json", "results.csv", "report.html", "oracle_findings.json"}
    names = {path.name for path in (tmp_path / "measured").iterdir()} - of_a_run
    assert names == {path.name for path in (tmp_path / "saved").iterdir()}
    for name in names - {"oracle.png"}:
        if name.endswith(".nii.gz"):
            one, other = (nib.load(tmp_path / folder / name) for folder in ("measured", "saved"))
            np.testing.assert_array_equal(one.affine, other.affine)
            np.testing.assert_array_equal(np.asanyarray(one.dataobj), np.asanyarray(other.dataobj))
        else:
            assert (tmp_path / "measured" / name).read_bytes() == (tmp_path / "saved" / name).read_bytes()


def test_options_are_those_of_measure(models: list[Path], scan_file: Path, tmp_path: Path) -> None:
    """The last stage, supplied landmarks, and stages stored for a later run."""
    kept = spine_levels.segment(scan_file, models, "cpu", save_intermediate=True, stop_after="detection")
    assert len(kept.landmarks) == 0 and np.asanyarray(kept.labels.dataobj).any()
    assert tmp_path / "oracle_stages.json" in kept.save(tmp_path)
    again = spine_levels.segment(scan_file, models[1:], "cpu", from_results=str(tmp_path))
    assert list(again.landmarks["level"]) == list(NAMES)
    with pytest.raises(ValueError, match="continue from"):
        again.save(tmp_path)


def test_models_may_be_loaded_before(models: list[Path], pipeline: spine_levels.Pipeline) -> None:
    loaded = [spine_levels.load_model(path) for path in models]
    assert loaded[0].network.input_shape[-1] == 1 and loaded[0].card["task"] == "detection"
    assert spine_levels.Pipeline(loaded).models == loaded


def test_bare_names_are_shipped_models() -> None:
    model = spine_levels.load_model("spine_heatmap")
    assert model.task_name == "spine_heatmap" and model.path.parent.name == "saved_models"
    with pytest.raises(ValueError, match=r"shipped, detection, identification.*Received: spine_response\."):
        spine_levels.load_model("spine_response")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"memory": 3}, r"options are .*memory_gb.*Received: memory\."),
        ({"naming": "guess"}, "decoder, chain, published.*Received: 'guess'"),
        ({"memory_gb": -1}, "memory"),
        ({"stop_after": "nothing"}, "stage to stop after"),
        ({"device": "tpu"}, r"A device is auto, cpu, gpu or gpu:N\. Received: 'tpu'"),
        ({"models": ["nowhere.h5"]}, "no model file nowhere.h5"),
        ({"models": "nowhere.toml"}, "nowhere.toml: cannot be read"),
        ({"models": ["a.toml", "detection"]}, "allows no other models"),
        ({"models": ["identification"]}, "detection"),
    ],
)
def test_unusable_arguments_give_one_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spine_levels.Pipeline(**options)
