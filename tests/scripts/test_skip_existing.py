"""A killed run leaves complete scans, and --skip-existing resumes after them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from learning_functions.measure import resuming, scan_work
from tests.oracle import oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.files.annotations import write_lml
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import read_label_map, write_image

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("first", "second", "third")
KILLED = """
import os, signal, sys
import measure
from learning_functions.measure import scan_work
whole = scan_work.write_scan
def killed(found, *how):
    if found.read.scan.case.case_id == "second":
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(found, *how)
scan_work.write_scan = killed
sys.exit(measure.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three equal scans; the first has a truth."""
    folder = tmp_path_factory.mktemp("scans")
    scan = oracle_scan(shape=(16, 20, 56))
    for name in NAMES:
        write_image(scan, folder / f"{name}.nii.gz")
    write_lml(oracle_landmarks(), folder / "first.lml", scan.grid)
    return folder


@pytest.fixture(scope="module")
def killed(scans: Path, oracles: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run that was killed before it wrote the second scan."""
    out = tmp_path_factory.mktemp("killed") / "out"
    command = [sys.executable, "-c", KILLED, str(scans), *map(str, oracles), "--output", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=500, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return out


def record_of(folder: Path) -> dict:
    """results.json without what differs from run to run."""
    results = json.loads((folder / "results.json").read_text())
    for scan in results["scans"]:
        scan.pop("seconds", None)
    return {name: results[name] for name in ("scans", "summary", "models")}


def copied(folder: Path, place: Path) -> Path:
    place.mkdir()
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    return place


def test_a_killed_run_resumes(
    run: Run, scans: Path, oracles: list[Path], killed: Path, loaded: list[str], tmp_path: Path
) -> None:
    assert {path.name.split("_")[0].split(".")[0] for path in killed.iterdir()} - {"niivue"} == {"first"}
    read_label_map(killed / "first_vertebrae.nii.gz")
    out = copied(killed, tmp_path / "out")
    outcome = run("measure", scans, *oracles, "--output", out, "--skip-existing")
    assert outcome.code == 0 and loaded == ["second", "third"] and "3 of 3 scans measured" in outcome.out
    whole = tmp_path / "whole"
    assert run("measure", scans, *oracles, "--output", whole).code == 0
    assert record_of(out) == record_of(whole) and record_of(out)["summary"][0]["scans"] == 1
    assert (out / "results.csv").read_text() == (whole / "results.csv").read_text()
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    for name in NAMES:
        assert f'alt="Sagittal and coronal view of {name}"' in (out / "report.html").read_text("utf-8")
    del loaded[:]
    outcome = run("measure", scans, *oracles, "--output", out, "--skip-existing")
    assert outcome.code == 0 and loaded == [] and record_of(out) == record_of(whole)
    assert run("measure", scans, *oracles, "--output", out).code == 0 and loaded == list(NAMES)


def test_other_models_or_options_are_refused(
    run: Run, scans: Path, oracles: list[Path], killed: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in killed.iterdir()}
    other = tmp_path / "detection.h5"
    other.write_bytes(oracles[0].read_bytes() + b" ")
    for models, options, words in (
        (oracles, ("--votes", "published"), "votes ordered, now published"),
        (oracles, ("--truncated", "drop"), "truncated flag, now drop"),
        (oracles, ("--naming", "chain"), "naming decoder, now chain"),
        (oracles[:1], (), "identification.h5 as it was then"),
        ([other, oracles[1]], (), f"without {other}"),
    ):
        outcome = run("measure", scans, *models, "--output", killed, "--skip-existing", *options)
        assert (
            outcome.code == 2
            and "first was measured with other models or options before" in outcome.errors[0]
            and words in outcome.errors[0]
        )
    assert {path.name: path.read_bytes() for path in killed.iterdir()} == before


def test_less_memory_is_no_other_option(
    run: Run, scans: Path, oracles: list[Path], killed: Path, loaded: list[str], tmp_path: Path
) -> None:
    out = copied(killed, tmp_path / "out")
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing", "--memory-gb", "2").code == 0
    assert loaded == ["second", "third"]


@pytest.mark.parametrize("change", ["image", "output", "record", "field", "format"])
def test_changed_or_incomplete_scans_are_measured_again(
    change: str, run: Run, scans: Path, oracles: list[Path], killed: Path, loaded: list[str], tmp_path: Path
) -> None:
    out, inputs = copied(killed, tmp_path / "out"), tmp_path / "in"
    inputs.mkdir()
    for name in ("first.nii.gz", "first.lml"):
        (inputs / name).write_bytes((scans / name).read_bytes())
        kept = (scans / name).stat()
        os.utime(inputs / name, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    record = out / "first_findings.json"
    known = json.loads(record.read_text())
    if change == "image":
        os.utime(inputs / "first.nii.gz", ns=(1, 1))
    elif change == "output":
        (out / "first_centroids.json").unlink()
    elif change == "record":
        record.write_text(record.read_text()[:-50])
    else:
        known |= {"row": {"case_id": "first", "mood": 3}} if change == "field" else {"format": 0}
        record.write_text(json.dumps(known))
    outcome = run("measure", inputs, *oracles, "--output", out, "--skip-existing")
    if change == "record":  # a file without provenance is not ours
        assert outcome.code == 2 and "not made by this program" in outcome.errors[0]
    else:
        assert outcome.code == 0 and loaded == ["first"] and json.loads(record.read_text())["format"] == resuming.FORMAT


def test_files_of_other_models_are_removed(
    run: Run, scans: Path, oracles: list[Path], killed: Path, tmp_path: Path
) -> None:
    out = copied(killed, tmp_path / "out")
    (out / "first_trail.png").write_bytes(b"old")
    assert run("measure", scans / "first.nii.gz", oracles[0], "--output", out).code == 0
    names = {path.name for path in out.glob("first*")} - {"first_view.html"}
    assert names == {"first_detection.nii.gz", "first.png", "first_findings.json"}


def test_an_interrupted_run_reports_all_finished_scans(
    scans: Path, oracles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    out = tmp_path / "out"
    assert run("measure", scans, *oracles, "--output", out).code == 0
    (out / "second_centroids.json").unlink()

    def interrupted(case: Case, **how: Any) -> Scan:
        raise KeyboardInterrupt

    monkeypatch.setattr(scan_work, "load_scan", interrupted)
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing").code == 130
    results = json.loads((out / "results.json").read_text())
    assert [scan["case_id"] for scan in results["scans"]] == ["first", "third"]


def test_a_scan_that_could_not_be_measured_is_tried_again(
    run: Run, scans: Path, oracles: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    broken = tmp_path / "in" / "broken.nii.gz"
    broken.write_bytes((scans / "first.nii.gz").read_bytes()[:500])
    write_image(oracle_scan(shape=(16, 20, 56)), tmp_path / "in" / "sound.nii.gz")
    for _ in range(2):
        assert run("measure", tmp_path / "in", *oracles, "--output", tmp_path / "out", "--skip-existing").code == 2
    assert not (tmp_path / "out" / "broken_findings.json").exists()
    write_image(oracle_scan(shape=(16, 20, 56)), broken)
    outcome = run("measure", tmp_path / "in", *oracles, "--output", tmp_path / "out", "--skip-existing")
    assert outcome.code == 0 and "2 of 2 scans measured" in outcome.out


def test_models_in_another_order_are_refused(
    run: Run, scans: Path, oracles: list[Path], killed: Path, tmp_path: Path
) -> None:
    out = copied(killed, tmp_path / "out")
    record = json.loads((out / "first_findings.json").read_text())
    assert record["conditions"]["order"] == ["detection", "identification"]
    record["conditions"]["order"].reverse()
    (out / "first_findings.json").write_text(json.dumps(record))
    outcome = run("measure", scans, *oracles, "--output", out, "--skip-existing")
    assert outcome.code == 2 and "order identification, detection, now detection, identification" in outcome.errors[0]
