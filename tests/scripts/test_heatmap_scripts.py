"""The top-down system over measure.py: a spine heatmap, then one vertebra after another along it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.coarse_to_fine import instances, spine_heatmap
from tests.oracle import BASE, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.files.images import read_image, write_image


@pytest.fixture(scope="module")
def top_down(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A heatmap response wherever the image is bright; a vertebra wherever the memory is empty as well."""
    folder = tmp_path_factory.mktemp("top_down")
    return [instances(folder / "instances.h5", level=20), spine_heatmap(folder / "spine_heatmap.h5")]


def test_a_heatmap_seeds_the_traversal_and_is_written_on_request(
    run: Run, top_down: list[Path], tmp_path: Path
) -> None:
    scan = oracle_scan().reoriented("PIR")
    write_image(scan, tmp_path / "in" / "alone.nii.gz")
    out = tmp_path / "out"
    outcome = run("measure", tmp_path / "in", *top_down, "--output", out, "--save-intermediate")
    assert outcome.code == 0, outcome.err
    assert json.loads((out / "alone_trail.json").read_text())["start"] == "heat"
    assert (out / "alone_vertebrae.nii.gz").is_file()
    heatmap = read_image(out / "alone_heatmap.nii.gz")
    heatmap.grid.require_same(scan.grid, "heat and scan")
    bright = scan.voxels >= BASE
    assert heatmap.voxels[bright].mean() > 0.9 and heatmap.voxels[~bright].mean() < 0.1
    outcome = run("measure", tmp_path / "in", *top_down, "--output", out, "--skip-existing")
    assert outcome.code == 2 and "save_intermediate True, now False" in outcome.errors[0]
    outcome = run("measure", tmp_path / "in", *top_down, "--output", out)
    assert outcome.code == 0 and not (out / "alone_heatmap.nii.gz").exists()


def test_a_heatmap_alone_is_measured_too(run: Run, top_down: list[Path], tmp_path: Path) -> None:
    write_image(oracle_scan(), tmp_path / "alone.nii.gz")
    outcome = run(
        "measure", tmp_path / "alone.nii.gz", top_down[1], "--output", tmp_path / "out", "--save-intermediate"
    )
    assert outcome.code == 0 and "no names" in outcome.out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"alone_heatmap.nii.gz", "alone.png", "report.html"} <= names and "alone_vertebrae.nii.gz" not in names
    outcome = run("measure", tmp_path, top_down[1], "--output", tmp_path / "again")
    assert outcome.code == 0 and "1 of 1 scans" in outcome.out, "the written heatmap is no scan"
