"""measure.py on a cluster gives what one machine gives, though a worker is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from learning_functions.measure import fleet
from tests.alike import contents
from tests.ended_measuring import measured_unless_ended
from tests.oracle import oracle_landmarks, oracle_scan
from tests.scripts.outcome import Run, require_error
from tests.small_cluster import SmallCluster, begun, small_cluster
from utility_functions.files.annotations import write_lml
from utility_functions.files.images import write_image

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    with small_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three equal scans, of which the first has a truth, and a broken one."""
    folder = tmp_path_factory.mktemp("scans")
    scan = oracle_scan(shape=(16, 20, 56))
    for name in ("first", "second", "third"):
        write_image(scan, folder / f"{name}.nii.gz")
    write_lml(oracle_landmarks(), folder / "first.lml", scan.grid)
    (folder / "broken.nii.gz").write_bytes((folder / "first.nii.gz").read_bytes()[:100])
    return folder


def test_a_killed_worker_changes_no_result_and_a_later_run_takes_them_up(
    run: Run,
    three: SmallCluster,
    scans: Path,
    oracles: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    alone = run("measure", scans, *oracles, "--output", here)
    monkeypatch.setattr(fleet, "measured_by_worker", measured_unless_ended)
    shared = run("measure", scans, *oracles, "--output", there, "--scheduler", three.address)
    assert begun(lambda: sum(worker.poll() is not None for worker in three.workers) == 1)
    assert alone.code == shared.code == 2
    assert [line for line in shared.errors if "broken" in line] == shared.errors == alone.errors, shared.err
    assert "4/4" in shared.err  # the bar
    expected, found = contents(here), contents(there)
    assert len(expected) > 12 and list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    titles = [line for line in alone.out.splitlines() if line.startswith("Scan ")]
    assert titles == [line for line in shared.out.splitlines() if line.startswith("Scan ")]

    (here / "third_findings.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in here.glob("first*")}
    resumed = run("measure", scans, *oracles, "--output", here, "--scheduler", three.address, "--skip-existing")
    assert {path: path.stat().st_mtime_ns for path in here.glob("first*")} == before
    assert "Scan third" in resumed.out and "Scan first" not in resumed.out
    assert {name: one for name, one in contents(here).items() if found[name] != one} == {}


def test_landmark_files_need_no_cluster(run: Run, tmp_path: Path) -> None:
    outcome = run("measure", "--keypoints", tmp_path, "--scheduler", "tcp://node:1", "--output", tmp_path / "out")
    require_error(outcome, "Landmark files are named here")
