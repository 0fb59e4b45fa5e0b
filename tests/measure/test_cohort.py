"""A cohort gives the same files one by one, overlapped, and shared by two devices; an interrupted one is continued."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.alike import contents
from tests.oracle import oracle_landmarks, oracle_models, oracle_scan
from utility_functions.files.annotations import write_verse_json
from utility_functions.files.images import write_image

ROOT = Path(__file__).resolve().parents[2]
RUNS = ("one_by_one", "overlapped", "two_devices")
MEASURING = """
import json, sys
from pathlib import Path
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from learning_functions.measure.fleet import DeviceFleet
from learning_functions.measure.measuring import device_models, measure_plan
from learning_functions.measure.plan import Plan
from learning_functions.options import InferenceOptions
from learning_functions.runtime.inference_devices import InferenceDevice
from utility_functions.files.manifest import find_cases
scans, out, *models = map(Path, sys.argv[1:])
plan, cases = Plan(tuple(models), InferenceOptions()), find_cases(scans)
devices = [InferenceDevice(f"/CPU:{n}") for n in (0, 1)]
fleets = [[device_models(plan, cases, device)] for device in devices]
told = {}
for name, fleet, overlap in (
    ("one_by_one", fleets[0], False), ("overlapped", fleets[0], True), ("two_devices", [*fleets[0], *fleets[1]], True)
):
    shown = []
    rows = measure_plan(plan, cases, out / name, shown.append, fleet=DeviceFleet(fleet, overlap))
    told[name] = {
        "rows": [[row.case_id, row.problem] for row in rows],
        "shown": [text.splitlines()[0] for text in shown],
        "weights": sorted({w.value.device[-5:] for some in fleet for m in some.models for w in m.network.weights}),
    }
print(json.dumps(told))
"""
"""A process of its own, since TensorFlow parts the processor only before it is first used."""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The results of the three runs over four scans and a broken one, and what the runs told."""
    folder = tmp_path_factory.mktemp("cohort")
    scans = folder / "scans"
    scans.mkdir()
    for number, top_mm in enumerate((70.0, 66.0, 62.0, 58.0)):
        landmarks = oracle_landmarks(top_mm=top_mm)
        scan = oracle_scan(landmarks=landmarks)
        write_image(scan, scans / f"scan{number}.nii.gz")
        write_verse_json(landmarks, scans / f"scan{number}_centroids.json", scan.grid)
    whole = (scans / "scan1.nii.gz").read_bytes()
    (scans / "scan1b.nii.gz").write_bytes(whole[: len(whole) // 2])
    models = oracle_models(folder / "models")
    done = subprocess.run(
        [sys.executable, "-c", MEASURING, scans, folder / "out", *models],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out", json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("run", RUNS[1:])
def test_the_files_are_those_of_one_by_one(run: str, cohort: tuple[Path, dict[str, Any]]) -> None:
    out, _ = cohort
    expected, found = contents(out / RUNS[0]), contents(out / run)
    assert len(expected) > 20 and list(found) == list(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_rows_and_tables_come_in_the_order_of_the_scans_and_an_error_stays_with_its_scan(
    cohort: tuple[Path, dict[str, Any]],
) -> None:
    _, told = cohort
    for run in RUNS:
        names = [name for name, _ in told[run]["rows"]]
        assert names == ["scan0", "scan1", "scan1b", "scan2", "scan3"]
        assert [name for name, problem in told[run]["rows"] if problem] == ["scan1b"]
        assert told[run]["shown"][:5] == [f"Scan {name}" for name in names]


def test_each_device_has_networks_of_its_own(cohort: tuple[Path, dict[str, Any]]) -> None:
    _, told = cohort
    assert told["overlapped"]["weights"] == ["CPU:0"] and told["two_devices"]["weights"] == ["CPU:0", "CPU:1"]
