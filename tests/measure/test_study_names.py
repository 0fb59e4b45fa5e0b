"""Which series of one study lie in one world, whose names pass to which, and when those of an earlier run are stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning_functions.measure.study_names import (
    differing_names,
    names_within_studies,
    out_of_date,
    world_within_study,
)
from tests.oracle import oracle_landmarks
from utility_functions.files.cases import Case
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.records.findings import Findings
from utility_functions.records.names_elsewhere import FRAME, GRID
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.results import ScanRow

HERE = Grid.from_spacing((40, 60, 90), (2.0, 2.0, 2.0), (-40, -60, -100))
MOVED = Grid.from_spacing((40, 60, 90), (2.0, 2.0, 2.0), (-40, -60, -97))
COARSE = Grid.from_spacing((20, 30, 45), (4.0, 4.0, 4.0), (-39, -59, -99))
TRUE, SHIFTED = ("T11", "T12", "L1", "L2"), ("T12", "L1", "L2", "L3")
PLACES = oracle_landmarks(TRUE).points_mm


def case(name: str, study: str = "study", frame: str = "") -> Case:
    return Case(name, Path(f"{name}.nii.gz"), "patient", study=study, frame=frame)


def row(
    name: str,
    names: tuple[str, ...] = TRUE,
    error: float = 0.01,
    warning: str = "",
    grid: Grid = HERE,
    counted_from: str = "",
) -> ScanRow:
    record = NamingRecord(
        dict.fromkeys(names, 1 - error), error_probability=error, warning=warning, counted_from=counted_from
    )
    findings = Findings(name, grid, landmarks=Landmarks(names, PLACES[: len(names)])).named(record)
    return ScanRow(name, findings)


def unsure(name: str, names: tuple[str, ...] = SHIFTED, error: float = 0.4, grid: Grid = HERE) -> ScanRow:
    return row(name, names, error, "Levels may be shifted by one.", grid)


@pytest.mark.parametrize(
    ("one", "other", "grids", "world"),
    [
        (case("a", frame="F"), case("b", frame="F"), (HERE, COARSE), FRAME),
        (case("a", frame="F"), case("b", frame="G"), (HERE, HERE), ""),
        (case("a", frame="F"), case("b"), (HERE, HERE), GRID),
        (case("a", frame="F"), case("b"), (HERE, MOVED), ""),
        (case("a"), case("b"), (HERE, HERE), GRID),
        (case("a"), case("b"), (HERE, MOVED), ""),
        (case("a"), case("b"), (HERE, COARSE), ""),
        (case("a", "s", "F"), case("b", "t", "F"), (HERE, HERE), ""),
        (case("a", "", "F"), case("b", "", "F"), (HERE, HERE), ""),
    ],
    ids=[
        "one frame, two grids",
        "two frames on one grid",
        "one UID is missing, one grid",
        "one UID is missing, a shifted grid",
        "one grid",
        "a shifted grid",
        "other voxels in the same box",
        "two studies",
        "no study is told",
    ],
)
def test_one_world_is_one_study_in_one_frame_or_on_one_grid(
    one: Case, other: Case, grids: tuple[Grid, Grid], world: str
) -> None:
    assert world_within_study(one, other, *grids) == world
    assert world_within_study(other, one, *reversed(grids)) == world


def test_the_surer_names_pass_to_doubtful_ones_in_the_same_place() -> None:
    measured = [(case("t1"), unsure("t1")), (case("t2"), row("t2"))]
    found = names_within_studies(measured)
    assert list(found.names) == ["t1"] and found.doubts == {}
    passed = found.names["t1"]
    assert passed.scan == "t2" and passed.landmarks.names == TRUE and passed.world == GRID
    assert passed.doubt.error == 0.01
    assert names_within_studies(measured[::-1]).names.keys() == {"t1"}


def test_certainty_passes_where_the_names_are_the_same() -> None:
    found = names_within_studies([(case("t1"), unsure("t1", TRUE)), (case("t2"), row("t2"))])
    assert list(found.names) == ["t1"]


def test_two_doubtful_series_agree_on_the_names_of_the_surer() -> None:
    measured = [(case("t1"), unsure("t1", SHIFTED, 0.3)), (case("t2"), unsure("t2", TRUE, 0.4))]
    assert list(names_within_studies(measured).names) == ["t2"]
    same = [(case("t1"), unsure("t1", TRUE, 0.3)), (case("t2"), unsure("t2", TRUE, 0.4))]
    assert names_within_studies(same).names == {}


def test_sure_series_that_differ_keep_their_names_and_doubt_each_other() -> None:
    found = names_within_studies([(case("t1"), row("t1", SHIFTED, 0.05)), (case("t2"), row("t2"))])
    assert found.names == {} and set(found.doubts) == {"t1", "t2"}
    assert "t2 of the same study" in found.doubts["t1"] and "(T12 here is T11 there)" in found.doubts["t1"]
    assert "(T11 here is T12 there)" in found.doubts["t2"]


def test_nothing_passes_between_worlds_patients_and_what_no_decoder_named() -> None:
    for here, there in (
        ((case("t1", frame="F"), unsure("t1")), (case("t2", frame="G"), row("t2"))),
        ((case("t1", "s"), unsure("t1")), (case("t2", "t"), row("t2"))),
        ((case("t1"), unsure("t1")), (case("t2"), row("t2", grid=MOVED))),
        ((case("t1"), ScanRow("t1", problem="broken")), (case("t2"), row("t2"))),
        ((case("t1"), ScanRow("t1", Findings("t1", HERE))), (case("t2"), row("t2"))),
        ((case("t1"), unsure("t1")), (case("t2"), row("t2", counted_from="t3"))),
    ):
        found = names_within_studies([here, there])
        assert found.names == {} and found.doubts == {}


def test_scans_that_share_no_vertebra_share_no_name() -> None:
    far = unsure("t1").findings
    assert far is not None and far.landmarks is not None
    far = far.having(landmarks=Landmarks(SHIFTED, PLACES + np.array([0.0, 45.0, 0.0])))
    measured = [(case("t1"), ScanRow("t1", far)), (case("t2"), row("t2"))]
    assert names_within_studies(measured).names == {}


def test_one_without_a_common_vertebra_does_not_hide_the_next_surest() -> None:
    neck = Findings("t3", HERE, landmarks=Landmarks(("C2", "C3"), np.array([[0, 40.0, 60], [0, 40.0, 40]])))
    sure = neck.named(NamingRecord({"C2": 1.0, "C3": 1.0}, error_probability=0.0))
    measured = [(case("t1"), unsure("t1")), (case("t2"), row("t2")), (case("t3"), ScanRow("t3", sure))]
    assert names_within_studies(measured).names["t1"].scan == "t2"


def test_interpolated_levels_do_not_pass() -> None:
    giver = row("t2")
    assert giver.findings is not None and giver.naming is not None
    giver = replace(giver, findings=giver.findings.named(replace(giver.naming, interpolated=("L1",))))
    found = names_within_studies([(case("t1"), unsure("t1")), (case("t2"), giver)])
    assert found.names["t1"].landmarks.names == ("T11", "T12", "L2")


def test_names_of_an_earlier_run_are_stale_without_the_series_that_they_came_from() -> None:
    passed, giver = row("t1", counted_from="t2"), row("t2")
    assert out_of_date({case("t1"): passed, case("t2"): giver}) == []
    for other in (None, row("t2", SHIFTED), row("t2", counted_from="t3"), ScanRow("t2", problem="broken")):
        assert case("t1") in out_of_date({case("t1"): passed, case("t2"): other})
    assert out_of_date({case("t1"): passed}) == [case("t1")]
    assert out_of_date({case("t1"): None, case("t2"): giver}) == []


def test_names_differ_only_where_vertebrae_are_the_same() -> None:
    one, other = row("t1").findings, row("t2", SHIFTED).findings
    assert one is not None and other is not None
    assert differing_names(one, one) == []
    assert differing_names(one, other) == list(zip(TRUE, SHIFTED, strict=True))
