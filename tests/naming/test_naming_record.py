"""Records of namings, shipped statistics, and evidence of regressed levels and supplied names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.naming.brute_force import detected, spine
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming import default_statistics as shipped
from utility_functions.anatomy.naming.__main__ import main
from utility_functions.anatomy.naming.decoder import decode
from utility_functions.anatomy.naming.keypoint_naming import BY_PLACES, named_keypoints, notes_of
from utility_functions.anatomy.naming.regressed import names_given, regressed_detections
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.json_records import from_json, to_json
from utility_functions.records.naming_record import NamingRecord, in_short

NAN = float("nan")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "none"),
        (("L2",), "L2"),
        (("T11", "T12", "L1"), "T11-L1"),
        (("T11", "T12", "T13", "L1"), "T11-L1"),
        (("T11", "L1"), "T11, L1"),
        (("L4", "L5", "L6", "S1"), "L4-S1"),
        (("L4", "S1"), "L4, S1"),
        (("L1", "", "T12", "L3"), "T12-L1, L3, 1 false"),
    ],
)
def test_levels_in_short(names, words) -> None:
    assert in_short(names) == words


def test_a_record_goes_to_json_and_comes_back_equal() -> None:
    bodies = spine("T8", "L5")
    naming = decode(detected({name: place for name, place in bodies.items() if name != "T11"}), Statistics(), 2)
    record = NamingRecord.of(naming, np.array(list(bodies.values())))
    assert from_json(NamingRecord, json.loads(json.dumps(to_json(record), allow_nan=False))) == record
    assert record.interpolated == ("T11",) and len(record.alternatives) == 2
    assert record.shifted_by_one == pytest.approx(sum(naming.shifted))
    endless = NamingRecord({})
    assert from_json(NamingRecord, json.loads(json.dumps(to_json(endless), allow_nan=False))) == endless


def test_shipped_statistics_load_with_their_attribution() -> None:
    assert "CC BY-SA 4.0" in json.loads(shipped.PATH.read_text())["attribution"]
    keypoints, scans = shipped.keypoint_statistics(), shipped.scan_statistics()
    assert keypoints.regions is not None and scans.regions is None
    assert scans.steps_mm["L2", "L3"] == keypoints.steps_mm["L2", "L3"]
    assert scans.steps_mm["C2", "C3"] == Statistics().steps_mm["C2", "C3"]
    assert scans.starts["T13"] < 0.01 * scans.starts["T12"] and scans.ends == Statistics().ends


def test_the_command_makes_the_statistics_of_a_folder(tmp_path: Path) -> None:
    regions = {"spine_segment_probabilities": [0, 1, 0]}
    for folder, placed in (("truth", "spine_level"), ("predictions", "")):
        (tmp_path / folder).mkdir()
        entries = [
            {
                "coordinates": {"world_space": [-float(x), -float(y), float(z)]},
                "type": {"keypoint_type": "body", **({placed: name} if placed else regions)},
            }
            for name, (x, y, z) in spine("T9", "L5").items()
        ]
        (tmp_path / folder / "a.json").write_text(json.dumps(entries))
    out = tmp_path / "made.json"
    assert main([str(tmp_path), "--output", str(out)]) == 0
    made = Statistics.from_json(json.dumps(json.loads(out.read_text())["statistics"]))
    assert made.inverse_temperature == shipped.INVERSE_TEMPERATURE and made.regions is not None
    assert main([str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize(
    ("levels", "votes", "first"),
    [
        ([20, 21, 22, 23, 24], [1, 1, 1, 1, 1], "L1"),
        ([20.3, 21.3, 22.3, 23.3], [1, 1, 1, 1], "L1"),
        ([20, 21, 12, 23, 24], [1, 1, 1, 1, 1], "L1"),  # one outlier shifts nothing
        ([3, 21, 22, 23, 2], [0, 1, 1, 1, 0], "L1"),  # incomplete vertebrae do not vote
        ([NAN, 21, 22], [1, 1, 1], "L1"),
        ([18, 19, 20], [0, 0, 0], "T11"),  # unless all are incomplete
    ],
)
def test_regressed_levels_name_a_chain(levels, votes, first) -> None:
    usual = [name for name in LEVELS if name not in ("T13", "L6")]
    names = usual[usual.index(first) : usual.index(first) + len(levels)]
    points = np.array(list(spine(names[0], names[-1]).values()))
    naming = decode(regressed_detections(levels, votes, points), shipped.scan_statistics())
    assert naming.names == tuple(names)


def test_unknown_levels_are_named_by_positions_with_a_note() -> None:
    points = np.array(list(spine("T10", "L5").values()))
    naming = decode(regressed_detections([NAN] * len(points), [1] * len(points), points), shipped.scan_statistics())
    assert naming.error_probability > 0.1 and naming.warning()


def test_levels_and_votes_have_one_length() -> None:
    with pytest.raises(ValueError, match=r"Received: 2 and 1\."):
        regressed_detections([1, 2], [1], np.zeros((2, 3)))


def test_supplied_names_are_evidence_for_their_level_alone() -> None:
    placed = names_given(["L1", ""], 3.0)
    assert placed[0, LEVELS.index("L1")] == 3.0 and placed.sum() == 3.0


@pytest.mark.parametrize("first", ["C3", "T8", "L1"])
def test_supplied_names_of_keypoints_are_corrected_by_neighbours(first) -> None:
    bodies = spine(first, "L5")
    names = list(bodies)
    names[1], names[2] = "", names[1]  # one without a name, one with its neighbour's
    points = np.array(list(bodies.values()))
    naming = named_keypoints(points, tuple(names), np.full((len(names), 3), NAN))
    assert naming.names == tuple(bodies)


def test_keypoints_are_named_by_their_regions() -> None:
    bodies = spine("T9", "L5")
    regions = np.array([(0.01, 0.97, 0.02) if name[0] == "T" else (0.01, 0.02, 0.99) for name in bodies])
    naming = named_keypoints(np.array(list(bodies.values())), ("",) * len(bodies), regions)
    assert naming.names == tuple(bodies)


def test_without_evidence_of_levels_a_note_says_so() -> None:
    nothing = np.full((2, 3), NAN)
    assert notes_of(("", ""), nothing) == (BY_PLACES,)
    assert notes_of(("L1", ""), nothing) == notes_of((), nothing[:0]) == notes_of(("",), np.ones((1, 3))) == ()
    assert named_keypoints(np.zeros((0, 3)), (), nothing[:0]).names == ()
