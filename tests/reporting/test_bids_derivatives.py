"""Results as a BIDS derivative, held against the rules of the official validator."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.files.provenance import is_prediction
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import PartMap, SpiderMap, StructureMap, VertebraMap
from utility_functions.reporting.bids_derivatives import require_derivative_place, write_derivatives
from utility_functions.reporting.report import write_report
from utility_functions.reporting.results import RunRecord, ScanRow
from utility_functions.reporting.results_files import write_results

GRID = Grid.from_spacing((4, 5, 6), 2.0)
SCANS = ("sub-01_ses-a_run-1_T2w", "sub-01_ses-a_run-2_T2w", "sub-02_ct", "a scan")


def labels(*numbers: int) -> np.ndarray[Any, Any]:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels.flat[: len(numbers)] = numbers
    return voxels


def found(name: str) -> Findings:
    findings = Findings(name, GRID, instances=VertebraMap(labels(20, 28, 26), GRID))
    if "T2w" in name:
        structures = StructureMap(labels(1, 2, 3), GRID)
        return findings.having(structures=structures, numbered=SpiderMap(labels(1, 100, 201), GRID))
    return findings.having(detection=PartMap(labels(1, 2, 4), GRID))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A derivative with the usual files of a run, in the data set of its scans."""
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "raw", "BIDSVersion": "1.10.0"}))
    place = tmp_path / "derivatives" / "spine-levels"
    require_derivative_place(SCANS, place)
    for name in SCANS:
        image = tmp_path / name.split("_")[0] / "anat" / f"{name}.nii.gz"
        write_image(Volume(labels(1), GRID), image)
        write_derivatives(found(name), Case(name, image), place)
        write_image(VertebraMap(labels(20), GRID), place / f"{name}_vertebrae.nii.gz")
        (place / f"{name}_centroids.json").write_text("[]")
        (place / f"{name}.png").write_bytes(b"png")
    run = RunRecord([ScanRow(name, found(name)) for name in SCANS])
    write_results(place, run)
    write_report(place, run)
    return place


def test_the_validator_finds_no_error(folder: Path) -> None:
    program = shutil.which("bids-validator-deno", path=f"{Path(sys.executable).parent}") or shutil.which(
        "bids-validator-deno"
    )
    if program is None:
        pytest.skip("the BIDS validator is not installed (bids-validator-deno, extra dev)")
    command = [program, str(folder), "--format", "json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert done.returncode == 0


def test_each_map_has_its_table_and_names_its_source(folder: Path) -> None:
    stem = folder / "sub-01/ses-a/anat/sub-01_ses-a_run-2_space-orig_seg-vertebrae_desc-T2w"
    table = Path(f"{stem}_dseg.tsv").read_text().splitlines()
    assert table[0] == "index\tname\tcolor"
    assert [line.split("\t")[:2] for line in table[1:]] == [["20", "L1"], ["26", "sacrum"], ["28", "T13"]]
    about = json.loads(Path(f"{stem}_dseg.json").read_text())
    assert about["SpatialReference"] == "bids:raw:sub-01/anat/sub-01_ses-a_run-2_T2w.nii.gz"
    assert is_prediction(Path(f"{stem}_dseg.nii.gz"))
    description = json.loads((folder / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative" and description["DatasetLinks"] == {"raw": "../.."}


def test_a_data_set_of_others_is_not_written_into(folder: Path) -> None:
    with pytest.raises(ValueError, match="a folder of its own"):
        require_derivative_place(SCANS, folder.parents[1])
    require_derivative_place(SCANS, folder)
