"""What each stage found is kept beside the results and read back, up to the stage that is to run again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from learning_functions.predict.initial_findings import GivenFindings
from learning_functions.predict.intermediate_results import (
    FOLDER,
    HEAT,
    MAP_ENDINGS,
    RECORD,
    START,
    Stage,
    read_maps,
    replaced_maps,
    stage_before,
    write_stages,
)
from utility_functions.anatomy.peaks import Candidate
from utility_functions.files.annotations import write_markups, write_verse_json
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.files.provenance import DESCRIPTION, GENERATOR, MARKED_ENDINGS
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.naming_record import NamingRecord

GRID = Grid.from_spacing((6, 7, 20), (2.0, 2.0, 3.0), axcodes="PIR")
CASE = Case("scan", Path("scan.nii.gz"))
FIRST = Landmarks(("L1", "L2"), GRID.to_mm([(3, 3, 5), (3, 3, 15)]), [0.9, 0.5])
SECOND = Landmarks(("L1", "L2"), FIRST.points_mm + 1)


def labels(value: int) -> LabelMap:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[2:4, 2:5, 3:9] = value
    return LabelMap(voxels, GRID)


def stages() -> list[Stage]:
    """Heat and detection, names with their tubes, then masks in place of these; a later stage hands on the others."""
    start = Findings("scan", GRID)
    rng = np.random.default_rng(1)
    heat = Volume(rng.random(GRID.shape).astype(np.float16), GRID)
    found = start.having(heatmap=heat, detection=labels(1), parts=True)
    record = NamingRecord({"L1": 0.9}, filled=("L2",), margin=float("inf"))
    candidates = (Candidate("L1", (1.0, 2.0, 3.0), 0.7),)
    named = found.having(landmarks=FIRST, instances=labels(20), candidates=candidates).named(record)
    masks = named.having(landmarks=SECOND, instances=labels(21), whole=True, completeness={"L1": 0.8})
    masks = masks.noting("L2: cut.").timed("instances", 3.0)
    return [
        Stage((), start),
        Stage(("detection",), found),
        Stage(("identification",), named),
        Stage(("instances",), masks),
    ]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    made = stages()
    for field, found in made[-1].findings.maps.items():
        write_image(found, tmp_path / f"scan{MAP_ENDINGS[field]}", DESCRIPTION)
    write_stages(made, tmp_path)
    write_verse_json(SECOND, tmp_path / "scan_centroids.json", GRID, GENERATOR)
    write_markups(SECOND, tmp_path / "scan_centroids.mrk.json", GENERATOR)
    return tmp_path


def same(one: Findings, other: Findings) -> None:
    """Equal, but for seconds and what a reader is told besides."""
    assert (one.naming, one.candidates, one.parts, one.whole) == (
        other.naming,
        other.candidates,
        other.parts,
        other.whole,
    )
    assert one.completeness == other.completeness and set(one.maps) == set(other.maps)
    for field, found in one.maps.items():
        again = other.maps[field]
        assert type(found) is type(again) and found.voxels.dtype == again.voxels.dtype and found.grid is GRID
        np.testing.assert_array_equal(found.voxels, again.voxels)
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
def test_a_run_goes_on_from_before_the_first_stage_that_is_to_run_again(tasks: tuple[str, ...], kept: Path) -> None:
    expected = stages()[AGAIN[tasks]].findings
    start = GivenFindings(earlier=kept).start(CASE, GRID, tasks)
    assert start.tasks == ("detection", "identification", "instances")[: AGAIN[tasks]]
    same(start.findings, expected)
    assert start.findings.seconds == {}
    assert start.findings.notes == (*expected.notes, f"Read from {kept}, found before: {', '.join(start.tasks)}.")


def test_only_maps_that_were_replaced_are_written_again(kept: Path) -> None:
    replaced = [path for path in replaced_maps("scan", kept) if path.exists()]
    assert replaced == [kept / FOLDER / "identification" / "scan_vertebrae.nii.gz"]


def test_what_a_run_went_on_from_is_its_start(kept: Path, tmp_path: Path) -> None:
    start = GivenFindings(earlier=kept).start(CASE, GRID, ["instances"])
    out = tmp_path / "out"
    write_stages([start, Stage(("instances",), start.findings.having(instances=labels(22)))], out)
    assert (out / FOLDER / START / "scan_vertebrae.nii.gz").is_file()
    for field in ("heatmap", "detection"):
        write_image(start.findings.maps[field], out / f"scan{MAP_ENDINGS[field]}", DESCRIPTION)
    again = stage_before(out, "scan", ["instances"])
    same(start.findings, again.findings.having(grid=GRID, **read_maps(again, GRID)))
    with pytest.raises(ValueError, match="nothing of scan that was found before identification"):
        stage_before(out, "scan", ["identification"])


@pytest.mark.parametrize("tasks", [("detection",), ("detection", "vertebra_masks")], ids="-".join)
def test_a_run_in_which_everything_is_to_run_again_is_refused(tasks: tuple[str, ...], kept: Path) -> None:
    with pytest.raises(ValueError, match="keeps nothing of scan that was found before detection"):
        GivenFindings(earlier=kept).start(CASE, GRID, tasks)


def test_landmarks_given_go_before_those_of_the_earlier_run(kept: Path, tmp_path: Path) -> None:
    given = Landmarks(("L3",), GRID.to_mm([(3, 3, 10)]))
    write_markups(given, tmp_path / "by_hand" / "scan.mrk.json")
    (kept / "scan_centroids.json").write_text("[]")  # of no account where landmarks are given
    start = GivenFindings(tmp_path / "by_hand", kept).start(CASE, GRID, ["vertebra_masks"]).findings
    assert start.landmarks is not None and start.landmarks.names == ("L3",) and start.naming is None
    assert start.instances is not None and start.notes[-1] == "Landmarks were given, not found: scan.mrk.json."
    assert not any("filled in" in note for note in start.notes)


def test_centroids_changed_by_hand_are_not_passed_over(kept: Path) -> None:
    write_markups(FIRST, kept / "scan_centroids.mrk.json")
    for tasks in (["vertebra_masks"], ["instances"]):
        with pytest.raises(ValueError, match=r"mrk.json was changed .*L1 by 1.7 mm.*--landmarks"):
            GivenFindings(earlier=kept).start(CASE, GRID, tasks)
    GivenFindings(earlier=kept).start(CASE, GRID, ["identification"])  # which starts from no landmarks


def test_a_scan_of_another_grid_or_name_is_refused(kept: Path) -> None:
    other = Grid.from_spacing(GRID.shape, (2.0, 2.0, 2.0), axcodes="PIR")
    with pytest.raises(ValueError, match="must lie on one grid"):
        GivenFindings(earlier=kept).start(CASE, other, ["vertebra_masks"])
    (kept / f"scan{RECORD}").rename(kept / f"other{RECORD}")
    with pytest.raises(BrokenFile, match="it is of scan"):
        stage_before(kept, "other", ["vertebra_masks"])
    with pytest.raises(BrokenFile, match="is not there; an earlier run keeps it with --save-intermediate"):
        stage_before(kept, "scan", ["vertebra_masks"])


def test_maps_of_others_moved_or_missing_are_refused(kept: Path) -> None:
    given = GivenFindings(earlier=kept)
    heat = kept / "scan_heatmap.nii.gz"
    write_image(Volume(np.zeros(GRID.shape, np.float32), GRID), heat)
    with pytest.raises(BrokenFile, match="does not bear this program's mark"):
        given.start(CASE, GRID, ["vertebra_masks"])
    moved = GRID.window((1, 0, 0), GRID.shape)
    write_image(Volume(np.zeros(GRID.shape, np.float32), moved), heat, DESCRIPTION)
    with pytest.raises(ValueError, match="must lie on one grid"):
        given.start(CASE, GRID, ["vertebra_masks"])
    heat.unlink()
    with pytest.raises(BrokenFile, match=r"scan_heatmap.nii.gz: is not there"):
        given.start(CASE, GRID, ["vertebra_masks"])


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(format=0),
        lambda record: record.update(generator="other"),
        lambda record: record.update(stages=[]),
        lambda record: record["stages"][1].pop("tasks"),
        lambda record: record["stages"][1]["findings"].update(mood=3),
    ],
)
def test_a_record_that_cannot_be_used_is_told(change, kept: Path) -> None:
    path = kept / f"scan{RECORD}"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(BrokenFile, match="is no record of a scan's stages"):
        stage_before(kept, "scan", ["vertebra_masks"])


def test_every_map_of_findings_has_a_marked_file() -> None:
    assert set(MAP_ENDINGS.values()) <= set(MARKED_ENDINGS)
    volumes = {"heatmap": Volume(np.zeros(GRID.shape), GRID)}
    every = Findings("scan", GRID).having(**{field: volumes.get(field, labels(1)) for field in MAP_ENDINGS})
    assert set(every.maps) == set(MAP_ENDINGS) and set(HEAT) <= set(MAP_ENDINGS)
    hints = Findings.__dataclass_fields__.items()
    assert {name for name, field in hints if str(field.type).startswith(("LabelMap", "Volume"))} == set(MAP_ENDINGS)
