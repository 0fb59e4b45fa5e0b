"""The findings of each stage are stored beside the results and read, up to the first repeated stage."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from learning_functions.predict.initial_findings import InitialFindings
from learning_functions.predict.intermediate_results import (
    FOLDER,
    RECORD,
    START,
    read_maps,
    stage_before,
    stage_maps,
    write_stages,
)
from learning_functions.predict.stage import Stage, starting_stage
from utility_functions.anatomy.peaks import Candidate
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.files.provenance import DESCRIPTION, GENERATOR, STAMPED_ENDINGS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import MAP_ENDINGS, Findings, StageFindings
from utility_functions.records.map_kinds import BodyMap, ClassProbabilities, PartMap, VertebraMap
from utility_functions.records.naming_record import NamingRecord

GRID = Grid.from_spacing((6, 7, 20), (2.0, 2.0, 3.0), axcodes="PIR")
AnyLabels = TypeVar("AnyLabels", bound=LabelMap)
CASE = Case("scan", Path("scan.nii.gz"))
FIRST = Landmarks(("L1", "L2"), GRID.to_mm([(3, 3, 5), (3, 3, 15)]), [0.9, 0.5])
SECOND = Landmarks(("L1", "L2"), FIRST.points_mm + 1)


COARSE = GRID.upright(4.0)
"""The grid of a network, on which it tells what it finds."""


def labels(value: int, kind: type[AnyLabels], grid: Grid = GRID) -> AnyLabels:
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[1:3, 1:4, 2:9] = value
    return kind(voxels, grid)


def stages() -> list[Stage]:
    """Heatmap and probabilities, then names with tubes, then masks in place of these."""
    rng = np.random.default_rng(1)
    fractions = rng.dirichlet((1, 1, 1), size=COARSE.shape).astype(np.float16)
    candidates = (Candidate("L1", (1.0, 2.0, 3.0), 0.7),)
    found = [
        StageFindings(
            heatmap=Volume(rng.random(COARSE.shape).astype(np.float16), COARSE),
            detection=ClassProbabilities(fractions, COARSE, PartMap),
        ),
        StageFindings(
            landmarks=FIRST,
            instances=labels(20, BodyMap, COARSE),
            candidates=candidates,
            naming=NamingRecord({"L1": 0.9}, interpolated=("L2",), margin=float("inf")),
        ),
        StageFindings(
            landmarks=SECOND, instances=labels(21, VertebraMap), completeness={"L1": 0.8}, notes=("L2: cut.",)
        ),
    ]
    made = [starting_stage(Findings("scan", GRID))]
    for task, each in zip(("detection", "identification", "instances"), found, strict=True):
        made.append(Stage((task,), each, made[-1].findings.merged(each).timed(task, 3.0)))
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    write_stages(stages(), tmp_path)
    write_verse_json(SECOND, tmp_path / "scan_centroids.json", GRID, GENERATOR)
    write_markups(SECOND, tmp_path / "scan_centroids.mrk.json", GENERATOR)
    return tmp_path


def same(one: Findings, other: Findings) -> None:
    """Equal, except for seconds and notes."""
    assert (one.naming, one.candidates, one.completeness) == (other.naming, other.candidates, other.completeness)
    assert set(one.maps) == set(other.maps)
    for field, found in one.maps.items():
        again = other.maps[field]
        assert type(found) is type(again) and found.voxels.dtype == again.voxels.dtype
        np.testing.assert_array_equal(found.grid.affine, again.grid.affine)
        np.testing.assert_array_equal(found.voxels, again.voxels)
        assert getattr(found, "kind", None) is getattr(again, "kind", None)
    if one.landmarks is None or other.landmarks is None:
        assert one.landmarks is other.landmarks
    else:
        assert one.landmarks.names == other.landmarks.names
        np.testing.assert_array_equal(one.landmarks.points_mm, other.landmarks.points_mm)
        np.testing.assert_array_equal(one.landmarks.scores, other.landmarks.scores)


AGAIN = {
    ("vertebra_masks",): 3,
    ("instances",): 2,
    ("instances", "vertebra_masks"): 2,
    ("identification",): 1,
    ("identification", "instances"): 1,
}


@pytest.mark.parametrize("tasks", AGAIN, ids="-".join)
def test_a_run_continues_before_the_first_repeated_stage(tasks: tuple[str, ...], kept: Path) -> None:
    expected = stages()[AGAIN[tasks]].findings
    start = InitialFindings(earlier=kept).start(CASE, GRID, tasks)
    assert start.tasks == ("detection", "identification", "instances")[: AGAIN[tasks]]
    same(start.findings, expected)
    assert start.findings.seconds == {}
    assert start.findings.notes == (*expected.notes, f"Read from {kept}: the findings of {', '.join(start.tasks)}.")


def test_each_stage_stores_its_own_findings_alone(kept: Path) -> None:
    there = {path.relative_to(kept / FOLDER).as_posix() for path in stage_maps("scan", kept) if path.exists()}
    assert there == {
        "detection/scan_heatmap.nii.gz",
        "detection/scan_detection_probabilities.npz",
        "identification/scan_vertebrae.nii.gz",
        "instances/scan_vertebrae.nii.gz",
    }


def test_the_record_holds_the_initial_findings_of_a_run(kept: Path, tmp_path: Path) -> None:
    start = InitialFindings(earlier=kept).start(CASE, GRID, ["instances"])
    out = tmp_path / "out"
    more = StageFindings(instances=labels(22, VertebraMap))
    write_stages([start, Stage(("instances",), more, start.findings.merged(more))], out)
    assert (out / FOLDER / START / "scan_vertebrae.nii.gz").is_file()
    again = stage_before(out, "scan", ["instances"])
    same(start.findings, again.findings.having(grid=GRID, **read_maps(again)))
    with pytest.raises(ValueError, match="no findings of scan from before identification"):
        stage_before(out, "scan", ["identification"])


@pytest.mark.parametrize("tasks", [("detection",), ("detection", "vertebra_masks")], ids="-".join)
def test_a_run_in_which_everything_is_to_run_again_is_refused(tasks: tuple[str, ...], kept: Path) -> None:
    with pytest.raises(ValueError, match="has no findings of scan from before detection"):
        InitialFindings(earlier=kept).start(CASE, GRID, tasks)


def test_supplied_landmarks_replace_those_of_an_earlier_run(kept: Path, tmp_path: Path) -> None:
    given = Landmarks(("L3",), GRID.to_mm([(3, 3, 10)]))
    write_markups(given, tmp_path / "by_hand" / "scan.mrk.json")
    (kept / "scan_centroids.json").write_text("[]")  # irrelevant where landmarks are supplied
    start = InitialFindings(tmp_path / "by_hand", kept).start(CASE, GRID, ["vertebra_masks"]).findings
    assert start.landmarks is not None and start.landmarks.names == ("L3",) and start.naming is None
    assert start.instances is not None and start.notes[-1] == "The landmarks are supplied, not found: scan.mrk.json."
    assert not any("filled in" in note for note in start.notes)


def test_manually_changed_centroids_are_used(kept: Path) -> None:
    write_markups(FIRST, kept / "scan_centroids.mrk.json")
    for tasks in (["vertebra_masks"], ["instances"]):
        with pytest.raises(ValueError, match=r"mrk.json was changed .*L1 by 1.7 mm.*--landmarks"):
            InitialFindings(earlier=kept).start(CASE, GRID, tasks)
    InitialFindings(earlier=kept).start(CASE, GRID, ["identification"])  # which starts from no landmarks


def test_a_scan_of_another_grid_or_name_is_refused(kept: Path) -> None:
    other = Grid.from_spacing(GRID.shape, (2.0, 2.0, 2.0), axcodes="PIR")
    with pytest.raises(ValueError, match="must lie on one grid"):
        InitialFindings(earlier=kept).start(CASE, other, ["vertebra_masks"])
    (kept / f"scan{RECORD}").rename(kept / f"other{RECORD}")
    with pytest.raises(BrokenFile, match="it belongs to scan"):
        stage_before(kept, "other", ["vertebra_masks"])
    with pytest.raises(BrokenFile, match="is not there; a run saves it with --save-intermediate"):
        stage_before(kept, "scan", ["vertebra_masks"])


def test_maps_of_others_moved_or_missing_are_refused(kept: Path) -> None:
    given = InitialFindings(earlier=kept)
    response = kept / FOLDER / "detection" / "scan_heatmap.nii.gz"
    write_image(Volume(np.zeros(COARSE.shape, np.float32), COARSE), response)
    with pytest.raises(BrokenFile, match="has no provenance stamp of this program"):
        given.start(CASE, GRID, ["vertebra_masks"])
    moved = COARSE.window((1, 0, 0), COARSE.shape)
    write_image(Volume(np.zeros(COARSE.shape, np.float32), moved), response, DESCRIPTION)
    with pytest.raises(ValueError, match="must lie on one grid"):
        given.start(CASE, GRID, ["vertebra_masks"])
    write_image(Volume(np.zeros(COARSE.shape, np.float32), COARSE), response, DESCRIPTION)
    fractions = kept / FOLDER / "detection" / "scan_detection_probabilities.npz"
    np.savez(fractions, generator=GENERATOR, kind="PartMap")
    with pytest.raises(BrokenFile, match="holds no class probabilities"):
        given.start(CASE, GRID, ["vertebra_masks"])
    np.savez(fractions, kind="PartMap")
    with pytest.raises(BrokenFile, match="has no provenance stamp of this program"):
        given.start(CASE, GRID, ["vertebra_masks"])
    fractions.unlink()
    with pytest.raises(BrokenFile, match=r"scan_detection_probabilities.npz: is not there"):
        given.start(CASE, GRID, ["vertebra_masks"])


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(format=0),
        lambda record: record.update(generator="other"),
        lambda record: record.update(stages=[]),
        lambda record: record["stages"][1].pop("tasks"),
        lambda record: record["stages"][1]["found"].update(mood=3),
        lambda record: record["stages"][1]["maps"]["heatmap"].update(kind="mood"),
    ],
)
def test_an_unusable_record_is_reported(change, kept: Path) -> None:
    path = kept / f"scan{RECORD}"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(BrokenFile, match="is no usable record of a scan's stages"):
        stage_before(kept, "scan", ["vertebra_masks"])


def test_every_map_of_findings_has_a_file_with_provenance() -> None:
    assert set(MAP_ENDINGS.values()) <= set(STAMPED_ENDINGS)
    every = {each.name: each for each in fields(Findings)}
    assert set(MAP_ENDINGS) < set(every) and {each.name for each in fields(StageFindings)} <= set(every)
    assert all(
        str(each.type) == str(every[each.name].type) for each in fields(StageFindings) if each.name in MAP_ENDINGS
    )
