"""The shipped models on scans whose patient orientation differs from the header."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import measure
from learning_functions.measure.pipeline_file import read_plan
from learning_functions.model_files.pretrained import SHIPPED
from learning_functions.predict.pipeline import load_models, run_models
from learning_functions.predict.trained_model import TrainedModel
from spine_levels.cli import spine_measure
from tests.tiny import phantom
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.images import read_grid, read_label_map, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.quarter_turns import turned, turned_points
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings

PLAN = read_plan(SHIPPED / "masks_at_landmarks.toml", vars(spine_measure.parser().parse_args(["scan.nii.gz"])))


@pytest.fixture(scope="module")
def volume() -> Volume:
    made = phantom(3)  # stored SRA, voxels of 4 mm
    return made.volume.window(
        made.volume.grid.to_index(made.landmarks.point("L3")).astype(int) - (18, 11, 22), (36, 22, 30)
    )


@pytest.fixture(scope="module")
def models() -> list[TrainedModel]:
    return load_models(PLAN.models)


@pytest.fixture(scope="module")
def unturned(models: list[TrainedModel], volume: Volume) -> Findings:
    return run_models(models, volume)


@pytest.mark.parametrize(("turns", "axcodes"), [(1, "PIR"), (2, "RAS"), (3, "LPS")])
def test_the_same_is_detected_however_a_patient_was_laid(
    models: list[TrainedModel], volume: Volume, unturned: Findings, turns: int, axcodes: str
) -> None:
    found = run_models(models[:1], turned(volume, turns).reoriented(axcodes))
    assert unturned.quarter_turns == 0 and found.quarter_turns == -turns % 4
    assert found.detection is not None and unturned.detection is not None
    same = turned(unturned.detection, turns).reoriented(axcodes)
    np.testing.assert_array_equal(found.detection.voxels, same.voxels)
    found.detection.grid.require_same(same.grid, "both")


def test_all_that_is_found_is_the_same_and_lies_where_the_header_puts_it(
    models: list[TrainedModel], volume: Volume, unturned: Findings
) -> None:
    turns, axcodes = 1, "PIR"
    turned_volume = turned(volume, turns).reoriented(axcodes)
    found = run_models(models, turned_volume)
    assert found.landmarks is not None and unturned.landmarks is not None and len(found.landmarks)
    assert found.landmarks.names == unturned.landmarks.names
    expected = turned_points(unturned.landmarks.points_mm, turns)
    np.testing.assert_allclose(found.landmarks.points_mm, expected, atol=1e-6)
    for name, each in unturned.maps.items():
        same = turned(each, turns).reoriented(axcodes)
        assert getattr(found, name).grid.same_as(turned_volume.grid)
        np.testing.assert_array_equal(getattr(found, name).voxels, same.voxels)
    assert [note for note in found.notes if "does not lie as the header says" in note]
    assert set(unturned.notes) < set(found.notes)


def test_a_run_tells_of_the_turn_and_can_be_gone_on_from(
    volume: Volume, unturned: Findings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / "laid.nii.gz"
    write_image(turned(volume, 2), scan)
    detection, identification, masks = (str(path) for path in PLAN.models)
    first, second = tmp_path / "first", tmp_path / "second"
    begun = [str(scan), detection, identification, "--save-intermediate", "--output", str(first)]
    assert measure.main(begun) == 0
    assert measure.main([str(scan), masks, "--from-results", str(first), "--output", str(second)]) == 0
    (row,) = json.loads((second / "results.json").read_text())["scans"]
    assert [note for note in row["notes"] if "what it calls left is right" in note] and row["quarter_turns"] == 2
    assert unturned.instances is not None and unturned.landmarks is not None
    instances = read_label_map(second / "laid_vertebrae.nii.gz")
    np.testing.assert_array_equal(
        instances.reoriented("RAS").voxels, turned(unturned.instances, 2).reoriented("RAS").voxels
    )
    found = read_landmarks(second / "laid_centroids.json", read_grid(scan))
    places = dict(zip(unturned.landmarks.names, turned_points(unturned.landmarks.points_mm, 2), strict=True))
    assert len(found)
    for name, point in found:
        assert np.linalg.norm(point - places[name]) < 0.2
    believed = [
        str(scan),
        masks,
        "--from-results",
        str(first),
        "--orientation",
        "header",
        "--output",
        str(tmp_path / "no"),
    ]
    assert measure.main(believed) == 2
    assert "which --orientation header forbids; run detection again" in capsys.readouterr().out


def test_a_header_that_is_to_be_believed_is(volume: Volume, tmp_path: Path) -> None:
    scan = tmp_path / "laid.nii.gz"
    write_image(turned(volume, 1), scan)
    out = tmp_path / "out"
    assert measure.main([str(scan), *map(str, PLAN.models[:1]), "--orientation", "header", "--output", str(out)]) == 0
    (row,) = json.loads((out / "results.json").read_text())["scans"]
    assert not [note for note in row["notes"] if "lie" in note]


def test_a_scan_with_its_axes_exchanged_is_told_in_all_outputs(
    volume: Volume, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upright = volume.reoriented("RAS")
    voxels = np.ascontiguousarray(np.swapaxes(upright.voxels, 0, 2))
    scan, out = tmp_path / "exchanged.nii.gz", tmp_path / "out"
    write_image(Volume(voxels, Grid.from_spacing(voxels.shape, upright.grid.spacing_mm)), scan)
    assert measure.main([str(scan), *map(str, PLAN.models[:2]), "--output", str(out)]) == 0
    note = "The spine seems to run between left and right"
    (row,) = json.loads((out / "results.json").read_text())["scans"]
    assert [each for each in row["notes"] if note in each]
    assert note in capsys.readouterr().out
    for name in ("report.html", "exchanged_findings.json"):
        assert note in (out / name).read_text()


def test_a_scan_mirrored_from_front_to_back_is_told(models: list[TrainedModel], volume: Volume) -> None:
    upright = volume.reoriented("RAS")
    mirrored = Volume(np.ascontiguousarray(upright.voxels[:, ::-1]), upright.grid)
    found = run_models(models[:1], mirrored)
    assert found.quarter_turns == 2
    assert [note for note in found.notes if "Where the array is mirrored instead" in note]
