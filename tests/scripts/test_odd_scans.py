"""Scans with few or no vertebrae give a defined result, a note and exit code 0."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.oracle import AIR, oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.files.annotations import write_lml
from utility_functions.files.images import read_grid, read_label_map, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume


def block(value: float, shape: tuple[int, int, int], spacing_mm: float = 2.0) -> Volume:
    return Volume(np.full(shape, value, np.int16), Grid.from_spacing(shape, spacing_mm, np.zeros(3)))


def one_vertebra() -> Volume:
    return oracle_scan(landmarks=oracle_landmarks().only(("L1",)))


def cut_vertebra() -> Volume:
    """Only the lower end of a tube is visible."""
    scan = oracle_scan(landmarks=oracle_landmarks().only(("L1",)), shape=(16, 24, 60))
    z = np.flatnonzero((scan.voxels > AIR).any(axis=(0, 1)))
    return scan.window((0, 0, int(z[0]) - 8), (16, 24, 11))


EMPTY = {
    "air": lambda: block(-1000, (20, 20, 20)),
    "tiny air": lambda: block(-1000, (5, 5, 5)),
    "two voxels wide": lambda: block(-1000, (2, 2, 2)),
    "thin": lambda: block(-1000, (2, 40, 40)),
    "coarse": lambda: block(-1000, (4, 4, 4), 12.0),
    "constant zero": lambda: block(0, (12, 12, 12)),
    "constant bone": lambda: block(300, (12, 12, 12)),
    "lowest of all": lambda: block(-32768, (12, 12, 12)),
    "highest of all": lambda: block(32767, (12, 12, 12)),
    "cut vertebra": cut_vertebra,
}


@pytest.mark.parametrize("form", [(), ("--votes", "published"), ("--windows", "published")])
@pytest.mark.parametrize("what", EMPTY)
def test_a_scan_without_vertebrae_ends_with_a_note(
    run: Run, oracles: list[Path], tmp_path: Path, what: str, form: tuple[str, ...]
) -> None:
    scan = EMPTY[what]().reoriented("LPS")
    write_image(scan, tmp_path / "odd.nii.gz")
    out = tmp_path / "out"
    outcome = run("measure", tmp_path / "odd.nii.gz", *oracles, "--output", out, *form)
    assert outcome.code == 0 and not outcome.errors and "Traceback" not in outcome.err
    assert read_label_map(out / "odd_vertebrae.nii.gz").grid.same_as(read_grid(tmp_path / "odd.nii.gz"))
    [record] = json.loads((out / "results.json").read_text())["scans"]
    assert record["problem"] is None
    if record["levels"] == []:
        assert "found: no vertebra" in outcome.out and record["notes"]
        assert json.loads((out / "odd_centroids.json").read_text()) == [
            {"direction": ["L", "P", "S"], "generator": "spine-levels"}
        ]
        if what != "cut vertebra":  # its voxels are labelled, too few of them to tell its centre
            assert not read_label_map(out / "odd_vertebrae.nii.gz").voxels.any()
    with (out / "results.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(record["levels"])
    assert {path.name for path in out.iterdir()} >= {"odd.png", "report.html", "odd_centroids.mrk.json"}


def test_a_scan_of_air_gives_a_note(run: Run, oracles: list[Path], tmp_path: Path) -> None:
    write_image(EMPTY["air"](), tmp_path / "air.nii.gz")
    outcome = run("measure", tmp_path / "air.nii.gz", *oracles, "--output", tmp_path / "out")
    assert "No vertebra was found." in outcome.out and "found: no vertebra" in outcome.out


@pytest.mark.parametrize("votes", ["ordered", "published"])
def test_one_vertebra_alone_is_named(run: Run, oracles: list[Path], tmp_path: Path, votes: str) -> None:
    write_image(one_vertebra(), tmp_path / "one.nii.gz")
    outcome = run("measure", tmp_path / "one.nii.gz", *oracles, "--output", tmp_path / "out", "--votes", votes)
    assert outcome.code == 0 and "found: L1\n" in outcome.out


def test_a_truth_of_vertebrae_that_are_not_found_is_scored_as_missed(
    run: Run, oracles: list[Path], tmp_path: Path
) -> None:
    scan = block(-1000, (20, 20, 20))
    write_image(scan, tmp_path / "in" / "air.nii.gz")
    write_lml(Landmarks(("L1",), [[20.0, 20.0, 20.0]]), tmp_path / "in" / "air.lml", scan.grid)
    outcome = run("measure", tmp_path / "in", *oracles, "--output", tmp_path / "out")
    assert outcome.code == 0 and "missed: L1" in outcome.out
    summary = json.loads((tmp_path / "out" / "results.json").read_text())["summary"]
    assert "0.0 %" in next(line for line in outcome.out.splitlines() if line.startswith("All"))
    assert summary[0]["region"] == "All"


def test_real_networks_handle_unusual_scans(run: Run, models: list[Path], tmp_path: Path) -> None:
    for name in ("tiny air", "constant bone", "two voxels wide"):
        write_image(EMPTY[name](), tmp_path / "in" / f"{name.replace(' ', '_')}.nii.gz")
    outcome = run("measure", tmp_path / "in", *models, "--output", tmp_path / "out")
    assert outcome.code == 0 and "3 of 3 scans measured" in outcome.out
