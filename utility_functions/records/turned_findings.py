"""What was found in a scan, as it lies once the scan is turned by quarters about the vertical axis."""

from __future__ import annotations

from dataclasses import replace

from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turned, turned_grid, turned_points
from utility_functions.records.findings import Findings

Point = tuple[float, float, float]


def turned_landmarks(landmarks: Landmarks, quarters: int) -> Landmarks:
    """The same landmarks turned about the world's origin."""
    return Landmarks(landmarks.names, turned_points(landmarks.points_mm, quarters), landmarks.scores)


def turned_findings(findings: Findings, quarters: int) -> Findings:
    """The same findings turned about the world's origin: every place in mm and every grid, the voxels as they are."""

    def moved(point: Point) -> Point:
        x, y, z = turned_points(point, quarters).tolist()
        return x, y, z

    naming, trail = findings.naming, findings.trail
    if naming is not None:
        naming = replace(naming, false_mm=tuple(moved(point) for point in naming.false_mm))
    if trail is not None:
        trail = replace(trail, steps=tuple(replace(step, position=moved(step.position)) for step in trail.steps))
    return findings.having(
        grid=turned_grid(findings.grid, quarters),
        landmarks=None if findings.landmarks is None else turned_landmarks(findings.landmarks, quarters),
        naming=naming,
        trail=trail,
        candidates=tuple(replace(each, point_mm=moved(each.point_mm)) for each in findings.candidates),
        **{name: turned(found, quarters) for name, found in findings.maps.items()},
    )
