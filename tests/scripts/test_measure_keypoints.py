"""measure.py --keypoints: landmark files without images, from file to report, and without TensorFlow."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.naming.brute_force import spine
from tests.scripts.outcome import Run
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.provenance import PLOTS

ROOT = Path(__file__).resolve().parents[2]
SPINES = {"first": spine("T9", "L5"), "second": spine("T8", "L3", extra=("T13",))}


def entries(bodies: dict, named: bool, without: tuple[str, ...] = ()) -> list[dict]:
    """A file in VID's form."""
    found = []
    for name, (x, y, z) in bodies.items():
        regions = [0.01, 0.98, 0.03] if name[0] == "T" else [0.01, 0.03, 0.98]
        more = {"spine_level": name} if named else {"spine_segment_probabilities": regions}
        kind = {"keypoint_type": "body", **more}
        if name not in without:
            found.append({"coordinates": {"world_space": [-float(x), -float(y), float(z)]}, "type": kind})
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, bodies in SPINES.items():
        for part, named in (("predictions", False), ("truth", True)):
            path = tmp_path / "vid" / part / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(entries(bodies, named, ("L2",) if part == "predictions" else ())))
    return tmp_path / "vid"


def test_landmark_files_are_named_scored_and_reported(run: Run, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = run("measure", "--keypoints", folder, "--output", out)
    assert outcome.code == 0, outcome.err
    assert "2 of 2 scans measured" in outcome.out and "names: margin" in outcome.out
    assert "Not detected, but interpolated between others: L2." in outcome.out
    found = json.loads((out / "results.json").read_text())
    first = found["scans"][0]
    assert first["naming"]["interpolated"] == ["L2"] and "shape" not in first
    assert {level["level"]: level["interpolated"] for level in first["levels"]} == {
        name: name == "L2" for name in SPINES["first"]
    }
    assert found["naming"]["interpolated"] >= 1 and found["naming"]["scans"] == 2
    assert first["naming"]["alternatives"] and 0 <= first["naming"]["shifted_by_one"] <= 1
    with (out / "results.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["case_id"] == "first"]
    assert [row["level"] for row in rows if row["interpolated"] == "1"] == ["L2"]
    assert (out / "reliability.png").is_file() and "interpolated" in (out / "report.html").read_text("utf-8")
    written = read_landmarks(out / "first_centroids.json", None)
    assert written.names == read_landmarks(out / "first_centroids.mrk.json", None).names == tuple(SPINES["first"])
    assert np.linalg.norm(written.point("L2") - SPINES["first"]["L2"]) < 6


def test_naming_needs_no_deep_learning(folder: Path, tmp_path: Path) -> None:
    words = ["--keypoints", str(folder), "--output", str(tmp_path / "out")]
    code = f"import sys, measure; c = measure.main({words!r}); sys.exit(c or ('keras' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_json_files_are_named_and_broken_ones_reported(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [f",{x},{y},{z}" for x, y, z in spine("T12", "L4").values()]
    (folder / "nameless.csv").write_text("\n".join(["name,x,y,z", *lines]) + "\n")
    (folder / "none.json").write_text("[]")
    (folder / "broken.json").write_text("{")
    outcome = run("measure", "--keypoints", folder, "--output", tmp_path / "out")
    assert outcome.code == 2 and len(outcome.errors) == 1 and "broken could not be measured" in outcome.errors[0]
    assert "Names by distances and bends alone" in outcome.out and "No vertebra could be named." in outcome.out
    again = run("measure", "--keypoints", folder, "--output", tmp_path / "out", "--skip-errors")
    assert again.code == 0, "own files are overwritten"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "testing"), "no --split"),
        (("--skip-existing",), "no --skip-existing"),
        (("--naming", "published"), "no --naming"),
        (("--lowest", "L5"), "no --lowest"),
        (("--truncated", "drop"), "no --truncated"),
        (("--windows", "published"), "no --windows"),
    ],
)
def test_options_of_scans_are_refused(run: Run, folder: Path, tmp_path: Path, options, words) -> None:
    outcome = run("measure", "--keypoints", folder, "--output", tmp_path / "out", *options)
    assert outcome.code == 2 and words in outcome.errors[0] and len(outcome.errors) == 1


def test_files_of_others_are_not_overwritten(run: Run, folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "first_centroids.json"
    precious.parent.mkdir()
    precious.write_text("[]")
    outcome = run("measure", "--keypoints", folder, "--output", tmp_path / "out")
    assert outcome.code == 2 and "not made by this program" in outcome.errors[0] and precious.read_text() == "[]"


@pytest.mark.parametrize("name", ["first.png", "results.csv", "results.json", "report.html", "errors.png"])
def test_results_and_pictures_of_others_are_not_overwritten(run: Run, folder: Path, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "out" / name
    precious.parent.mkdir()
    precious.write_text("{}")
    outcome = run("measure", "--keypoints", folder, "--output", tmp_path / "out")
    assert outcome.code == 2 and f"{name} was not made by this program" in outcome.errors[0]
    assert precious.read_text() == "{}" and len(list(precious.parent.iterdir())) == 1


def test_plots_of_an_earlier_run_are_removed_where_there_is_nothing_to_plot(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    out, plain = tmp_path / "out", tmp_path / "plain"
    assert run("measure", "--keypoints", folder, "--output", out).code == 0
    assert {path.name for path in out.glob("*.png")} >= set(PLOTS) - {"dice.png"}
    shutil.copytree(folder / "predictions", plain)
    assert run("measure", "--keypoints", plain, "--output", out).code == 0
    assert not [name for name in PLOTS if (out / name).exists()]


def test_landmark_files_are_no_scans(run: Run, folder: Path, oracles: list[Path], tmp_path: Path) -> None:
    outcome = run("measure", folder, *oracles, "--output", tmp_path / "out")
    assert outcome.code == 2 and "need --keypoints" in outcome.errors[0] and not (tmp_path / "out").exists()


def test_a_name_that_is_not_utf8_is_reported(run: Run, folder: Path, tmp_path: Path) -> None:
    predicted = folder / "predictions"
    (predicted / "first.json").rename(Path(os.fsdecode(os.fsencode(predicted) + b"/M\xfcller.json")))
    outcome = run("measure", "--keypoints", folder, "--output", tmp_path / "out")
    assert outcome.code == 2 and "is not in UTF-8" in outcome.errors[0] and not (tmp_path / "out").exists()
