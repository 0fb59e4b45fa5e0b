"""Findings of a scan after quarter turns about the vertical axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from utility_functions.anatomy.peaks import Candidate
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned, turned_grid, turned_points
from utility_functions.geometry.volume import Volume
from utility_functions.records.findings import MAP_ENDINGS, Findings, StageFindings
from utility_functions.records.map_kinds import ClassProbabilities
from utility_functions.records.naming_record import NamingRecord
from utility_functions.records.trail import Trail


def turned_landmarks(landmarks: Landmarks, quarter_turns: int) -> Landmarks:
    """The same landmarks turned about the world's origin."""
    return Landmarks(landmarks.names, turned_points(landmarks.points_mm, quarter_turns), landmarks.scores)


def turned_findings(findings: Findings, quarter_turns: int) -> Findings:
    """The same findings turned about the world's origin: every place in mm and every grid, the voxels as they are."""
    if quarter_turns % 4 == 0:
        return findings
    return findings.having(grid=turned_grid(findings.grid, quarter_turns), **_turned(findings, quarter_turns))


def turned_stage(found: StageFindings, quarter_turns: int) -> StageFindings:
    """What one stage found, turned likewise."""
    return found if quarter_turns % 4 == 0 else found.having(**_turned(found, quarter_turns))


def _turned(findings: Findings | StageFindings, quarter_turns: int) -> Mapping[str, Any]:
    """Each field that has positions and is not None, turned."""
    places = {name: getattr(findings, name) for name in (*MAP_ENDINGS, "landmarks", "naming", "trail", "candidates")}
    return {name: _turned_value(value, quarter_turns) for name, value in places.items() if value is not None}


def _turned_value(value: Any, quarter_turns: int) -> Any:
    def point(place: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = turned_points(place, quarter_turns).tolist()
        return x, y, z

    if isinstance(value, Volume):
        return turned(value, quarter_turns)
    if isinstance(value, ClassProbabilities):
        return value.with_grid(turned_grid(value.grid, quarter_turns))
    if isinstance(value, Landmarks):
        return turned_landmarks(value, quarter_turns)
    if isinstance(value, NamingRecord):
        return replace(value, false_mm=tuple(point(place) for place in value.false_mm))
    if isinstance(value, Trail):
        return replace(value, steps=tuple(replace(step, position=point(step.position)) for step in value.steps))
    candidates: tuple[Candidate, ...] = value
    return tuple(replace(each, point_mm=point(each.point_mm)) for each in candidates)
