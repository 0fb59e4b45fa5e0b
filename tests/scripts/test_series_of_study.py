"""Series of one study share their names where they lie on one frame or grid: in all files, after interruptions too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.dicom_series import write_dicom
from tests.oracle import AIR, NAMES, oracle_scan
from tests.scripts.outcome import Run
from utility_functions.anatomy.labels import VERSE_IDS
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.images import read_label_map, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume

ROOT = Path(__file__).resolve().parents[2]
SURE, UNSURE, OTHERWISE = 0.0, 30.0, 50.0
"""HU that are added, where a level is 50: the names of UNSURE are one off, and doubted; of OTHERWISE surely one off."""
SHIFTED = ("T12", "L1", "L2", "L3")
T1, T2 = "sub-01_ses-1_acq-a_ct", "sub-01_ses-1_acq-b_ct"
KILLED = """
import os, signal, sys
import measure
from learning_functions.measure import scan_work
whole = scan_work.write_scan
def killed(found, *how):
    row = whole(found, *how)
    if row.naming.counted_from:
        os.kill(os.getpid(), signal.SIGKILL)
    return row
scan_work.write_scan = killed
sys.exit(measure.main(sys.argv[1:]))
"""


def scan_with(added: float, moved_mm: float = 0.0) -> Volume:
    """The scan of the oracle, its levels made higher by ``added`` HU, and its header moved upwards."""
    scan = oracle_scan(shape=(24, 30, 80))
    voxels = np.where(scan.voxels > AIR, scan.voxels + added, scan.voxels).astype(np.int16)
    affine = scan.grid.affine.copy()
    affine[2, 3] += moved_mm
    return Volume(voxels, Grid(scan.grid.shape, affine))


def session(folder: Path, second: Volume, name: str = T2) -> Path:
    """A doubtful series of one session, and another beside it."""
    folder.mkdir()
    write_image(scan_with(UNSURE), folder / f"{T1}.nii.gz")
    write_image(second, folder / f"{name}.nii.gz")
    return folder


def names_of(out: Path, name: str) -> tuple[str, ...]:
    """The levels in the centroids of a scan, which those in its record, tables and markups must be."""
    found = read_landmarks(out / f"{name}_centroids.mrk.json", None).names
    results = json.loads((out / "results.json").read_text())
    [scan] = [scan for scan in results["scans"] if scan["case_id"] == name]
    kept = json.loads((out / f"{name}_findings.json").read_text())["row"]["findings"]["landmarks"]["names"]
    if not tuple(kept) == tuple(each["level"] for each in scan["levels"]) == found:
        raise ValueError(f"{kept}, {found}, {scan}")
    return found


def notes_of(out: Path, name: str) -> str:
    return " ".join(json.loads((out / f"{name}_findings.json").read_text())["row"]["findings"]["notes"])


def test_the_surer_series_names_the_other_on_the_same_grid(
    run: Run, oracles: list[Path], loaded: list[str], tmp_path: Path
) -> None:
    scans, out = session(tmp_path / "scans", scan_with(SURE)), tmp_path / "out"
    outcome = run("measure", scans, *oracles, "--output", out)
    assert outcome.code == 0 and loaded == [T1, T2, T1] and "2 of 2 scans measured" in outcome.out
    assert names_of(out, T1) == names_of(out, T2) == NAMES
    labels = np.unique(read_label_map(out / f"{T1}_vertebrae.nii.gz").voxels)
    assert labels.tolist() == [0, *sorted(VERSE_IDS[name] for name in NAMES)]
    assert "shifted" not in notes_of(out, T1) and T1 not in notes_of(out, T2)
    said = f"Names are counted from those of {T2}, which lies on the same grid."
    for sentence in (said, "By itself this scan would have T12-L3."):
        assert sentence in notes_of(out, T1) and sentence in outcome.out
        assert sentence in (out / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "moved_mm", "options"),
    [
        (T2, 3.0, ()),
        ("sub-01_ses-2_acq-b_ct", 0.0, ()),
        ("sub-02_ses-1_acq-b_ct", 0.0, ()),
        ("other_ct", 0.0, ()),
        (T2, 0.0, ("--study", "apart")),
    ],
    ids=["a shifted grid", "another session", "another patient", "an unknown patient", "by request"],
)
def test_nothing_passes_to_or_from(
    name: str, moved_mm: float, options: tuple[str, ...], run: Run, oracles: list[Path], tmp_path: Path
) -> None:
    scans, out = session(tmp_path / "scans", scan_with(SURE, moved_mm), name), tmp_path / "out"
    assert run("measure", scans, *oracles, "--output", out, *options).code == 0
    assert names_of(out, T1) == SHIFTED and names_of(out, name) == NAMES
    assert "counted from" not in notes_of(out, T1) and "may be shifted" in notes_of(out, T1)


def test_series_that_surely_differ_both_tell_it_and_keep_their_names(
    run: Run, oracles: list[Path], loaded: list[str], tmp_path: Path
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    for name, added in ((T1, OTHERWISE), (T2, SURE)):
        write_image(scan_with(added), scans / f"{name}.nii.gz")
    assert run("measure", scans, *oracles, "--output", out).code == 0
    assert names_of(out, T1) == SHIFTED and names_of(out, T2) == NAMES and loaded == [T1, T2]
    assert f"{T2} of the same study names the same vertebrae otherwise (T12 here is T11 there)" in notes_of(out, T1)
    assert f"{T1} of the same study" in notes_of(out, T2) and "of the same study" in (out / "report.html").read_text()
    before = (out / f"{T1}_findings.json").read_bytes()
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing").code == 0
    assert loaded == [T1, T2] and (out / f"{T1}_findings.json").read_bytes() == before
    (scans / f"{T2}.nii.gz").unlink()
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing").code == 0
    assert loaded == [T1, T2] and "of the same study" not in notes_of(out, T1)


@pytest.fixture(scope="module")
def killed(oracles: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Scans, and the results of a run that was killed when it had written the renamed one, but not its record."""
    folder = tmp_path_factory.mktemp("killed")
    scans, out = session(folder / "scans", scan_with(SURE)), folder / "out"
    command = [sys.executable, "-c", KILLED, str(scans), *map(str, oracles), "--output", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=500, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return scans, out


def test_a_run_killed_between_both_passes_is_continued(
    run: Run, oracles: list[Path], killed: tuple[Path, Path], loaded: list[str], tmp_path: Path
) -> None:
    scans, out = killed
    assert not (out / f"{T1}_findings.json").exists() and (out / f"{T2}_findings.json").exists()
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing").code == 0
    assert loaded == [T1, T1] and names_of(out, T1) == NAMES
    del loaded[:]
    assert run("measure", scans, *oracles, "--output", out, "--skip-existing").code == 0
    assert loaded == [] and names_of(out, T1) == NAMES
    whole = tmp_path / "whole"
    assert run("measure", scans, *oracles, "--output", whole).code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in whole.iterdir())
    assert (out / "results.csv").read_text() == (whole / "results.csv").read_text()
    assert notes_of(out, T1) == notes_of(whole, T1)


