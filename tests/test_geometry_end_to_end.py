"""The same scan, however it is stored, gives the same centroids in mm, and outputs lie on the scan's own grid."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from learning_functions.options import InferenceOptions
from learning_functions.predict.pipeline import load_models, run_models
from tests.oracle import oracle_landmarks, oracle_models, oracle_scan
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.images import read_grid, read_image, read_label_map, write_image
from utility_functions.geometry.grid import ALL_ORIENTATIONS, Grid
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import Volume

RUNNING = InferenceOptions(memory_gb=4.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return load_models(oracle_models(tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def upright(models):
    scan = oracle_scan()
    return scan, run_models(models, scan, "upright", RUNNING)


def test_the_oracle_finds_every_centroid(upright) -> None:
    _, findings = upright
    truth = oracle_landmarks()
    assert findings.landmarks.names == truth.names
    distance = np.linalg.norm(findings.landmarks.points_mm - truth.points_mm, axis=1)
    assert distance.max() < 2.0


@pytest.mark.parametrize("axcodes", ALL_ORIENTATIONS)
def test_every_storage_orientation_gives_the_same_centroids(models, upright, axcodes) -> None:
    scan, expected = upright
    stored = scan.reoriented(axcodes)
    stored = Volume(np.ascontiguousarray(stored.voxels), stored.grid)  # in memory too
    found = run_models(models, stored, axcodes, RUNNING)
    assert found.landmarks.names == expected.landmarks.names
    assert np.allclose(found.landmarks.points_mm, expected.landmarks.points_mm, atol=1e-6)
    assert found.instances.grid.same_as(stored.grid)
    assert np.array_equal(found.instances.reoriented("RAS").voxels, expected.instances.voxels)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd"])
def test_every_format_gives_the_same_centroids(models, upright, suffix, tmp_path) -> None:
    scan, expected = upright
    path = tmp_path / f"scan{suffix}"
    write_image(scan.reoriented("PIR"), path)
    found = run_models(models, read_image(path), suffix, RUNNING)
    assert found.landmarks.names == expected.landmarks.names
    assert np.allclose(found.landmarks.points_mm, expected.landmarks.points_mm, atol=1e-3)


def _turned(scan: Volume, degrees: tuple[float, float, float], spacing_mm, axcodes: str = "RAS") -> Grid:
    """A grid turned about the scan's centre that covers it."""
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        step = np.eye(3)
        a, b = (axis + 1) % 3, (axis + 2) % 3
        step[[a, a, b, b], [a, b, a, b]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        turn = step @ turn
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), 3)
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    centre = scan.grid.corners_mm().mean(axis=0)
    local = (scan.grid.corners_mm() - centre) @ turn
    shape = np.ceil((local.max(axis=0) - local.min(axis=0)) / spacing).astype(int)
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    return Grid(tuple(shape), affine).reoriented(axcodes)


@pytest.mark.parametrize(
    ("degrees", "spacing", "axcodes"),
    [
        ((0, 0, 0), (1.0, 1.0, 3.0), "LPS"),
        ((0, 0, 0), (3.5, 0.8, 0.8), "PIR"),
        ((12, 0, 0), 2.0, "RAS"),
        ((10, -15, 20), 1.5, "AIL"),
        ((-25, 8, 5), (1.0, 1.0, 2.5), "SLP"),
    ],
)
def test_oblique_and_anisotropic_storage_gives_the_same_centroids(models, degrees, spacing, axcodes) -> None:
    fine = oracle_scan(1.0, shape=(72, 88, 160))
    grid = _turned(fine, degrees, spacing, axcodes)
    stored = resample(fine, grid, fill=-1000)
    found = run_models(models, stored, "turned", RUNNING)
    truth = oracle_landmarks()
    assert found.landmarks.names == truth.names
    half_voxel = max(*grid.spacing_mm, 2.0) / 2
    expected = run_models(models, fine, "fine", RUNNING).landmarks
    distance = np.linalg.norm(found.landmarks.points_mm - expected.points_mm, axis=1)
    assert distance.max() <= half_voxel
    assert found.instances.grid.same_as(grid)
    assert found.detection.grid.same_as(grid)


def test_a_sheared_affine_gives_the_same_centroids(models, upright, tmp_path) -> None:
    scan, expected = upright
    affine = scan.grid.affine.copy()
    affine[:3, 2] += affine[:3, 1] * 0.2  # each slice a little further forward
    grid = Grid((36, 60, 80), affine).window((0, -10, 0), (36, 70, 80))
    path = tmp_path / "sheared.nii.gz"
    write_image(resample(scan, grid, fill=-1000), path)
    found = run_models(models, read_image(path), "sheared", RUNNING)
    distance = np.linalg.norm(found.landmarks.points_mm - expected.landmarks.points_mm, axis=1)
    assert distance.max() < 1.0


def test_the_three_outputs_of_a_scan_agree_on_positions(models, tmp_path) -> None:
    from learning_functions.measure.measuring import measure_cases
    from utility_functions.files.manifest import find_cases

    scan = oracle_scan()
    path = tmp_path / "in" / "scan.nii.gz"
    grid = _turned(scan, (10, 5, -8), (2.0, 2.0, 3.0), "PIR")
    write_image(resample(scan, grid, fill=-1000), path)
    out = tmp_path / "out"
    rows = measure_cases(find_cases(path), [model.path for model in models], out, RUNNING, {}, lambda text: None)
    found = rows[0].landmarks
    stored = read_grid(path)
    label_map = read_label_map(out / "scan_vertebrae.nii.gz")
    assert label_map.grid.same_as(stored)
    for name, point in found:
        index = tuple(np.round(stored.to_index(point)).astype(int))
        assert label_map.voxels[index] == VERSE_IDS[name]
    for file in ("scan_centroids.json", "scan_centroids.mrk.json"):
        again = read_landmarks(out / file, stored)
        assert set(again.names) == set(found.names)
        for name, point in found:
            assert np.linalg.norm(again.point(name) - point) < 0.06 * 3
    assert {p.name for p in out.iterdir()} >= {"scan.png", "results.json", "results.csv", "report.html"}


def test_nibabel_reads_the_written_label_map_where_the_scan_lies(models, tmp_path) -> None:
    scan = oracle_scan().reoriented("LPS")
    found = run_models(models, scan, "scan", RUNNING)
    path = Path(tmp_path) / "labels.nii.gz"
    write_image(found.instances, path)
    image = nib.load(os.fspath(path))
    assert np.allclose(image.affine, scan.grid.affine, atol=1e-4)
    assert image.get_data_dtype().kind == "u"
