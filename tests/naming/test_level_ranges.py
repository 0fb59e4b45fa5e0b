"""A name that is less than half sure is reported as a range of levels, in every output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.naming.brute_force import detected, spine
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import decode, level_range
from utility_functions.anatomy.naming.statistics import Statistics
from utility_functions.files.annotations import read_landmarks, write_markups
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import Findings
from utility_functions.records.naming_record import NamingRecord
from utility_functions.reporting.pictures import scan_figure
from utility_functions.reporting.results import ScanRow
from utility_functions.reporting.score_frames import level_frame


def probabilities(**levels: float) -> np.ndarray:
    return np.array([levels.get(name, 0.0) for name in LEVELS])


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"L3": 1.0}, ("L3", "L3")),
        ({"T10": 0.45, "T9": 0.3, "T11": 0.25}, ("T9", "T11")),
        ({"T10": 0.46, "T9": 0.45, "T11": 0.05, "C2": 0.04}, ("T9", "T10")),
        ({"T9": 0.04, "T10": 0.03, "T11": 0.03}, ("T9", "T11")),  # most likely it is no vertebra
    ],
)
def test_the_range_is_the_shortest_that_holds_nine_tenths(levels, expected) -> None:
    assert level_range(probabilities(**levels)) == expected


def test_without_evidence_names_are_ranges_and_with_it_they_are_not() -> None:
    bodies = spine("T9", "T10")
    unsure = NamingRecord.of(decode(detected(bodies, nats=0.0), Statistics()), np.array(list(bodies.values())))
    assert unsure.ranges and set(unsure.ranges) <= set(unsure.posterior)
    for name, (upper, lower) in unsure.ranges.items():
        assert unsure.posterior[name] < 0.5
        assert LEVELS.index(upper) <= LEVELS.index(name) <= LEVELS.index(lower)
    assert any(note.startswith("Known as a range of levels only:") for note in unsure.notes)
    sure = NamingRecord.of(decode(detected(bodies, nats=8.0), Statistics()), np.array(list(bodies.values())))
    assert sure.ranges == {} and set(sure.posterior) == set(bodies)


RECORD = NamingRecord({"T10": 0.4, "T11": 0.9}, ranges={"T10": ("T9", "T11")})


def test_a_range_reads_from_the_upper_to_the_lower_level() -> None:
    assert [RECORD.in_words(name) for name in ("T10", "T11")] == ["T9 to T11", "T11"]


def test_what_is_left_out_has_no_range() -> None:
    assert RECORD.only(["T11"]).ranges == {}
    assert RECORD.only(["T10"]).ranges == {"T10": ("T9", "T11")}


def test_the_row_of_a_level_has_its_probability_and_its_range() -> None:
    grid = Grid.from_spacing((4, 5, 6), (1, 2, 3))
    landmarks = Landmarks(("T10", "T11"), np.array([[0.0, 0, 30], [0, 0, 0]]))
    rows = level_frame([ScanRow("a", Findings("a", grid, landmarks=landmarks, naming=RECORD))]).set_index("level")
    assert rows.loc["T10", ["probability", "level_range"]].tolist() == [0.4, "T9 to T11"]
    assert rows.loc["T11", "probability"] == 0.9 and not isinstance(rows.loc["T11", "level_range"], str)


def test_slicer_shows_the_range_and_the_file_is_read_again(tmp_path: Path) -> None:
    landmarks = Landmarks(("T10", "T11"), np.array([[1.0, 2, 30], [1, 2, 0]]))
    path = tmp_path / "scan.mrk.json"
    write_markups(landmarks, path, ranges=RECORD.ranges)
    points = json.loads(path.read_text())["markups"][0]["controlPoints"]
    assert [point["description"] for point in points] == ["uncertain: T9 to T11", ""]
    assert read_landmarks(path, None).names == landmarks.names


def test_the_picture_shows_the_range_in_place_of_the_name() -> None:
    grid = Grid.from_spacing((40, 40, 60), (1, 1, 1))
    volume = Volume(np.random.default_rng(1).integers(-100, 300, grid.shape).astype(np.int16), grid)
    landmarks = Landmarks(("T10", "T11"), np.array([[20.0, 20, 45], [20, 20, 20]]))
    figure = scan_figure(volume, landmarks, naming=RECORD)
    words = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"T9 to T11", "T11"} <= words and "T10" not in words