def test_names_follow_when_the_series_that_gave_them_changes_or_goes(
    run: Run, oracles: list[Path], loaded: list[str], tmp_path: Path
) -> None:
    scans, out = session(tmp_path / "scans", scan_with(SURE)), tmp_path / "out"
    again = (scans, *oracles, "--output", out, "--skip-existing")
    assert run("measure", *again).code == 0 and names_of(out, T1) == NAMES
    del loaded[:]
    write_image(scan_with(OTHERWISE), scans / f"{T2}.nii.gz")
    assert run("measure", *again).code == 0
    assert loaded == [T1, T2, T1] and names_of(out, T1) == names_of(out, T2) == SHIFTED
    (scans / f"{T2}.nii.gz").unlink()
    assert run("measure", *again).code == 0
    assert names_of(out, T1) == SHIFTED and "may be shifted" in notes_of(out, T1)


@pytest.mark.parametrize(
    ("study", "frame", "moved_mm", "expected"),
    [
        ("1.2.3.1", "1.2.3.3", 3.0, NAMES),
        ("1.2.3.1", "1.2.3.9", 0.0, SHIFTED),
        ("1.2.3.1", "", 0.0, NAMES),
        ("1.2.3.1", "", 3.0, SHIFTED),
        ("1.2.3.8", "1.2.3.3", 0.0, SHIFTED),
    ],
    ids=["one frame", "another frame", "no UID, one grid", "no UID, a shifted grid", "another study"],
)
def test_dicom_tells_study_and_frame(
    study: str,
    frame: str,
    moved_mm: float,
    expected: tuple[str, ...],
    run: Run,
    oracles: list[Path],
    tmp_path: Path,
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    write_dicom(scans / "first", scan_with(UNSURE).reoriented("LPS"), SeriesInstanceUID="1.2.3.21")
    told = {"StudyInstanceUID": study, "FrameOfReferenceUID": frame, "SeriesInstanceUID": "1.2.3.22"}
    write_dicom(scans / "second", scan_with(SURE, moved_mm).reoriented("LPS"), **told)
    assert run("measure", scans, *oracles, "--output", out).code == 0
    assert names_of(out, "first") == expected and names_of(out, "second") == NAMES
    written = b"".join(path.read_bytes() for path in out.iterdir() if path.suffix in (".json", ".csv", ".html"))
    for uid in ("1.2.3.1", "1.2.3.3", "1.2.3.8", "1.2.3.9", "1.2.3.22"):
        assert uid.encode() not in written
