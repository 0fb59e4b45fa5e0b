"""Dataclasses survive JSON with equal values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losses_and_metrics.identification_rate import score_scan
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.json_records import from_json, json_text, to_json
from utility_functions.records.findings import Findings
from utility_functions.records.trail import Step, Trail
from utility_functions.reporting.results import ScanRow


@dataclass(frozen=True)
class Inner:
    name: str
    fraction: float | None = None


@dataclass(frozen=True)
class Outer:
    inners: tuple[Inner, ...] = ()
    by_name: Mapping[str, float] = field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    several: list[Inner] = field(default_factory=list)
    place: Path | None = None
    either: bool = False
    anything: Any = None


def through(value: Any) -> Any:
    return from_json(type(value), json.loads(json.dumps(to_json(value), allow_nan=False)))


@pytest.mark.parametrize(
    "record",
    [
        Outer(),
        Outer((Inner("a", 0.1), Inner("b")), {"x": 1.5}, (7, "z"), [Inner("c")], Path("here"), True, {"k": [1, None]}),
        Outer(by_name={"a": np.float32(0.5), "b": -0.25}),
    ],
)
def test_a_record_is_equal_again(record: Outer) -> None:
    assert through(record) == record


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_what_is_not_finite_is_null_and_comes_back_as_nan(value: float) -> None:
    """JSON has no such numbers; they become null everywhere."""
    assert to_json({"a": [value], "b": np.array([1.0, value])}) == {"a": [None], "b": [1.0, None]}
    assert "NaN" not in json_text(value) and "Infinity" not in json_text(value)
    assert math.isnan(through(Outer(by_name={"a": value})).by_name["a"])
    assert through(Inner("a", value)).fraction is None


def test_records_of_the_first_version_are_read_as_they_were() -> None:
    """They store numbers that are not finite as words."""
    old = from_json(Outer, {"by_name": {"a": "nan", "b": "inf", "c": "-inf"}})
    assert math.isnan(old.by_name["a"]) and (old.by_name["b"], old.by_name["c"]) == (math.inf, -math.inf)


def test_a_row_of_results_is_restored_without_its_maps() -> None:
    grid = Grid.from_spacing((4, 5, 6), (1, 2, 3), axcodes="PIR")
    truth = Landmarks(("L1", "L2"), [(0.1, 1 / 3, 0), (0, 0, -34)])
    found = Landmarks(("L1", ""), [(0, 3, 4), (1, 1, 1)], [0.9, 0.2])
    label_map = LabelMap(np.zeros(grid.shape, np.uint8), grid)
    trail = Trail("down", "corner", (Step((1.0, 2.0, 3.0), 1000.0, "found"),), "end of the image")
    findings = Findings("a", grid, detection=label_map, landmarks=found, instances=label_map)
    findings = findings.having(completeness={"L1": 0.4}, scores={"dice": math.nan}, seconds={"reading": 0.1})
    findings = findings.noting("a note").having(trail=trail, quarter_turns=1)
    row = ScanRow("a", findings, truth, score_scan("a", found, truth), Path("a.png"))
    again = through(row)
    assert to_json(again) == to_json(row) and again.score == row.score
    assert again.findings.trail == trail and again.findings.grid.same_as(grid) and again.findings.instances is None
    assert (again.findings.landmarks.points_mm == found.points_mm).all() and again.landmarks.names == found.names
    empty = through(replace(row, findings=findings.having(landmarks=Landmarks.empty(), trail=None)))
    assert len(empty.landmarks) == 0


@pytest.mark.parametrize(
    "wrong", [[], {"name": 3}, {"name": "a", "fraction": "much"}, {"name": "a", "new": 1}, {}, None, {"name": None}]
)
def test_mismatched_records_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        from_json(Inner, wrong)


def test_values_outside_json_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: object"):
        to_json(Outer(anything=object()))
