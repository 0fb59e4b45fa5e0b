"""Masks scored in a run of measuring: only whole vertebrae against a truth of masks, and written everywhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from learning_functions.measure import measuring, scan_work
from learning_functions.measure.measuring import measure_cases
from learning_functions.measure.scan_work import score_masks
from learning_functions.options import InferenceOptions
from learning_functions.predict.stage import starting_stage
from utility_functions.files.cases import Case, Scan
from utility_functions.files.images import read_grid, write_image
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.map_kinds import BodyMap, VertebraMap

GRID = Grid.from_spacing((16, 14, 40), (2, 2, 2))


def masks(first: int = 20, second: int = 21) -> VertebraMap:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[4:12, 3:11, 22:30], voxels[4:12, 3:11, 12:20] = first, second
    return VertebraMap(voxels, GRID)


def findings(**changes: Any) -> Findings:
    landmarks = Landmarks(("L1", "L2"), GRID.to_mm([(7.5, 6.5, 25.5), (7.5, 6.5, 15.5)]))
    found = Findings("a", GRID, landmarks=landmarks, instances=masks(), completeness={"L1": 0.9, "L2": 0.8})
    return found.having(**changes)


def scan(truth: LabelMap | None, code: str = "verse") -> Scan:
    return Scan(Case("a", Path("a.nii.gz"), label_code=code), Volume(np.zeros(GRID.shape, np.int16), GRID), None, truth)


def test_only_masks_of_whole_vertebrae_are_scored() -> None:
    truth = scan(masks())
    assert score_masks(findings(instances=BodyMap(masks().voxels, GRID)), truth)[1] is None
    assert score_masks(findings(instances=None), truth)[1] is None
    assert score_masks(findings(), scan(None))[1] is None
    scored, score = score_masks(findings(), truth)
    assert score is not None and score.dice == 1 and "scoring" in scored.seconds
    assert [vertebra.completeness_right for vertebra in score.vertebrae] == [True, True]


def test_labels_of_an_unknown_code_are_noted_and_not_scored() -> None:
    scored, score = score_masks(findings(), scan(masks(20, 77)))
    assert score is None and "Masks not scored: The label map holds labels" in scored.notes[0]


def test_a_truth_without_levels_has_its_masks_scored() -> None:
    _, score = score_masks(findings(), scan(masks(2, 1), "spider"))
    assert score is not None and score.dice == 1 and score.vertebrae[0].name_right is None


def test_a_run_writes_the_scores_of_masks_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("a", tmp_path / "a.nii.gz", label_map_path=tmp_path / "a_mask.nii.gz")
    write_image(Volume(np.arange(np.prod(GRID.shape), dtype=np.int16).reshape(GRID.shape), GRID), case.image_path)
    write_image(masks(), tmp_path / "a_mask.nii.gz")
    nothing = SimpleNamespace(models=[], placed=lambda read: (read, []), may_need_tissues=lambda *_: False)
    monkeypatch.setattr(measuring, "device_models", lambda *_: nothing)
    stage = starting_stage(findings(grid=read_grid(case.image_path)), ["instances"])
    monkeypatch.setattr(scan_work, "run_stages", lambda models, volume, start, options: [start, stage])
    output: list[str] = []
    out = tmp_path / "out"
    (row,) = measure_cases([case], [], out, InferenceOptions(), {}, output.append)
    assert row.segmentation is not None and row.findings is not None and row.findings.instances is None
    results = json.loads((out / "results.json").read_text())
    assert results["scans"][0]["segmentation"]["dice"] == 1
    every = results["segmentation"][0]
    assert (every["group"], every["dice"], every["dice_ci95_low"], every["dice_n"]) == ("All", 1, None, 2)
    with (out / "results.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(line["level"], line["mask_of"], line["dice"], line["hd95_mm"], line["complete"]) for line in rows] == [
        ("L1", "L1", "1.0", "0.0", "1"),
        ("L2", "L2", "1.0", "0.0", "1"),
    ]
    words = "\n".join(output)
    assert "masks: 2 of 2 found, mean Dice 1.000" in words and "name right" in words
    assert (out / "dice.png").is_file() and "Masks" in (out / "report.html").read_text("utf-8")
